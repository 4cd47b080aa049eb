/** Built traces: what is carried across generations, what a gap forgets, what is counted where, and every bound. */

import { describe, expect, it } from "vitest";
import { TraceSignals } from "../../src/signals/trace-signals.ts";
import { GenerationDecoder } from "../../src/trace/decoder.ts";
import { Framing } from "../../src/trace/framing.ts";
import { buildTrace } from "../support/trace-builder.ts";
import type { ThreadBuilder, TraceBuilder } from "../support/trace-builder.ts";
import { Observed, observeTrace, sum } from "./support.ts";

const SECOND = 1e9;
const MS = 1e6;

/** A generation of one second, on whose only thread goroutine 1 runs on P 0. Ticks are ns. */
function second(trace: TraceBuilder, number: number): ThreadBuilder {
  const m = trace.generation(number, { start: number * SECOND }).thread(1);
  m.emit("ProcStatus", { p: 0, pstatus: "Running" });
  m.emit("GoStatus", { g: 1, m: 1, gstatus: "Running" });
  return m;
}

describe("tasks and regions", () => {
  it("have exact times over generations, and an age while they are open", () => {
    const trace = buildTrace();
    const one = second(trace, 1);
    one.at(SECOND + 100 * MS).emit("UserTaskBegin", { task: 7, name_string: "checkout" });
    one.emit("UserRegionBegin", { task: 7, name_string: "charge" });
    const two = second(trace, 2);
    two.at(2 * SECOND + 900 * MS).emit("ProcsChange", { procs_value: 1 });
    const three = second(trace, 3);
    three.at(3 * SECOND + 100 * MS - 1).emit("UserRegionEnd", { task: 7, name_string: "charge" });
    three.at(3 * SECOND + 100 * MS).emit("UserTaskEnd", { task: 7 });
    const { generations } = observeTrace(trace.bytes());
    expect(generations[1]?.value("task_open_seconds", { task: "checkout" })).toBeCloseTo(1.8, 9);
    expect(generations[1]?.series("task_duration_seconds")).toEqual([]);
    expect(generations[2]?.value("task_duration_seconds", { task: "checkout" })).toBe(2);
    expect(generations[2]?.value("region_duration_seconds", { region: "charge" })).toBeCloseTo(2 - 2e-9, 12);
    expect(generations[2]?.series("task_open_seconds")).toEqual([]);
    // When it ended, on the clock that was given: ms since the trace's first event here.
    expect(generations[2]?.series("task_duration_seconds")[0]?.times?.[0]).toBeCloseTo(2100, 5);
  });

  it("that began before they could be seen have no duration", () => {
    const trace = buildTrace();
    const m = second(trace, 1);
    m.emit("UserTaskEnd", { task: 3 });
    m.emit("UserRegionEnd", { task: 3, name_string: "old" });
    const { whole } = observeTrace(trace.bytes());
    expect(whole.series("task_duration_seconds")).toEqual([]);
    expect(whole.series("region_duration_seconds")).toEqual([]);
  });

  it("nest, and go with their goroutine", () => {
    const trace = buildTrace();
    const m = second(trace, 1).at(SECOND + MS);
    m.emit("UserRegionBegin", { dt: MS, name_string: "outer" });
    m.emit("UserRegionBegin", { dt: MS, name_string: "inner" });
    m.emit("UserRegionEnd", { dt: MS, name_string: "inner" });
    m.emit("UserRegionEnd", { dt: MS, name_string: "outer" });
    m.emit("UserRegionBegin", { dt: MS, name_string: "never" });
    m.emit("GoDestroy", { dt: MS });
    const { whole } = observeTrace(trace.bytes());
    expect(whole.value("region_duration_seconds", { region: "inner" })).toBeCloseTo(0.001, 9);
    expect(whole.value("region_duration_seconds", { region: "outer" })).toBeCloseTo(0.003, 9);
    expect(whole.labels("region_duration_seconds", "region")).not.toContain("never");
  });
});

