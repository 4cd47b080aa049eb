/** Go's reader is the judge: the same verdict on Go's own test traces and fuzz seeds, the same events on real traces. */

import { readFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTrace } from "../../src/trace/reader.ts";
import { assembleTrace } from "../../src/trace/text.ts";
import { dumpParsed } from "../../src/trace/tools/dump.ts";
import { buildGo, goEnv, goRoot, goUnavailable } from "../support/go.ts";
import { run, start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { Mutator } from "./mutate.ts";
import { collect, sharedTrace, v2Releases } from "./support.ts";
import { sampleTrace } from "../support/trace-builder.ts";

const skip = requireOrSkip("traces against Go's reader", await goUnavailable());
const testdata = skip ? "" : join(await goRoot(), "src/internal/trace/testdata");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-trace-"));
  if (!skip) await buildGo("test/go/eventdump");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** One of Go's test files: what is expected, and the trace in text form. */
function parseTestFile(name: string): { readonly expect: string; readonly bytes: Uint8Array } {
  const text = readFileSync(join(testdata, "tests", name), "utf8");
  const match = /^-- expect --\n(.*)\n-- trace --\n([^]*)$/.exec(text);
  if (match === null) throw new Error(`${name} is not in the form of Go's test files`);
  return { expect: match[1]!, bytes: assembleTrace(match[2]!) };
}

describe.skipIf(skip)("Go's own test traces", () => {
  const names = skip ? [] : readdirSync(join(testdata, "tests")).filter((name) => name.endsWith(".test"));

  it.each(names)("%s", (name) => {
    const { expect: wanted, bytes } = parseTestFile(name);
    const { rows, error } = collect(readTrace(bytes));
    const failure = /^FAILURE "(.*)"$/.exec(wanted);
    if (failure === null) {
      expect(wanted).toBe("SUCCESS");
      expect(error).toBeUndefined();
      expect(rows.length).toBeGreaterThan(1);
    } else expect(error?.message).toMatch(new RegExp(failure[1]!));
  });

  it.each(names)("%s, event by event", async (name) => {
    const { expect: wanted, bytes } = parseTestFile(name);
    if (wanted !== "SUCCESS") return;
    const file = join(folder, name);
    await writeFile(file, bytes);
    await expectSameEvents(file, bytes);
  });

  it("has tests at all", () => expect(names.length).toBeGreaterThan(20));
});

/** A seed of Go's fuzzer: one line with a Go literal of bytes. */
function parseSeed(text: string): Uint8Array {
  const literal = /^\[\]byte\((".*")\)$/m.exec(text)![1]!;
  const carrier = assembleTrace(
    `Trace Go1.26\n${literal.length < 60_000 ? `String id=1\n\tdata=${literal}` : ""}`,
  );
  // The literal travels as a string's data: header, event byte, id, length varint, data.
  let at = 18;
  while (carrier[at]! > 127) at++;
  return carrier.slice(at + 1);
}

interface Verdict {
  readonly events: number;
  readonly lastTime: bigint;
  readonly message: string;
}

async function goVerdicts(files: readonly string[]): Promise<Verdict[]> {
  const list = join(folder, "list");
  await writeFile(list, files.join("\n"));
  const { stdout, exitCode, stderr } = await run(await buildGo("test/go/eventdump"), ["verdicts", list]);
  expect(exitCode, stderr).toBe(0);
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const [events, time, ...message] = line.split(" ");
      return { events: Number(events), lastTime: BigInt(time!), message: message.join(" ") };
    });
}

