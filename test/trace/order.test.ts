/** The state machine on traces built for the purpose: order, transitions, and what is refused. */

import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { DEFAULT_BATCH_ROWS } from "../../src/trace/columns.ts";
import type { EventColumns } from "../../src/trace/columns.ts";
import { readEvents } from "../../src/trace/events.ts";
import { Framing } from "../../src/trace/framing.ts";
import { decodeGeneration } from "../../src/trace/generation.ts";
import { Ordering } from "../../src/trace/order.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { GoState, ProcState } from "../../src/trace/spec.ts";
import { buildTrace, sampleTrace } from "../support/trace-builder.ts";
import type { GenerationBuilder, TraceBuilder } from "../support/trace-builder.ts";
import { Mutator } from "./mutate.ts";
import { collect, digest, nameOf, sharedTrace, v2Releases } from "./support.ts";
import { TraceFormatError } from "../../src/trace/error.ts";

/** A generation in which thread 1 runs goroutine 1 on proc 0. */
function running(trace: TraceBuilder): GenerationBuilder {
  const generation = trace.generation();
  generation
    .thread(1)
    .emit("ProcStatus", { p: 0, pstatus: "Running" })
    .emit("GoStatus", { g: 1, m: 1, gstatus: "Running" });
  return generation;
}

/** Rows of a trace but for the Syncs and the opening statuses, as `Name subject from>to`. */
function story(trace: TraceBuilder): string[] {
  const { rows, error } = collect(readTrace(trace.bytes()));
  if (error !== undefined) throw error;
  return rows
    .filter((row) => !/^Sync$|Status/.test(nameOf(row)))
    .map((row) => `${nameOf(row)} ${row.subject} ${row.from}>${row.to}`);
}

function errorOf(trace: TraceBuilder): string | undefined {
  return collect(readTrace(trace.bytes())).error?.message;
}

/** What Node knows of WebAssembly; neither of the types used here does. */
const { Module, Instance } = (globalThis as unknown as { WebAssembly: Record<string, unknown> }).WebAssembly;
const wasm = { Module, Instance };
/** As where a limit leaves too few addresses. */
function noMemory(): never {
  throw new RangeError("WebAssembly.Memory(): could not allocate memory");
}