describe("goroutines", () => {
  it("count time blocked in the generation it was in, and age since it began", () => {
    const trace = buildTrace();
    const one = second(trace, 1);
    one.emit("GoCreate", { new_g: 2, new_stack: ["main.worker"], stack: ["main.main"] });
    one
      .at(SECOND + 400 * MS)
      .emit("GoBlock", { reason_string: "chan receive", stack: ["runtime.chanrecv1", "main.main"] });
    one.emit("GoStart", { dt: 100 * MS, g: 2, g_seq: 1 });
    one.at(2 * SECOND - MS).emit("HeapAlloc", { heapalloc_value: 1000 });
    const two = trace.generation(2, { start: 2 * SECOND }).thread(1);
    two.emit("ProcStatus", { p: 0, pstatus: "Running" });
    two.emit("GoStatus", { g: 2, m: 1, gstatus: "Running" });
    two.emit("GoStatus", { g: 1, m: -1, gstatus: "Waiting" });
    two.at(2 * SECOND + 500 * MS).emit("GoUnblock", { g: 1, g_seq: 1 });
    two.at(3 * SECOND - MS).emit("HeapAlloc", { heapalloc_value: 3000 });
    const { generations } = observeTrace(trace.bytes());
    const [first, last] = generations;
    expect(first?.value("blocked_seconds", { reason: "chan receive" })).toBeCloseTo(0.599, 9);
    expect(
      first?.value("blocked_age_seconds", { reason: "chan receive", function: "main.main" }),
    ).toBeCloseTo(0.599, 9);
    expect(first?.value("blocked_goroutines", { reason: "chan receive" })).toBe(1);
    expect(first?.value("sched_latency_seconds")).toBeCloseTo(0.5, 6);
    expect(first?.value("heap_live_bytes")).toBe(1000);
    // To the unblock, from the end of the interval before.
    expect(last?.value("blocked_seconds", { reason: "chan receive" })).toBeCloseTo(0.501, 9);
    expect(last?.value("blocked_goroutines", { reason: "chan receive" })).toBe(0);
    expect(last?.series("blocked_age_seconds")).toEqual([]);
    expect(last?.value("goroutines", { state: "runnable" })).toBe(1);
    expect(last?.value("goroutines", { state: "running" })).toBe(1);
    expect(last?.value("goroutines_by_function", { function: "main.worker" })).toBe(1);
    expect(last?.value("heap_live_bytes")).toBe(3000);
  });

  it("that wait while a P is idle show in the ratio, but not while the world is stopped", () => {
    const build = (stopped: boolean): Observed => {
      const trace = buildTrace();
      const m = second(trace, 1);
      const other = trace.generation(2, { start: 2 * SECOND });
      m.emit("GoCreate", { new_g: 2, new_stack: ["main.worker"] });
      m.emit("ProcStatus", { p: 1, pstatus: "Idle" });
      const from = SECOND + 100 * MS;
      if (stopped) m.emit("STWBegin", { kind_string: "GC mark termination" });
      m.at(from).emit("GoCreate", { new_g: 3, new_stack: ["main.worker"] });
      if (stopped) m.at(SECOND + 900 * MS).emit("STWEnd");
      m.at(SECOND + 900 * MS).emit("GoBlock", { reason_string: "sleep" });
      m.emit("GoStart", { g: 2, g_seq: 1 });
      m.emit("GoBlock", { reason_string: "sleep" });
      m.emit("GoStart", { g: 3, g_seq: 1 });
      m.at(2 * SECOND - MS).emit("HeapAlloc", { heapalloc_value: 1 });
      other.thread(1).emit("ProcStatus", { p: 0, pstatus: "Running" });
      return observeTrace(trace.bytes()).generations[0]!;
    };
    expect(build(false).value("idle_procs_while_runnable_ratio")).toBeCloseTo(0.9, 2);
    expect(build(true).value("idle_procs_while_runnable_ratio")).toBeLessThan(0.01);
    expect(build(true).value("stw_pause_seconds", { kind: "GC mark termination" })).toBeCloseTo(0.9, 2);
    expect(build(false).value("runnable_goroutines")).toBe(2);
    expect(build(false).value("goroutines_created_minus_ended", { function: "main.worker" })).toBe(2);
  });

  it("in a silent process show a gap only when one outran every time slice", () => {
    const gapsOf = (silence: number, label = false): readonly number[] => {
      const trace = buildTrace();
      const m = second(trace, 1);
      m.emit("GoCreate", { new_g: 2 });
      m.emit("GoBlock", { reason_string: "sleep" });
      m.emit("GoStart", { g: 2, g_seq: 1 });
      if (label) m.emit("GoLabel", { label_string: "GC (dedicated)" });
      m.emit("HeapAlloc", { dt: silence, heapalloc_value: 1 });
      return observeTrace(trace.bytes()).whole.values("cpu_gap_seconds");
    };
    expect(gapsOf(80 * MS)).toEqual([0.08]);
    // A computing goroutine, and a collector's worker, are silent by nature.
    expect(gapsOf(28 * MS)).toEqual([]);
    expect(gapsOf(80 * MS, true)).toEqual([]);
  });

  it("in system calls and assists are timed", () => {
    const trace = buildTrace();
    const m = second(trace, 1).at(SECOND + MS);
    const stack = ["syscall.write", "internal/poll.(*FD).Write", "os.(*File).Write", "main.journal"];
    m.emit("GoSyscallBegin", { p_seq: 1, stack });
    m.emit("GoSyscallEnd", { dt: 3 * MS });
    m.emit("GCMarkAssistBegin", { dt: 6 * MS });
    m.emit("GCMarkAssistEnd", { dt: 10 * MS });
    m.emit("GCBegin", { dt: MS, gc_seq: 1 });
    m.emit("GCEnd", { dt: 4 * MS, gc_seq: 2 });
    m.emit("HeapGoal", { heapgoal_value: 2 ** 52 });
    const { whole } = observeTrace(trace.bytes());
    expect(whole.value("syscall_duration_seconds", { function: "main.journal" })).toBeCloseTo(0.003, 9);
    expect(whole.value("gc_assist_ratio")).toBeCloseTo(10 / 22, 4);
    expect(whole.value("gc_cycle_seconds")).toBeCloseTo(0.004, 9);
    // GOGC=off: there is no goal.
    expect(whole.series("heap_goal_bytes")).toEqual([]);
  });
});

