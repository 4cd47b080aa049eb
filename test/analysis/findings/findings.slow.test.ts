import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { analyse } from "../../../src/analysis/analyse.ts";
import { rules } from "../../../src/analysis/findings/findings.ts";
import type { Finding } from "../../../src/analysis/findings/result.ts";
import type { AnalysisResult } from "../../../src/analysis/result.ts";
import { readTrace } from "../../../src/trace/reader.ts";
import { buildGo, goUnavailable } from "../../support/go.ts";
import { run } from "../../support/process.ts";
import { requireOrSkip } from "../../support/require.ts";
import { buildTrace, sampleTrace } from "../../support/trace-builder.ts";

const skip = requireOrSkip("findings in real programs with one disease each", await goUnavailable());

interface Disease {
  readonly name: string;
  /** Rule that must find it. */
  readonly rule: string;
  /** Rules that find something as well. */
  readonly also?: readonly string[];
  /** A function that must be in the finding's stacks or sentence. */
  readonly names?: string;
  /** Rules that must not find anything beside it. The machine's own load may let os-starvation and slow-wakeup speak. */
  readonly not: readonly string[];
}

const waits = [
  "mutex-contention",
  "lock-convoy",
  "channel-backpressure",
  "network-dependency",
  "timer-sleep",
  "syscall-heavy",
  "fan-out-straggler",
];
const others = (rule: string): string[] => waits.filter((each) => each !== rule);

const diseases: readonly Disease[] = [
  { name: "mutex", rule: "mutex-contention", names: "main.rebuildIndex", not: others("mutex-contention") },
  {
    name: "convoy",
    rule: "lock-convoy",
    names: "main.book",
    not: ["channel-backpressure", "goroutine-leak", "gc-assist"],
  },
  {
    name: "backpressure",
    rule: "channel-backpressure",
    names: "main.backpressure",
    not: others("channel-backpressure"),
  },
  {
    name: "saturation",
    rule: "cpu-saturation",
    names: "repeat.func1",
    not: [...waits, "few-procs", "gc-assist"],
  },
  {
    name: "oneproc",
    rule: "few-procs",
    names: "repeat.func1",
    not: [...waits, "cpu-saturation", "gc-assist"],
  },
  { name: "gc", rule: "gc-assist", also: ["gc-pressure"], not: [...waits, "goroutine-leak"] },
  {
    name: "stw",
    rule: "long-stw",
    names: "main.longStop.func1",
    not: [...waits, "cpu-saturation", "goroutine-leak"],
  },
  {
    name: "network",
    rule: "network-dependency",
    names: "main.askInventory",
    not: others("network-dependency"),
  },
  { name: "syscalls", rule: "syscall-heavy", names: "main.flush", not: others("syscall-heavy") },
  {
    name: "straggler",
    rule: "fan-out-straggler",
    also: ["waits-for-goroutine"],
    names: "main.askShards",
    not: others("fan-out-straggler"),
  },
  { name: "leak", rule: "goroutine-leak", names: "main.notify", not: [...waits, "gc-assist"] },
  { name: "sleep", rule: "timer-sleep", names: "main.pollUntilReady", not: others("timer-sleep") },
  {
    name: "requests",
    rule: "mutex-contention",
    names: "main.lookUp",
    not: ["lock-convoy", "goroutine-leak", "gc-assist"],
  },
  { name: "frozen", rule: "os-starvation", not: [...waits, "few-procs", "goroutine-leak", "gc-assist"] },
];

let folder = "";
let binary = "";

async function diagnose(name: string): Promise<AnalysisResult> {
  const file = join(folder, `${name}.trace`);
  const { exitCode, stderr } = await run(binary, [name, file]);
  if (exitCode !== 0) throw new Error(`diseases ${name}: ${stderr}`);
  return analyse(readTrace(await readFile(file)));
}

/** All that a finding says. */
const wordsOf = (finding: Finding): string =>
  JSON.stringify([finding.sentence, finding.stacks, finding.numbers]);

