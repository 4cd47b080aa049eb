import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { analyse } from "../../src/analysis/analyse.ts";
import { convertTrace, type Conversion } from "../../src/convert/convert.ts";
import { ProtoWriter } from "../../src/convert/proto.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { sharedTrace, sharedTraces, skipShared } from "../analysis/traces.ts";
import { chromiumUnavailable, startChromium } from "../support/chromium.ts";
import { readByPerfetto } from "../support/perfetto.ts";
import { requireOrSkip } from "../support/require.ts";
import { hostileTrace } from "../report/hostile.ts";

interface ChromeEvent {
  readonly name: string;
  readonly cat?: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: number;
  readonly sf?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}
interface ChromeTrace {
  readonly traceEvents: readonly ChromeEvent[];
  readonly stackFrames: Readonly<Record<string, { readonly name: string; readonly parent?: number }>>;
}

const GOROUTINES = 4;

async function convert(trace: Uint8Array, to: Conversion): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of convertTrace(readTrace(trace), to)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function chromeOf(trace: Uint8Array): Promise<ChromeTrace> {
  return JSON.parse(new TextDecoder().decode(await convert(trace, "chrome"))) as ChromeTrace;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
/** ns of slices, whose times are µs. */
const lasting = (events: readonly ChromeEvent[]): number => sum(events.map(({ dur = 0 }) => dur * 1000));

describe.skipIf(skipShared).each(sharedTraces)("%s for Chrome's viewer", (name) => {
  it("has the same times as the analysis", async () => {
    const trace = sharedTrace(name);
    const [{ traceEvents }, result] = [await chromeOf(trace), analyse(readTrace(trace))];
    const slices = traceEvents.filter(({ ph }) => ph === "X");
    const states = slices.filter(({ pid }) => pid === GOROUTINES);
    const exec = sum(result.goroutines.map((group) => group.exec_ns));
    const running = lasting(states.filter(({ cat }) => cat === "running"));
    // A state that a goroutine is found in began, for the analysis, at the last Sync before.
    expect(Math.abs(running - exec) / exec).toBeLessThan(0.001);
    const sleep = sum(result.goroutines.map((group) => group.block_ns["sleep"] ?? 0));
    expect(lasting(states.filter((slice) => slice.name === "blocked: sleep"))).toBeCloseTo(sleep, -2);
    for (const group of result.tasks.filter((task) => task.complete > 0 && task.complete === task.count)) {
      const own = slices.filter((slice) => slice.cat === "task" && slice.name === group.name);
      expect(own).toHaveLength(group.count);
      expect(lasting(own)).toBeCloseTo(group.total_ns, -2);
    }
    expect(traceEvents.filter(({ cat }) => cat === "log")).toHaveLength(result.logs.count);
  });

  it("nests: no slice of a line overlaps another's end", async () => {
    const { traceEvents } = await chromeOf(sharedTrace(name));
    const lines = new Map<string, { from: number; to: number }[]>();
    for (const { ph, pid, tid, ts, dur = 0 } of traceEvents) {
      if (ph !== "X") continue;
      const key = `${pid}/${tid}`;
      const line = lines.get(key) ?? [];
      lines.set(key, line);
      line.push({ from: Math.round(ts * 1000), to: Math.round((ts + dur) * 1000) });
    }
    const crossing: string[] = [];
    for (const [key, line] of lines) {
      const open: number[] = [];
      for (const { from, to } of line.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
        while (open.length > 0 && open.at(-1)! <= from) open.pop();
        if (open.length > 0 && to > open.at(-1)!) crossing.push(`${key} at ${from}`);
        open.push(to);
      }
    }
    expect(crossing).toEqual([]);
  });

  it("has arrows with both ends, and stacks that lead to a root", async () => {
    const { traceEvents, stackFrames } = await chromeOf(sharedTrace(name));
    const begun = new Map(traceEvents.filter(({ ph }) => ph === "s").map(({ id, ts }) => [id, ts]));
    const ended = traceEvents.filter(({ ph }) => ph === "t");
    expect(ended.length).toBeGreaterThan(100);
    expect(ended.filter(({ id, ts }) => !(begun.get(id)! < ts))).toEqual([]);
    expect(new Set(ended.map(({ id }) => id)).size).toBe(ended.length);
    for (const { sf } of traceEvents) {
      if (sf === undefined) continue;
      let [node, depth] = [stackFrames[sf], 0];
      while (node?.parent !== undefined && depth++ < 200) node = stackFrames[node.parent];
      if (node === undefined || depth >= 200) throw new Error(`stack ${sf} has no root`);
    }
  });
});

const skip = skipShared || requireOrSkip("Perfetto's trace_processor", await chromiumUnavailable());

/** Counters that count no error: how long something took, which is 0 and left out where the browser's clock is coarse. */
const harmless = /_duration_ns$|^clock_sync_cache_miss$/;
const complaints = (stats: Readonly<Record<string, number>>): string[] =>
  Object.keys(stats).filter((key) => !harmless.test(key));

describe.skipIf(skip)("Perfetto's own trace_processor", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.close();
  });

  it.each(["tour-go1.19", "tour-go1.22", "tour-go1.24"])("reads %s without an error", async (name) => {
    const trace = sharedTrace(name);
    const result = analyse(readTrace(trace));
    const { events, stats } = await readByPerfetto(browser, await convert(trace, "perfetto"));
    expect(complaints(stats)).toEqual([]);
    const count = (ph: string, cat: string): number =>
      events.filter((event) => event.ph === ph && event.cat === cat).length;
    const tasks = sum(result.tasks.filter((task) => task.name !== "").map((task) => task.count));
    expect([count("b", "task"), count("e", "task")]).toEqual([tasks, tasks]);
    expect(count("b", "running")).toBe(count("e", "running"));
    expect(count("b", "blocked")).toBe(count("e", "blocked"));
    expect(count("n", "log")).toBe(result.logs.count);
    const chrome = await chromeOf(trace);
    const ours = chrome.traceEvents.filter(({ ph, cat }) => ph === "X" && cat === "blocked");
    expect(count("b", "blocked")).toBe(ours.length);
  });

  it("reads names of any kind", async () => {
    const { stats, events } = await readByPerfetto(browser, await convert(hostileTrace(), "perfetto"));
    expect(complaints(stats)).toEqual([]);
    expect(events.some(({ name }) => name === `<script>document.title = "owned"</script>`)).toBe(true);
  });
});

describe("protobuf", () => {
  it("writes varints, fixed numbers, texts and messages of any length", () => {
    const out = new ProtoWriter();
    out.varint(1, 300);
    out.varint64(2, -1n);
    out.fixed64(3, 2 ** 40 + 5);
    out.string(16, "é");
    for (const length of [0, 127, 128, 20_000]) out.message(5, () => out.bytes(1, new Uint8Array(length)));
    const bytes = out.take();
    expect([...bytes.subarray(0, 28)]).toEqual(
      [
        [8, 172, 2],
        [16, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        [25, 5, 0, 0, 0, 0, 1, 0, 0],
        [130, 1, 2, 195, 169],
      ].flat(),
    );
    // Tag and length of each message, then of the bytes inside.
    const rest = 28;
    expect([...bytes.subarray(rest, rest + 4)]).toEqual([42, 2, 10, 0]);
    expect([...bytes.subarray(rest + 4, rest + 9)]).toEqual([42, 129, 1, 10, 127]);
    expect(bytes.length).toBe(rest + 4 + (3 + 2 + 127) + (3 + 3 + 128) + (1 + 3 + 1 + 3 + 20_000));
    expect(out.take()).toHaveLength(0);
  });
});