describe("the bounds", () => {
  it("put labels beyond the limit under (other), with every value", () => {
    const trace = buildTrace();
    const m = second(trace, 1);
    for (let task = 1; task <= 20; task++) {
      m.emit("UserTaskBegin", { task, name_string: `order ${task}` });
      m.emit("UserLog", { task, key_string: "order", value_string: `number ${task}` });
      m.emit("UserTaskEnd", { task, dt: task * 1000 });
    }
    const { whole, dropped } = observeTrace(trace.bytes(), { labelSets: 4 });
    expect(whole.series("task_duration_seconds")).toHaveLength(5);
    expect(whole.values("task_duration_seconds", { task: "(other)" })).toHaveLength(16);
    expect(Math.max(...whole.values("task_duration_seconds"))).toBeCloseTo(20e-6, 7);
    expect(whole.values("log_records", { category: "order" })).toHaveLength(20);
    expect(whole.values("log_records", { message: "(other)" })).toHaveLength(16);
    expect(dropped.labelSets).toBe(16 + 16);
  });

  it("keep the largest value of many, and say how many there were", () => {
    const trace = buildTrace();
    const m = second(trace, 1);
    for (let task = 1; task <= 2000; task++) {
      m.emit("UserTaskBegin", { task, name_string: "t" });
      m.emit("UserTaskEnd", { task, dt: task === 1234 ? 80 * MS : 1000 });
    }
    const { whole, dropped } = observeTrace(trace.bytes(), { valuesPerSeries: 100 });
    const [series] = whole.series("task_duration_seconds");
    expect(series?.values.length).toBeLessThanOrEqual(100);
    expect(series?.total).toBe(2000);
    expect(Math.max(...(series?.values ?? []))).toBeCloseTo(0.08, 6);
    expect(dropped.values).toBe(2000 - (series?.values.length ?? 0));
  });

  it("let go of the newest goroutines, tasks and regions, and stay right about the others", () => {
    const trace = buildTrace();
    const m = second(trace, 1);
    for (let task = 1; task <= 10; task++) m.emit("UserTaskBegin", { task, name_string: "t" });
    for (let depth = 0; depth < 10; depth++) m.emit("UserRegionBegin", { dt: MS, name_string: "r" });
    for (let depth = 0; depth < 10; depth++) m.emit("UserRegionEnd", { name_string: "r" });
    for (let task = 1; task <= 10; task++) m.emit("UserTaskEnd", { task });
    for (let g = 10; g < 30; g++) m.emit("GoCreate", { new_g: g });
    const { whole, dropped } = observeTrace(trace.bytes(), { openTasks: 3, openRegions: 4, goroutines: 5 });
    expect(whole.values("task_duration_seconds")).toHaveLength(3);
    const regions = whole.values("region_duration_seconds");
    expect(regions).toHaveLength(4);
    // The four outermost: the innermost of them began 6 ms before the first end.
    expect(Math.min(...regions)).toBeCloseTo(0.006, 5);
    expect(sum(whole.values("goroutines"))).toBe(5);
    expect(dropped).toMatchObject({ tasks: 7, regions: 6, goroutines: 16 });
  });

  it("of names forget those no longer in use, and keep the others right", () => {
    const trace = buildTrace();
    for (let number = 1; number <= 6; number++) {
      const m = second(trace, number);
      if (number === 1) m.emit("UserTaskBegin", { task: 999, name_string: "long" });
      for (let i = 1; i <= 5; i++) {
        const task = number * 10 + i;
        m.emit("UserTaskBegin", { task, name_string: `short ${task}` });
        m.emit("UserTaskEnd", { task });
      }
      if (number === 6) m.emit("UserTaskEnd", { task: 999 });
    }
    const { generations } = observeTrace(trace.bytes(), { names: 12 });
    for (const generation of generations.slice(0, 5)) {
      expect(generation.labels("task_open_seconds", "task")).toEqual(["long"]);
    }
    expect(generations[5]?.values("task_duration_seconds", { task: "long" })).toHaveLength(1);
    expect(generations[4]?.labels("task_duration_seconds", "task")).toContain("short 55");
  });
});