describe.skipIf(skip)("findings", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gorewind-diseases-"));
    binary = await buildGo("test/go/diseases");
  }, 120_000);
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  test.each(diseases)(
    "$name is found by $rule",
    // How ill a program gets within its second depends on the host: on a busy one it may get too few turns.
    { timeout: 60_000, retry: 3 },
    async ({ name, rule, also = [], names, not }) => {
      const result = await diagnose(name);
      const { findings, healthy, sentence } = result.findings!;
      const found = findings.filter((finding) => finding.rule === rule);
      expect(
        found.map(({ rule: id }) => id),
        sentence,
      ).toContain(rule);
      for (const other of also)
        expect(
          findings.map((each) => each.rule),
          sentence,
        ).toContain(other);
      expect(healthy).toBe(false);
      const [finding] = found;
      if (names !== undefined) expect(wordsOf(finding!)).toContain(names);
      expect(finding!.numbers.length).toBeGreaterThan(0);
      expect(finding!.advice).not.toBe("");
      expect(findings.map((each) => each.rule).filter((each) => not.includes(each))).toEqual([]);
      if (finding!.range !== null) {
        expect(finding!.range.begin_at_ns).toBeGreaterThanOrEqual(0);
        expect(finding!.range.end_at_ns).toBeLessThanOrEqual(result.duration_ns);
      }
    },
  );

  test("a healthy program is not accused", { timeout: 240_000 }, async () => {
    const { causes, findings } = await diagnose("healthy");
    // On a machine that is busy with other things, the operating system is rightly named.
    const own = findings!.findings.filter(({ rule }) => !["os-starvation", "slow-wakeup"].includes(rule));
    expect(own).toEqual([]);
    expect(causes!.units).toMatchObject([{ kind: "task", name: "order" }]);
    if (findings!.findings.length === 0) expect(findings!.sentence).toMatch(/^Healthy: /);
  });

  test("the collector's tax is told where there is one", { timeout: 240_000 }, async () => {
    const { causes } = await diagnose("gc");
    const [tax] = causes!.gc_tax;
    expect(tax).toMatchObject({ kind: "task", name: "order" });
    expect(tax!.assist_ns).toBeGreaterThan(0);
    expect(tax!.share).toBeGreaterThan(0.05);
    expect(tax!.share).toBeLessThanOrEqual(1);
  });

  test("requests are found in stacks, without a task", { timeout: 240_000 }, async () => {
    const { causes, findings, tasks } = await diagnose("requests");
    expect(tasks).toEqual([]);
    const cart = causes!.units.find(({ name }) => name === "main.showCart")!;
    expect(cart.kind).toBe("request");
    expect(cart.count).toBeGreaterThan(20);
    // The client's orders wait in select for a connection's goroutine: that is the network.
    expect(findings!.findings.filter(({ rule }) => rule === "waits-for-goroutine")).toEqual([]);
    expect(cart.paths[0]!.rows.some((row) => row.function === "main.rebuildIndex" && row.hops > 0)).toBe(
      true,
    );
  });
});

test("a client that waits for its connection waits for the network", () => {
  const trace = buildTrace(26);
  const m = trace.generation().thread(7);
  m.emit("ProcStatus", { dt: 0, p: 0, pstatus: "Running" });
  m.emit("GoStatus", { g: 1, m: 7, gstatus: "Running" });
  const stack = [
    "runtime.selectgo",
    "net/http.(*persistConn).roundTrip",
    "net/http.(*Client).Do",
    "main.checkout",
  ];
  for (let task = 1; task <= 3; task++) {
    m.emit("UserTaskBegin", { task, name_string: "order", stack: ["main.checkout"] });
    m.emit("GoBlock", { reason_string: "select", stack });
    m.emit("GoUnblock", { dt: 5_000_000, g: 1, g_seq: task * 2 - 1 });
    m.emit("GoStart", { g: 1, g_seq: task * 2 });
    m.emit("UserTaskEnd", { task, stack: ["main.checkout"] });
  }
  const { findings } = analyse(readTrace(trace.bytes()));
  expect(findings!.findings.map(({ rule }) => rule)).toEqual(["network-dependency"]);
  expect(findings!.sentence).toContain("waiting in main.checkout for an answer from the network");
});

test("every rule states its threshold, and has a name of its own", () => {
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
  for (const rule of rules) expect(rule.threshold.length).toBeGreaterThan(10);
});

test("a trace too long to be followed to its end says so", () => {
  const {
    causes,
    findings,
    duration_ns: length,
  } = analyse(readTrace(sampleTrace(26, 200)), {
    causes: { maxEvents: 100 },
  });
  expect(causes!.followed_ns).toBeLessThan(length);
  expect(findings!.healthy).toBe(true);
  expect(findings!.findings.map(({ rule, severity }) => [rule, severity])).toEqual([
    ["trace-incomplete", "info"],
  ]);
});

test("causes are left out if they are not asked for", () => {
  const { causes, findings } = analyse(readTrace(sampleTrace()), { causes: false });
  expect([causes, findings]).toEqual([null, null]);
});

test("nothing is said of an empty trace", () => {
  const { findings } = analyse([]);
  expect(findings!.healthy).toBe(true);
  expect(findings!.sentence).toContain("nothing is said about latency");
});