describe("order", () => {
  it("puts a start after the unblock it needs, against their times", () => {
    const trace = buildTrace();
    const generation = running(trace);
    generation.thread(1).emit("GoStatus", { g: 2, m: -1, gstatus: "Waiting" });
    generation
      .thread(2)
      .emit("ProcStatus", { dt: 5, p: 1, pstatus: "Running" })
      .emit("GoStart", { dt: 1, g: 2, g_seq: 2 });
    generation.thread(1).emit("GoUnblock", { dt: 500, g: 2, g_seq: 1 });
    expect(story(trace)).toEqual([
      `GoUnblock 2 ${GoState.Waiting}>${GoState.Runnable}`,
      `GoStart 2 ${GoState.Runnable}>${GoState.Running}`,
    ]);
    const { rows } = collect(readTrace(trace.bytes()));
    for (let i = 1; i < rows.length; i++) expect(rows[i]!.time).toBeGreaterThan(rows[i - 1]!.time);
  });

  it("makes three rows of a coroutine switch, in their contexts", () => {
    const trace = buildTrace();
    const thread = running(trace).thread(1);
    thread.emit("GoCreateBlocked", { new_g: 2, new_stack: ["iter.Pull.func1"], stack: ["main.main"] });
    thread.emit("GoSwitch", { g: 2, g_seq: 1 }).emit("GoSwitchDestroy", { g: 1, g_seq: 1 });
    expect(story(trace)).toEqual([
      `GoCreateBlocked 2 ${GoState.NotExist}>${GoState.Waiting}`,
      `GoSwitch 2 ${GoState.Waiting}>${GoState.Runnable}`,
      `GoBlock 1 ${GoState.Running}>${GoState.Waiting}`,
      `GoStart 2 ${GoState.Runnable}>${GoState.Running}`,
      `GoSwitchDestroy 1 ${GoState.Waiting}>${GoState.Runnable}`,
      `GoDestroy 2 ${GoState.Running}>${GoState.NotExist}`,
      `GoStart 1 ${GoState.Runnable}>${GoState.Running}`,
    ]);
  });

  it("shows a cgo callback that ends with its proc as a steal from itself", () => {
    const trace = buildTrace();
    const thread = trace.generation().thread(1).emit("ProcStatus", { p: 0, pstatus: "Idle" });
    thread
      .emit("GoCreateSyscall", { new_g: 4 })
      .emit("ProcStart", { p: 0, p_seq: 1 })
      .emit("GoSyscallEndBlocked");
    thread.emit("GoStart", { g: 4, g_seq: 1 }).emit("GoSyscallBegin", { p_seq: 2 }).emit("GoDestroySyscall");
    expect(story(trace).slice(-2)).toEqual([
      `ProcSteal 0 ${ProcState.Running}>${ProcState.Idle}`,
      `GoDestroySyscall 4 ${GoState.Syscall}>${GoState.NotExist}`,
    ]);
  });

  it("gives a task's name to its end in a later generation", () => {
    const trace = buildTrace();
    running(trace).thread(1).emit("UserTaskBegin", { task: 9, parent_task: 0, name_string: "checkout" });
    running(trace).thread(1).emit("UserTaskEnd", { task: 9 });
    const tasks = [...readEvents(trace.bytes())].flatMap((e) =>
      e.kind === "TaskBegin" || e.kind === "TaskEnd" ? [e.task] : [],
    );
    expect(tasks).toEqual([
      { id: 9, parent: -1, name: "checkout" },
      { id: 9, parent: -1, name: "checkout" },
    ]);
  });

  it("gives a stop-the-world's kind to its end in a later generation", () => {
    const trace = buildTrace();
    running(trace).thread(1).emit("STWBegin", { kind_string: "GC mark termination" });
    const later = running(trace);
    later.string("something else");
    later.thread(1).emit("STWEnd");
    const names = [...readEvents(trace.bytes())].flatMap((e) =>
      "range" in e ? [`${e.kind} ${e.range.name}`] : [],
    );
    expect(names).toEqual([
      "RangeBegin stop-the-world (GC mark termination)",
      "RangeEnd stop-the-world (GC mark termination)",
    ]);
  });

  it("slips CPU samples in by time", () => {
    const trace = buildTrace();
    const generation = running(trace);
    generation
      .thread(1)
      .emit("HeapAlloc", { dt: 98, heapalloc_value: 2 ** 40 })
      .emit("HeapAlloc", { dt: 100, heapalloc_value: 2 });
    generation.sample({ time: 1150, m: 1, p: 0, g: 1, stack: ["main.hot"] });
    const events = [...readEvents(trace.bytes())];
    expect(events.map((e) => e.kind).slice(-4)).toEqual(["Metric", "StackSample", "Metric", "Sync"]);
    expect(events.at(-3)).toMatchObject({ goroutine: 1, proc: 0, thread: 1, absoluteTime: 1150n });
    expect(events.at(-3)!.stack!.top()).toBe("main.hot");
    expect(events.at(-4)).toMatchObject({ value: 2 ** 40 });
  });

  it("keeps goroutine ids above 2^32 apart", () => {
    const trace = buildTrace();
    const ids = [2 ** 32 + 5, 5, 2 ** 40 + 5, 2 ** 28 + 5];
    const thread = running(trace).thread(1);
    for (const new_g of ids) thread.emit("GoCreate", { new_g });
    thread.emit("GoBlock", { reason_string: "select" });
    for (const g of ids) thread.emit("GoStart", { g, g_seq: 1 }).emit("GoDestroy");
    expect(story(trace).filter((line) => line.startsWith("GoStart"))).toEqual(
      ids.map((g) => `GoStart ${g} 2>3`),
    );
  });

  it("reads the clock of a machine that is up for years", () => {
    const trace = buildTrace();
    // 400 days in ticks of 64 ns: absolute ns are above 2^53.
    const start = Math.floor((400 * 86_400e9) / 64);
    const generation = trace.generation(1, { start, ticksPerSecond: 15_625_000 });
    generation.thread(1).emit("ProcStatus", { dt: 3, p: 0, pstatus: "Idle" });
    const [, status] = [...readEvents(trace.bytes())];
    expect(status).toMatchObject({ time: 192, absoluteTime: BigInt(start) * 64n + 192n });
  });
});