describe("a gap", () => {
  const trace = buildTrace();
  for (let number = 1; number <= 4; number++) {
    const m = second(trace, number);
    if (number === 1) m.emit("UserTaskBegin", { task: 1, name_string: "lost" });
    m.at((number + 1) * SECOND - MS).emit("HeapAlloc", { heapalloc_value: number });
  }

  function observe(skip: number, reset: boolean): readonly Observed[] {
    const framing = new Framing();
    const raws = [...framing.push(trace.bytes()), ...framing.end()];
    const decoder = new GenerationDecoder(26, { mode: "tolerant" });
    const signals = new TraceSignals();
    return raws
      .filter(({ number }) => number !== skip)
      .map((raw) => {
        if (reset && raw.number === skip + 1) signals.reset();
        for (const batch of decoder.decode(raw)) signals.add(batch);
        return new Observed(signals.finish((ns) => ns / 1e6));
      });
  }

  it.each([
    ["that the reader reports", false],
    ["that the caller reports", true],
  ])("%s ends what was open, and no interval spans it", (_, reset) => {
    const [before, after, last] = observe(2, reset);
    expect(before?.values("task_open_seconds")).toHaveLength(1);
    expect(after?.series("task_open_seconds")).toEqual([]);
    expect(sum(after?.values("goroutines") ?? [])).toBe(1);
    expect(after?.series("cpu_gap_seconds")).toHaveLength(1);
    expect(last?.value("heap_live_bytes")).toBe(4);
  });

  it("needs no batch, and nothing was observed without one", () => {
    const signals = new TraceSignals();
    expect(signals.finish(() => 0)).toEqual([]);
    signals.reset();
    expect(signals.finish(() => 0)).toEqual([]);
  });
});
