import { describe, expect, test } from "vitest";
import { Bench, load, observation, problemsOf } from "./support.ts";

const slowCheckout = {
  name: "slow-checkout",
  match: { service: "checkout" },
  when: {
    signal: "task_duration_seconds",
    labels: { task: "checkout" },
    above: "50ms",
    window: "10s",
    min_count: 1,
  },
  for: "0s",
  capture: { before: "10s", after: "1s", profiles: ["goroutine", "heap", { cpu: "5s" }] },
  limits: { cooldown: "1m", max_per_hour: 6 },
};

const checkout = (...values: number[]) => observation("task_duration_seconds", values, { task: "checkout" });

describe("a duration above its threshold", () => {
  test("fires on the one slow task, with its value and moment", () => {
    const bench = new Bench(load([slowCheckout]));
    for (let second = 1; second < 5; second++) bench.observe(second, checkout(0.005, 0.006));
    expect(bench.decisions).toEqual([]);
    const times = [4100, 4600, 4900].map((ms) => Date.UTC(2026, 0, 5, 12) + ms);
    bench.observe(5, { ...checkout(0.005, 0.08, 0.005), times });
    expect(bench.decisions).toMatchObject([
      {
        kind: "fired",
        rule: "slow-checkout",
        origin: "rule",
        target: "a",
        at: times[1],
        signal: "task_duration_seconds",
        seriesLabels: { task: "checkout" },
        value: 0.08,
        threshold: 0.05,
        unit: "seconds",
        message: 'task_duration_seconds{task="checkout"} was 80ms, above 50ms',
        severity: "warning",
        capture: {
          before: 10_000,
          after: 1000,
          profiles: [
            { name: "goroutine", duration: undefined },
            { name: "heap", duration: undefined },
            { name: "cpu", duration: 5000 },
          ],
        },
      },
    ]);
  });

  test("does not fire in a minute of fast tasks, nor on other tasks or other targets", () => {
    const bench = new Bench(load([slowCheckout]));
    for (let second = 1; second <= 60; second++) {
      bench.observe(
        second,
        checkout(0.005, 0.05),
        observation("task_duration_seconds", [0.4], { task: "report" }),
      );
    }
    const elsewhere = load([{ ...slowCheckout, match: { service: "billing" } }]);
    const other = new Bench(elsewhere);
    other.observe(1, checkout(0.4));
    expect([...bench.decisions, ...other.decisions]).toEqual([]);
  });

  test("each burst fires once, a burst within the cooldown is told as suppressed, once", () => {
    const bench = new Bench(load([slowCheckout]));
    const slow = new Set([10, 11, 12, 30, 31, 95, 96]);
    for (let second = 1; second <= 120; second++)
      bench.observe(second, checkout(slow.has(second) ? 0.08 : 0.005));
    expect(bench.story).toEqual([
      "10s fired slow-checkout",
      "11s cooldown slow-checkout",
      "95s fired slow-checkout",
      "96s cooldown slow-checkout",
    ]);
  });

  test("when every task is slow it fires after each cooldown until max_per_hour", () => {
    const bench = new Bench(load([slowCheckout]));
    for (let second = 1; second <= 3700; second++) bench.observe(second, checkout(0.08));
    const fired = bench.decisions.filter((decision) => decision.kind === "fired");
    expect(fired.map((decision) => (decision.decidedAt - fired[0]!.decidedAt) / 1000)).toEqual([
      0, 60, 120, 180, 240, 300, 3600, 3660,
    ]);
    expect(bench.story.filter((line) => line.includes("max_per_hour"))).toEqual([
      "361s max_per_hour slow-checkout",
    ]);
  });

  test("min_count within the window", () => {
    const rule = { ...slowCheckout, when: { ...slowCheckout.when, min_count: 3, window: "5s" } };
    const bench = new Bench(load([rule]));
    const slowAt = new Set([1, 4, 8, 20, 22, 24]);
    for (let second = 1; second <= 30; second++)
      bench.observe(second, checkout(slowAt.has(second) ? 0.08 : 0.005));
    expect(bench.story).toEqual(["24s fired slow-checkout"]);
  });
});

describe("a rule that cannot be right is refused with a sentence", () => {
  const problem = (when: object): string => problemsOf([{ name: "r", when }])[0] ?? "";

  test.each([
    [{ signal: "task_duration_second", above: "50ms" }, "did you mean task_duration_seconds?"],
    [
      { signal: "task_duration_seconds", above: 50 },
      "triggers.0.when.above: 50 is no duration: write a number with its unit",
    ],
    [
      { signal: "heap_live_bytes", above: "50ms" },
      '"50ms" is no size: write a number with its unit, such as 512KiB',
    ],
    [{ signal: "gc_assist_ratio", above: "5s" }, '"5s" is no ratio: write a share such as 5% or 0.05'],
    [{ signal: "task_duration_seconds" }, "needs a test: above, below, change"],
    [
      { signal: "heap_live_bytes", labels: { task: "x" }, above: "1GiB" },
      "heap_live_bytes has no label task; it has none",
    ],
    [
      { signal: "heap_live_bytes", above: "1GiB", clear_below: "2GiB" },
      "clear_below is on the wrong side of above",
    ],
    [{ above: "1GiB" }, "a condition needs one of signal, expr, all, any or not"],
    [{ signal: "sched_latency_seconds", aggregate: "p100", above: "1s" }, "is none of each, last, count"],
    [
      { signal: "sched_latency_seconds", aggregate: "p99", above: "1s", min_count: 3 },
      "min_count counts single values",
    ],
  ])("%j", (when, sentence) => {
    expect(problem(when)).toContain(sentence);
  });

  test("and a label to tell firings apart by that nothing has", () => {
    const rule = { name: "r", by: ["taks"], when: { signal: "task_duration_seconds", above: "1s" } };
    expect(problemsOf([rule])).toEqual([
      "triggers.0.by.0: no signal of the condition has a label taks: nothing would ever be told apart by it",
    ]);
  });

  test("and two rules of one name", () => {
    expect(problemsOf([slowCheckout, slowCheckout])).toEqual([
      "triggers.1.name: a second rule named slow-checkout",
    ]);
  });
});
