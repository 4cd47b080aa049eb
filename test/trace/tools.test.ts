/** The tools on whole traces: the text Go prints, and rewritten traces that Go still opens. */

import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTrace } from "../../src/trace/reader.ts";
import { assembleTrace, wireLines } from "../../src/trace/text.ts";
import { anonymizeTrace } from "../../src/trace/tools/anonymize.ts";
import { cutTrace } from "../../src/trace/tools/cut.ts";
import { dumpWire } from "../../src/trace/tools/dump.ts";
import { footprint, formatFootprint } from "../../src/trace/tools/footprint.ts";
import { validateTrace } from "../../src/trace/tools/validate.ts";
import { goEnv, goToolTrace, goUnavailable } from "../support/go.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { buildTrace, sampleTrace } from "../support/trace-builder.ts";
import { collect, sharedTrace, v2Releases } from "./support.ts";

const skip = requireOrSkip("the trace tools against go tool trace", await goUnavailable());

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-tools-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function shared(release: string): Uint8Array {
  return new Uint8Array(readFileSync(sharedTrace(release)));
}

async function goPrints(mode: string, bytes: Uint8Array): Promise<string> {
  const file = join(folder, `${mode}.trace`);
  await writeFile(file, bytes);
  const { stdout, stderr, exitCode } = await run("go", ["tool", "trace", `-d=${mode}`, file], {
    env: goEnv(),
  });
  expect(exitCode, stderr).toBe(0);
  return stdout;
}

describe.skipIf(skip)("as go tool trace", () => {
  it.each(["1.22", "1.24"])("prints the wire events of Go %s", { timeout: 120_000 }, async (release) => {
    const bytes = shared(release);
    const [version, ...lines] = dumpWire(bytes);
    expect(version).toBe(`Trace Go1.${release === "1.24" ? "23" : "22"}`);
    const theirs = (await goPrints("wire", bytes)).trimEnd().split("\n");
    expect(lines.length).toBe(theirs.length);
    const different = lines.findIndex((line, i) => line !== theirs[i]);
    expect([different, lines[different]]).toEqual([-1, theirs[-1]]);
  });

  it.each(["1.22", "1.26"])("counts the footprint of Go %s", { timeout: 120_000 }, async (release) => {
    const bytes = shared(release);
    const theirs = (await goPrints("footprint", bytes)).trimEnd().split("\n").slice(2);
    const wanted = theirs.map((line) => line.trim().split(/\s+/)).filter(([, size]) => Number(size) > 0);
    const ours = formatFootprint(footprint(bytes))
      .slice(2)
      .map((line) => line.trim().split(/\s+/));
    expect(new Set(ours.map(String))).toEqual(new Set(wanted.map(String)));
  });
});

describe("text form", () => {
  it.each([22, 23, 25, 26])("of version %i assembles to the same bytes", (version) => {
    const bytes = sampleTrace(version, 2);
    expect(assembleTrace([...wireLines(bytes)].join("\n"))).toEqual(bytes);
  });

  it("says which line is wrong", () => {
    expect(() => assembleTrace("Trace Go1.22\nStrings\nGoTeleport dt=1\n")).toThrow(
      /line 3: unidentified event: GoTeleport/,
    );
    expect(() => assembleTrace("Trace Go1.22\nEventBatch gen=1\n")).toThrow(
      /line 2: expected 4 arguments, got 1/,
    );
  });
});

describe("validate", () => {
  it("accepts a whole trace", () => {
    expect(validateTrace(sampleTrace(26, 3))).toMatchObject({
      valid: true,
      version: 26,
      generations: 3,
      error: undefined,
      notices: [],
    });
  });

  it("says what is wrong and what can be read all the same", () => {
    const report = validateTrace(sampleTrace(26, 3).slice(0, -10));
    expect(report).toMatchObject({ valid: false, version: 26, generations: 2, error: { kind: "truncated" } });
    expect(report.notices).toHaveLength(1);
    expect(report.readableEvents).toBeGreaterThan(20);
  });

  it("takes anything", () => {
    expect(validateTrace(new Uint8Array(100))).toMatchObject({
      valid: false,
      events: 0,
      error: { kind: "not-a-trace" },
    });
  });
});