describe.skipIf(skip)("the verdict is Go's", () => {
  it("on the seeds of Go's fuzzer", async () => {
    const names = readdirSync(join(testdata, "fuzz/FuzzReader"));
    const seeds = names.map((name) =>
      parseSeed(readFileSync(join(testdata, "fuzz/FuzzReader", name), "utf8")),
    );
    const files = names.map((name) => join(folder, `seed-${name}`));
    for (const [i, file] of files.entries()) await writeFile(file, seeds[i]!);
    const verdicts = await goVerdicts(files);
    expect(verdicts).toHaveLength(names.length);
    for (const [i, verdict] of verdicts.entries()) {
      const { error } = collect(readTrace(seeds[i]!));
      // Its ids are above 2^53, and what no double can hold is refused here.
      if (names[i] === "large-id") {
        expect(error?.kind).toBe("limit");
        continue;
      }
      expect([names[i], error === undefined]).toEqual([names[i], verdict.message === "ok"]);
    }
  });

  it.each([22, 23, 25, 26])("on mutated traces of version %i", async (version) => {
    const mutator = new Mutator(sampleTrace(version, 3), 20_261_123 + version);
    const traces = Array.from({ length: 300 }, () => mutator.next());
    const files = traces.map((_, i) => join(folder, `mutant-${version}-${i}`));
    for (const [i, file] of files.entries()) await writeFile(file, traces[i]!);
    const verdicts = await goVerdicts(files);
    let broken = 0;
    for (const [i, verdict] of verdicts.entries()) {
      const { rows, error } = collect(readTrace(traces[i]!));
      // What no double can hold is refused here and taken by Go.
      if (error?.kind === "limit") continue;
      // Go takes a table's batch that ends within an entry for the end of the trace, without an error.
      const silent = error?.detail === "data ends early";
      const same = (error === undefined) === (verdict.message === "ok");
      expect([i, same || silent, error?.message, verdict.message]).toEqual([
        i,
        true,
        error?.message,
        verdict.message,
      ]);
      if (error === undefined) expect([i, rows.length]).toEqual([i, verdict.events]);
      else broken++;
    }
    expect(broken).toBeGreaterThan(100);
    expect(broken).toBeLessThan(300);
  });
});

/** Compares every event with Go's print of it, stacks included; Go's lines are looked at as they come. */
async function expectSameEvents(file: string, bytes: Uint8Array): Promise<number> {
  const ours = dumpParsed(bytes);
  let lines = 0;
  let different: readonly [line: number, ours: string, go: string] | undefined;
  await using child = await start(await buildGo("test/go/eventdump"), ["events", file], {
    env: { ...process.env, TZ: "UTC" },
  });
  child.onLine((stream, line) => {
    if (stream !== "stdout") return;
    lines++;
    const own = ours.next();
    const text = own.done === true ? "(end)" : own.value;
    if (text !== line) different ??= [lines, text, line];
  });
  const exit = await child.exited;
  expect(exit.code, child.lines("stderr").join("\n")).toBe(0);
  expect(different).toBeUndefined();
  expect(ours.next().done).toBe(true);
  return lines;
}

describe.skipIf(skip)("every event is Go's", () => {
  it.each(v2Releases)("in the shared trace of Go %s", { timeout: 240_000 }, async (release) => {
    const file = sharedTrace(release);
    expect(await expectSameEvents(file, new Uint8Array(readFileSync(file)))).toBeGreaterThan(100_000);
  });

  it.each([
    ["sync", "TestMutex|TestCond|TestOnce|TestWaitGroup"],
    ["bytes", "TestReader|TestBuffer"],
    ["time", "TestTicker|TestAfter|TestTimer"],
    ["iter", "TestPull"],
  ])("in a fresh trace of package %s", { timeout: 240_000 }, async (name, tests) => {
    const file = join(folder, `${name}.trace`);
    const args = [
      "test",
      "-short",
      "-count=1",
      `-run=${tests}`,
      `-trace=${file}`,
      `-o=${join(folder, `${name}.test`)}`,
      name,
    ];
    const { exitCode, stderr } = await run("go", args, { env: goEnv(), cwd: folder });
    expect(exitCode, stderr).toBe(0);
    expect(await expectSameEvents(file, new Uint8Array(readFileSync(file)))).toBeGreaterThan(100);
  });
});
