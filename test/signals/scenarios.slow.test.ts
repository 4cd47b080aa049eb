/** Real Go programs that show one condition each: the signals that must see it do, those that must not stay quiet. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGo, goUnavailable } from "../support/go.ts";
import { start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { observeTrace, sum, traceOf } from "./support.ts";
import type { ObservedTrace } from "./support.ts";

const skip = requireOrSkip("the trace signals of Go programs", await goUnavailable());

describe.skipIf(skip)("requests of a service without tasks", () => {
  let trace: ObservedTrace;
  beforeAll(async () => {
    trace = observeTrace(await traceOf("requests"));
  });

  it("are timed by their handlers", () => {
    const fast = trace.whole.values("request_duration_seconds", { request: "main.fast" });
    const slow = trace.whole.values("request_duration_seconds", { request: "main.slow" });
    expect(fast).toHaveLength(40);
    expect(slow).toHaveLength(5);
    expect(Math.min(...fast)).toBeGreaterThanOrEqual(0.002);
    expect(Math.min(...slow)).toBeGreaterThanOrEqual(0.08);
    expect(fast.toSorted((a, b) => a - b)[20]).toBeLessThan(0.08);
  });

  it("show the one that is stuck before it ends, older in each generation", () => {
    const ages = trace.generations.map((each) =>
      each.values("request_open_seconds", { request: "main.stuck" }),
    );
    expect(ages.at(-1)).toHaveLength(1);
    expect(ages.at(-1)?.[0]).toBeGreaterThan(1.2);
    expect(trace.whole.values("request_duration_seconds", { request: "main.stuck" })).toEqual([]);
  });

  it("are not read out of stacks when told so", async () => {
    const bytes = await traceOf("requests");
    const never = observeTrace(bytes, { requests: "never" });
    expect(never.whole.labels("request_duration_seconds", "request")).toEqual([]);
    expect(never.whole.labels("request_open_seconds", "request")).toEqual([]);
  });

  it("make system calls that are named by who made them", () => {
    const functions = trace.whole.labels("syscall_duration_seconds", "function");
    expect(functions.some((name) => name.startsWith("net/http."))).toBe(true);
    expect(functions.some((name) => name.startsWith("syscall.") || name.startsWith("internal/"))).toBe(false);
  });
});

describe.skipIf(skip)("a leak of goroutines", () => {
  it("shows in every count of goroutines, and in their age", async () => {
    const { generations } = observeTrace(await traceOf("leak"));
    expect(generations.length).toBeGreaterThan(1);
    const [first, last] = [generations[0]!, generations.at(-1)!];
    expect(first.value("goroutines_created_minus_ended", { function: "main.leaked" })).toBe(50);
    expect(last.values("goroutines_created_minus_ended", { function: "main.leaked" })).toEqual([]);
    expect(last.value("goroutines_by_function", { function: "main.leaked" })).toBe(50);
    expect(last.value("goroutines", { state: "waiting" })).toBeGreaterThanOrEqual(50);
    expect(last.value("blocked_goroutines", { reason: "chan receive" })).toBeGreaterThanOrEqual(50);
    const ages = last.values("blocked_age_seconds", { reason: "chan receive", function: "main.leaked" });
    expect(ages).toHaveLength(50);
    expect(Math.min(...ages)).toBeGreaterThan(1.2);
    expect(sum(first.values("blocked_seconds", { reason: "chan receive" }))).toBeGreaterThan(40);
  });
});

describe.skipIf(skip)("a calm program", () => {
  let trace: ObservedTrace;
  beforeAll(async () => {
    trace = observeTrace(await traceOf("calm"));
  });

  it("leaves everything quiet", () => {
    const { whole, generations } = trace;
    for (const signal of [
      "task_duration_seconds",
      "task_open_seconds",
      "region_duration_seconds",
      "request_duration_seconds",
      "request_open_seconds",
      "log_records",
      "cpu_gap_seconds",
      "gc_cycle_seconds",
    ]) {
      expect(whole.series(signal), signal).toEqual([]);
    }
    expect(whole.labels("stw_pause_seconds", "kind").every((kind) => !kind.startsWith("GC"))).toBe(true);
    expect(Math.max(...whole.values("cpu_gap_ratio"))).toBe(0);
    expect(Math.max(...whole.values("gc_assist_ratio"))).toBe(0);
    expect(Math.max(...whole.values("runnable_goroutines"))).toBeLessThan(20);
    expect(Math.max(...whole.values("idle_procs_while_runnable_ratio"))).toBeLessThan(0.2);
    expect(generations.at(-1)?.labels("goroutines_created_minus_ended", "function")).not.toContain(
      "main.main",
    );
  });

  it("still says how big its heap is, and how many goroutines it has", () => {
    expect(trace.whole.values("trace_bytes").every((bytes) => bytes > 100)).toBe(true);
    expect(sum(trace.generations[0]!.values("goroutines"))).toBeGreaterThan(2);
  });
});

describe.skipIf(skip)("a program that makes garbage", () => {
  it("shows collections, stops, assists and the heap", async () => {
    const { whole, generations } = observeTrace(await traceOf("garbage"));
    const cycles = whole.values("gc_cycle_seconds");
    expect(cycles.length).toBeGreaterThan(5);
    for (const kind of ["GC mark termination", "GC sweep termination"]) {
      const pauses = whole.values("stw_pause_seconds", { kind });
      expect(Math.abs(pauses.length - cycles.length)).toBeLessThanOrEqual(1);
    }
    expect(Math.max(...whole.values("gc_assist_ratio"))).toBeGreaterThan(0.001);
    expect(Math.max(...whole.values("gc_assist_ratio"))).toBeLessThan(1);
    const live = generations[0]!.value("heap_live_bytes");
    expect(live).toBeGreaterThan(1 << 20);
    expect(generations[0]!.value("heap_goal_bytes")).toBeGreaterThan(live / 4);
  });
});

describe.skipIf(skip)("a task that hangs", () => {
  it("is seen before it ends, with its log record, and gives no duration", async () => {
    const { whole, generations } = observeTrace(await traceOf("hang"));
    expect(generations.length).toBeGreaterThan(1);
    const ages = generations.map((each) => each.values("task_open_seconds", { task: "import" })[0] ?? 0);
    expect(ages.at(-1)).toBeGreaterThan(1.2);
    expect(ages.toSorted((a, b) => a - b)).toEqual(ages);
    expect(whole.series("task_duration_seconds")).toEqual([]);
    expect(whole.series("region_duration_seconds")).toEqual([]);
    expect(whole.series("log_records")).toMatchObject([
      { labels: { category: "file", message: "orders.csv" } },
    ]);
    expect(whole.values("log_records")).toEqual([1]);
  });
});

describe.skipIf(skip)("a crowd on one P", () => {
  it("shows in the run queue and in the latency", async () => {
    const { whole } = observeTrace(await traceOf("crowd"));
    expect(Math.max(...whole.values("runnable_goroutines"))).toBeGreaterThan(150);
    const latencies = whole.values("sched_latency_seconds");
    // 200 of 200 µs one after another: the last waits 40 ms, half of them more than 10 ms.
    expect(Math.max(...latencies)).toBeGreaterThan(0.03);
    expect(latencies.filter((seconds) => seconds > 0.01).length).toBeGreaterThan(100);
  });
});

describe.skipIf(skip)("a program the machine does not let run", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gorewind-signals-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Lets the program burn its CPUs, and stops it for `pauseMs` in the middle. */
  async function burn(pauseMs: number): Promise<ObservedTrace> {
    const file = join(folder, `${pauseMs}.trace`);
    await using child = await start(await buildGo("test/go/signals"), ["burn", file]);
    await child.line((line) => line === "burning");
    if (pauseMs > 0) {
      process.kill(child.pid, "SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      process.kill(child.pid, "SIGCONT");
    }
    expect((await child.exited).code).toBe(0);
    return observeTrace(await readFile(file));
  }

  it("shows a gap as long as it was stopped", async () => {
    const { whole } = await burn(300);
    const gaps = whole.values("cpu_gap_seconds");
    expect(Math.max(...gaps)).toBeGreaterThan(0.28);
    expect(Math.max(...whole.values("cpu_gap_ratio"))).toBeGreaterThan(0.15);
  });
});