describe("cut", () => {
  it.each([22, 25, 26])("keeps whole generations of version %i", (version) => {
    const bytes = sampleTrace(version, 5);
    const cut = cutTrace(bytes, { kind: "between", from: 1_000_500, to: 2_000_000 });
    expect(cut.generations).toEqual([2, 3]);
    expect(cut.dropped).toBe(3);
    expect(collect(readTrace(cut.bytes)).error).toBeUndefined();
    expect(cutTrace(bytes, { kind: "last", duration: 0 }).generations).toEqual([5]);
    expect(cutTrace(bytes, { kind: "between" }).bytes).toEqual(bytes);
    expect(() => cutTrace(bytes, { kind: "between", from: 1e12 })).toThrow(/none is in the range/);
  });

  it("leaves a generation out that was cut off", () => {
    const cut = cutTrace(sampleTrace(26, 3).slice(0, -10), { kind: "last", duration: 1e12 });
    expect(cut).toMatchObject({ generations: [1, 2], truncated: true });
  });

  it.skipIf(skip).each(v2Releases)(
    "of Go %s opens in go tool trace",
    { timeout: 120_000 },
    async (release) => {
      const file = join(folder, `cut-${release}.trace`);
      const { bytes } = cutTrace(shared(release), { kind: "last", duration: 1e7 });
      await writeFile(file, bytes);
      expect(await goToolTrace(file)).toMatchObject({ exitCode: 0, stderr: "" });
    },
  );
});

describe("anonymize", () => {
  const secrets = /customer|secret|example\.com|home/;

  it("replaces what is the program's, keeps what is Go's", () => {
    const trace = buildTrace(26);
    const thread = trace.generation().thread(1);
    const own = { func: "example.com/secret/pay.(*Customer).Charge", file: "/home/ada/src/net/secret.go" };
    const http = { func: "net/http.(*conn).serve", file: "/usr/lib/go/src/net/http/server.go" };
    thread
      .emit("ProcStatus", { p: 0, pstatus: "Running" })
      .emit("GoStatus", { g: 1, m: 1, gstatus: "Running" });
    thread.emit("UserTaskBegin", { task: 1, name_string: "customer 7", stack: [own, http] });
    thread.emit("UserLog", {
      task: 1,
      key_string: "customer",
      value_string: "sync with secret",
      stack: [own, http],
    });
    thread.emit("GoBlock", {
      reason_string: "chan receive",
      stack: ["slices.Sort[example.com/secret.T]", "main.main"],
    });
    const bytes = anonymizeTrace(trace.bytes());
    const strings = [...wireLines(bytes)].filter((line) => line.includes("data=")).join("\n");
    expect(strings).not.toMatch(secrets);
    for (const kept of ["net/http.(*conn).serve", "/go/src/net/http/server.go", "chan receive", "main.main"])
      expect(strings).toContain(`"${kept}"`);
    const shape = (of: Uint8Array): unknown => collect(readTrace(of)).rows;
    expect(shape(bytes)).toEqual(shape(trace.bytes()));
  });

  it.skipIf(skip).each(["1.22", "1.27"])(
    "of Go %s opens in go tool trace, with every event",
    { timeout: 120_000 },
    async (release) => {
      const file = join(folder, `anonymous-${release}.trace`);
      const original = shared(release);
      await writeFile(file, anonymizeTrace(original));
      const dump = await goToolTrace(file);
      expect(dump).toMatchObject({ exitCode: 0, stderr: "" });
      expect(dump.lines).toHaveLength(collect(readTrace(original)).rows.length);
      expect(dump.lines.filter((line) => /checkout|main\.(burn|contention)/.test(line))).toEqual([]);
    },
  );
});
