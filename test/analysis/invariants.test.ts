import { describe, expect, test } from "vitest";
import { Analysis, analyse } from "../../src/analysis/analyse.ts";
import type { GoroutineRow } from "../../src/analysis/goroutines.ts";
import type { AnalysisResult } from "../../src/analysis/result.ts";
import type { TimeSplit } from "../../src/analysis/split.ts";
import { readEvents } from "../../src/trace/events.ts";
import { TraceReader, readTrace } from "../../src/trace/reader.ts";
import { sharedTrace, sharedTraces, skipShared } from "./traces.ts";

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

function splitSum(split: TimeSplit): number {
  const { exec_ns: exec, sched_wait_ns: sched, syscall_ns: syscall, syscall_block_ns: block } = split;
  return exec + sched + syscall + block + sum(Object.values(split.block_ns));
}

describe.skipIf(skipShared).each(sharedTraces)("the analysis of %s", (name) => {
  const bytes = skipShared ? new Uint8Array() : sharedTrace(name);
  const result = analyse(readTrace(bytes), { worst: 100_000, logs: { limit: 100 } });

  test("accounts for all the time of goroutines, regions and tasks", () => {
    const rows = result.goroutines.flatMap((group): readonly GoroutineRow[] => group.worst.total);
    expect(rows.length).toBe(sum(result.goroutines.map(({ count }) => count)));
    for (const row of rows) {
      expect([row.id, splitSum(row)]).toEqual([row.id, row.total_ns]);
      expect(row.total_ns).toBe((row.end_at_ns ?? result.duration_ns) - row.start_at_ns);
    }
    const regions = result.regions.flatMap(({ worst }) => worst);
    expect(regions.length).toBe(91);
    for (const row of regions) expect([row.name, splitSum(row)]).toEqual([row.name, row.total_ns]);
    const tasks = result.tasks.flatMap(({ worst }) => worst);
    expect(tasks.length).toBe(40);
    for (const row of tasks) expect([row.id, splitSum(row) + row.unknown_ns]).toEqual([row.id, row.total_ns]);
  });

  test("distributes the same time that it sums", () => {
    for (const group of result.goroutines) {
      expect(group.per_goroutine["total"]).toMatchObject({ count: group.count, sum_ns: group.total_ns });
      // Of the sums only what Go counts differently at the trace's end.
      expect(group.per_goroutine["exec"]?.sum_ns ?? 0).toBe(group.exec_ns);
      for (const [reason, ns] of Object.entries(group.block_ns)) {
        expect(group.per_goroutine[`block:${reason}`]!.sum_ns).toBe(ns);
      }
      for (const [kind, intervals] of Object.entries(group.per_interval)) {
        expect([kind, intervals.sum_ns <= group.per_goroutine[kind]!.sum_ns]).toEqual([kind, true]);
        expect(intervals.max_ns).toBeLessThanOrEqual(result.duration_ns);
      }
    }
    expect(sum(Object.values(result.scheduler.by_cause).map(({ count }) => count))).toBe(
      result.scheduler.latency.count,
    );
    expect(sum(result.scheduler.histogram)).toBe(result.scheduler.latency.count);
    for (const group of result.tasks) expect(sum(group.histogram)).toBe(group.complete);
  });

  test("tells tasks with their logs, regions, parents and children", () => {
    const round = result.tasks.find((group) => group.name === "round")!;
    const tour = result.tasks.find((group) => group.name === "tour")!.worst[0]!;
    expect(round.worst.map(({ parent }) => parent)).toEqual([tour.id, tour.id, tour.id]);
    const ids = round.worst.map(({ id }) => id);
    expect(tour.children.toSorted((a, b) => a - b)).toEqual(ids.toSorted((a, b) => a - b));
    const gets = result.tasks.find((group) => group.name === "GET /item")!;
    for (const task of gets.worst) {
      expect(task.logs.map(({ category }) => category)).toEqual(["request"]);
      expect(task.regions.map((region) => region.name).sort()).toEqual(["encode", "fetch-data"]);
      for (const { at_ns: at } of task.logs) {
        expect(at).toBeGreaterThan(task.begin_at_ns);
        expect(at).toBeLessThan(task.end_at_ns!);
      }
    }
    // Every fifth of twelve requests a round sleeps 80 ms.
    expect(gets.worst.slice(0, 6).every(({ block_ns: block }) => block["sleep"]! >= 79e6)).toBe(true);
    expect(gets.latency.p50_ns).toBeLessThan(60e6);
    expect(result.logs.count).toBe(43);
    expect(result.logs.rows).toHaveLength(43);
  });

  test("finds logs by their text", () => {
    const { logs } = analyse(readTrace(bytes), { logs: { limit: 2, contains: "request" } });
    expect(logs.count).toBe(43);
    expect(logs.matching).toBe(36);
    expect(logs.rows).toHaveLength(2);
    expect(logs.rows.every(({ category }) => category === "request")).toBe(true);
    expect(logs.rows).toEqual(result.logs.rows.filter(({ category }) => category === "request").slice(-2));
  });

  test("measures the run queue, the collector and the procs as one event after the other tells", () => {
    const states = new Map<number, string>();
    let [runnable, most, marks, samples] = [0, 0, 0, 0];
    const stops = new Map<string, number>();
    for (const event of readEvents(bytes)) {
      if (event.kind === "StateTransition" && event.transition.resource.kind === "goroutine") {
        const { resource, to } = event.transition;
        if (states.get(resource.id) === "Runnable") runnable--;
        if (to === "Runnable") runnable++;
        states.set(resource.id, to);
        most = Math.max(most, runnable);
      } else if (event.kind === "RangeEnd") {
        if (event.range.name === "GC concurrent mark phase") marks++;
        if (event.range.name.startsWith("stop-the-world")) {
          stops.set(event.range.name, (stops.get(event.range.name) ?? 0) + 1);
        }
      } else if (event.kind === "StackSample") samples++;
    }
    const { scheduler, gc, cpu_samples: cpu } = result;
    expect(scheduler.run_queue_max).toBe(most);
    expect(gc.mark.count).toBe(marks);
    expect(
      Object.fromEntries(
        Object.entries(gc.stw).map(([kind, { count }]) => [`stop-the-world (${kind})`, count]),
      ),
    ).toEqual(Object.fromEntries(stops));
    expect(cpu.count).toBe(samples);
    expect(sum(cpu.by_group.map(({ count }) => count)) + cpu.without_goroutine).toBe(samples);
    for (const proc of scheduler.procs) expect(proc.utilization).toBeLessThanOrEqual(1);
    expect(Math.max(...gc.heap.max.map((value) => value ?? 0))).toBeGreaterThan(1e6);
    expect(scheduler.idle_while_runnable_ns).toBeLessThanOrEqual(result.duration_ns * scheduler.procs.length);
  });
});

describe.skipIf(skipShared)("an incomplete trace", () => {
  function tolerant(bytes: Uint8Array): AnalysisResult {
    const reader = new TraceReader({ mode: "tolerant" });
    const analysis = new Analysis();
    for (const batch of reader.push(bytes)) analysis.push(batch);
    for (const batch of reader.end()) analysis.push(batch);
    return analysis.finish();
  }

  test.each([0.3, 0.6, 0.9])("cut off at %s of its bytes is analysed up to there", (share) => {
    const bytes = sharedTrace("tour-go1.26");
    const result = tolerant(bytes.subarray(0, Math.floor(bytes.length * share)));
    const whole = analyse(readTrace(bytes));
    expect(result.events).toBeLessThan(whole.events);
    expect(result.duration_ns).toBeLessThanOrEqual(whole.duration_ns);
    for (const group of result.goroutines) {
      expect(group.per_goroutine["total"]!.max_ns).toBeLessThanOrEqual(result.duration_ns);
    }
  });

  test("without a single event is all zero, and valid JSON", () => {
    const result = new Analysis().finish();
    expect(result).toMatchObject({ events: 0, start_ns: 0, end_ns: 0, goroutines: [], tasks: [], mmu: null });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });
});