describe("what order refuses", () => {
  it.each([
    ["a block without a goroutine", "GoBlock", {}, /expected a goroutine/, false],
    ["a second creation", "GoCreate", { new_g: 1 }, /already exists/, true],
    ["a region's end out of turn", "UserRegionEnd", { task: 1, name_string: "b" }, /misuse of region/, true],
    ["a range's end without begin", "GCMarkAssistEnd", {}, /not in-flight/, true],
    ["a GC end out of nowhere", "GCEnd", { gc_seq: 1 }, /undetermined state/, true],
    ["a start nobody unblocked", "GoStart", { g: 77, g_seq: 1 }, /failed to advance: M 1 at GoStart/, true],
    ["an unknown stack", "GoUnblock", { g: 3, g_seq: 1, stack: 99 }, /invalid stack ID 99/, true],
    ["an unknown string", "GoBlock", { reason_string: 99 }, /invalid string ID 99/, true],
    ["a jump in a proc's sequence", "GoSyscallBegin", { p_seq: 7 }, /can't make sequence: 0 -> 7/, true],
  ])("%s", (_, name, args, message, user) => {
    const trace = buildTrace();
    const generation = user ? running(trace) : trace.generation();
    const thread = generation.thread(1);
    if (user) {
      thread.emit("GoStatus", { g: 3, m: -1, gstatus: "Waiting" });
      thread.emit("UserRegionBegin", { task: 1, name_string: "a" });
    } else thread.emit("ProcStatus", { p: 0, pstatus: "Running" });
    thread.emit(name, args);
    expect(errorOf(trace)).toMatch(message);
    expect(collect(readTrace(trace.bytes())).error).toMatchObject({
      kind: "corrupt",
      generation: 1,
      version: 26,
      thread: 1,
    });
  });

  it("a task begun twice", () => {
    const trace = buildTrace();
    running(trace).thread(1).emit("UserTaskBegin", { task: 9 }).emit("UserTaskBegin", { task: 9 });
    expect(errorOf(trace)).toMatch(/task ID conflict: 9/);
  });
});

/** Rows of a trace with the short way of the hot loop on or off. */
function* merged(bytes: Uint8Array, plainOnly: boolean): Generator<EventColumns> {
  const ordering = new Ordering(DEFAULT_BATCH_ROWS, plainOnly);
  const { scheduler } = ordering;
  const framing = new Framing();
  let timeBase: number | undefined;
  for (const raw of [...framing.push(bytes), ...framing.end()]) {
    const generation = decodeGeneration(raw, timeBase);
    timeBase ??= generation.timeBase;
    scheduler.rows.reset(generation);
    ordering.enter(generation, raw.number === 1);
    for (let done = false; !done;) {
      try {
        done = ordering.fill();
      } finally {
        yield scheduler.rows;
      }
      scheduler.rows.reset(generation);
    }
  }
}

/** The rows, and what ended them. */
function outcomeOf(bytes: Uint8Array, plainOnly: boolean): unknown {
  try {
    const { rows, error } = collect(merged(bytes, plainOnly));
    return { rows, error: error?.message };
  } catch (error) {
    if (error instanceof TraceFormatError) return error.message;
    throw error;
  }
}

/** Regions in regions and over a generation's end, ranges beside each other, and a goroutine that ends in a region. */
function nested(): TraceBuilder {
  const trace = buildTrace();
  const first = running(trace).thread(1);
  first.emit("UserRegionBegin", { task: 1, name_string: "outer", stack: ["main.main"] });
  first.emit("UserRegionBegin", { task: 2, name_string: "inner" });
  first.emit("UserRegionEnd", { task: 2, name_string: "inner" });
  first.emit("UserRegionEnd", { task: 1, name_string: "outer" });
  first.emit("UserRegionBegin", { task: 3, name_string: "long" });
  first.emit("GCMarkAssistBegin", { stack: ["main.main"] });
  first.emit("STWBegin", { kind_string: "GC mark termination" });
  first.emit("GCMarkAssistEnd").emit("STWEnd");
  first.emit("GCMarkAssistBegin").emit("GCSweepBegin");
  first.emit("UserLog", { task: 3, key_string: "k", value_string: "v" });
  const second = running(trace);
  second.string("not the first string any more");
  const thread = second.thread(1).emit("GCSweepActive", { p: 0 }).emit("GCMarkAssistActive", { g: 1 });
  thread.emit("GCSweepEnd", { swept_value: 5, reclaimed_value: 2 ** 30 }).emit("GCMarkAssistEnd");
  thread.emit("UserRegionEnd", { task: 3, name_string: "long" });
  thread.emit("UserRegionEnd", { task: 4, name_string: "begun before the trace" });
  thread.emit("UserRegionBegin", { task: 5, name_string: "to the end" }).emit("GoDestroy");
  return trace;
}

/** So many goroutines at once that the tables, and the memory they are in, grow several times. */
function crowded(count: number): TraceBuilder {
  const trace = buildTrace();
  const generation = running(trace);
  const thread = generation.thread(1);
  for (let g = 2; g < count; g++) thread.emit("GoCreate", { new_g: g * 3, new_stack: ["main.work"] });
  thread.emit("GoBlock", { reason_string: "select" });
  for (let g = 2; g < count; g += 2) thread.emit("GoStart", { g: g * 3, g_seq: 1 }).emit("GoDestroy");
  for (let g = 3; g < count; g += 2) {
    thread
      .emit("GoStart", { g: g * 3, g_seq: 1 })
      .emit("GoCreate", { new_g: g * 3 + 1 })
      .emit("GoDestroy");
  }
  return trace;
}

describe("the short way and the plain way agree", () => {
  it("on regions and ranges within each other", () => {
    const bytes = nested().bytes();
    const { rows, error } = collect(merged(bytes, false));
    expect(error).toBeUndefined();
    expect(rows.map(nameOf).filter((name) => /Region|Assist|Sweep|STW|Log/.test(name))).toHaveLength(19);
    expect(collect(merged(bytes, true)).rows).toEqual(rows);
  });

  it.each([
    ["another region's end", "UserRegionEnd", { task: 3, name_string: "other" }, /misuse of region/],
    ["a second assist", "GCMarkAssistBegin", {}, /already in-flight/],
    ["a second sweep", "GCSweepBegin", {}, /already in-flight/],
  ])("on %s", (_, name, args, message) => {
    const trace = buildTrace();
    const thread = running(trace).thread(1).emit("UserRegionBegin", { task: 3, name_string: "one" });
    thread.emit("GCMarkAssistBegin").emit("GCSweepBegin").emit(name, args);
    const bytes = trace.bytes();
    const outcome = collect(merged(bytes, false));
    expect(outcome.error?.message).toMatch(message);
    expect(collect(merged(bytes, true))).toEqual(outcome);
  });

  it("on more goroutines than the tables begin with", () => {
    const bytes = crowded(40_000).bytes();
    const wanted = digest(merged(bytes, true));
    expect(wanted.rows).toBeGreaterThan(120_000);
    expect(digest(merged(bytes, false))).toEqual(wanted);
  });

  it("on mutations of them, errors included", () => {
    const mutator = new Mutator(nested().bytes(), 7);
    for (let i = 0; i < 700; i++) {
      const bytes = mutator.next();
      expect(outcomeOf(bytes, false)).toEqual(outcomeOf(bytes, true));
    }
  });

  it.each([
    ["WebAssembly", undefined],
    ["a memory of it", { ...wasm, Memory: noMemory }],
  ])("where %s is not to be had, which then is the plain way", async (_, stub) => {
    const bytes = new Uint8Array(readFileSync(sharedTrace("1.22")));
    vi.resetModules();
    vi.stubGlobal("WebAssembly", stub);
    try {
      const other = await import("../../src/trace/reader.ts");
      expect(digest(other.readTrace(bytes))).toEqual(digest(readTrace(bytes)));
    } finally {
      vi.unstubAllGlobals();
      vi.resetModules();
    }
  });

  it.each(v2Releases)("on the trace of Go %s", (release) => {
    const bytes = new Uint8Array(readFileSync(sharedTrace(release)));
    expect(digest(merged(bytes, false))).toEqual(digest(merged(bytes, true)));
  });

  it.each([22, 26])("on mutated traces of version %i, errors included", (version) => {
    const mutator = new Mutator(sampleTrace(version, 3), version);
    for (let i = 0; i < 1500; i++) {
      const bytes = mutator.next();
      expect(outcomeOf(bytes, false)).toEqual(outcomeOf(bytes, true));
    }
  });
});
