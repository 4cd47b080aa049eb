/**
 * Every form of a condition on real input: a rule that has to fire there, how often, and one with the same form that must
 * not fire at all. What is missing here fails `coverage.test.ts`.
 *
 * The input is test/go/signals' `tide`, of which each step is one generation, taken for a second: how many goroutines
 * wait at a step's end, and how many tasks ended in it, is exact on any machine, however busy. Or it is the shop's
 * exposition (`test/fixtures/exposition`), recorded each second while its load went up and down.
 */

import type { RawRule } from "./support.ts";

type RuleParts = Omit<RawRule, "name">;

export interface ConditionCase {
  readonly input: "tide" | "exposition";
  readonly fires: RuleParts;
  /** Firings in all; by default once, since one firing is what a cooldown of an hour leaves. */
  readonly times?: number;
  readonly quiet: RuleParts;
}

/** Waiting goroutines: 20 to 22 up to step 30, then 100 (31), 60 (36), 100 (41), 20 (46), 120 (51), 20 (56 to 60). */
const waiting = { signal: "goroutines_by_function", labels: { function: "main.waiter" } };
/** Five tasks a step up to step 45, of which one takes 25 ms and more. */
const tasks = { signal: "task_duration_seconds", labels: { task: "work" } };
/** Each time the condition has come true. */
const episodes = { repeat: false, limits: { cooldown: "0s" } };

const tide = (fires: RuleParts, quiet: RuleParts, times = 1): ConditionCase => ({
  input: "tide",
  fires,
  quiet,
  times,
});
/** Of conditions alone. */
const when = (fires: object, quiet: object): ConditionCase => tide({ when: fires }, { when: quiet });
const change = (fires: object, quiet: object): ConditionCase =>
  when({ ...waiting, change: fires }, { ...waiting, change: quiet });
const highWater = (fires: object, times: number, quiet: object): ConditionCase =>
  tide(
    { when: { ...waiting, high_water: fires }, ...episodes },
    { when: { ...waiting, high_water: quiet }, ...episodes },
    times,
  );
const learnt = { warm_up: "20s", min_effect: 10 };
const anomaly = (fires: object, quiet: object): ConditionCase =>
  when({ ...waiting, anomaly: { ...learnt, ...fires } }, { ...waiting, anomaly: { ...learnt, ...quiet } });
const aggregate = (kind: string, fires: object, quiet: object): ConditionCase =>
  when({ aggregate: kind, ...fires }, { aggregate: kind, ...quiet });

/** By key of a condition; of a map under one with a dot. */
export const CONDITION_CASES: Readonly<Record<string, ConditionCase>> = {
  signal: when({ ...waiting, above: 90 }, { signal: "log_records", labels: { category: "none" } }),
  labels: when({ ...waiting, above: 90 }, { ...waiting, labels: { function: ["!main.waiter"] }, above: 90 }),
  above: when({ ...waiting, above: 119 }, { ...waiting, above: 120 }),
  below: when({ ...waiting, below: 50 }, { ...waiting, below: 20 }),
  clear_below: tide(
    // Without it, there are three times above 80.
    { when: { ...waiting, above: 80, clear_below: 40 }, ...episodes },
    { when: { ...waiting, above: 120, clear_below: 40 }, ...episodes },
    2,
  ),
  clear_above: tide(
    { when: { ...waiting, below: 50, clear_above: 110 }, ...episodes },
    { when: { ...waiting, below: 20, clear_above: 110 }, ...episodes },
    2,
  ),
  aggregate: aggregate("sum", { ...tasks, above: "20ms" }, { ...tasks, above: "1h" }),
  window: when(
    { ...tasks, aggregate: "count", above: 40, window: "10s" },
    { ...tasks, aggregate: "count", above: 40, window: "8s" },
  ),
  min_samples: when(
    { ...tasks, aggregate: "max", above: "20ms", window: "10s", min_samples: 50 },
    { ...tasks, aggregate: "max", above: "20ms", window: "10s", min_samples: 51 },
  ),
  min_count: when(
    { ...tasks, above: "1ns", window: "10s", min_count: 40 },
    { ...tasks, above: "1ns", window: "10s", min_count: 51 },
  ),
  // One of five is slow by its sleep; that three of the others are as well, again and again, is another machine.
  breach_ratio: when(
    { ...tasks, above: "20ms", window: "10s", breach_ratio: "15%", min_samples: 50 },
    { ...tasks, above: "20ms", window: "10s", breach_ratio: "80%", min_samples: 50 },
  ),
  across: tide(
    { when: { signal: "goroutines", across: "sum", above: 100 }, by: [] },
    { when: { signal: "goroutines", across: "min", above: 100 }, by: [] },
  ),
  change: change({ over: "20s", by: "200%" }, { over: "20s", by: "900%" }),
  "change.over": change({ over: "1m" }, { over: "10m" }),
  "change.min": change({ over: "20s", min: 90 }, { over: "20s", min: 130 }),
  "change.by": change({ over: "20s", by: "200%" }, { over: "20s", by: "900%" }),
  "change.abs": change({ over: "10m", abs: 110 }, { over: "10m", abs: 130 }),
  high_water: highWater({ min: 50 }, 2, { min: 120 }),
  // With so quick a decay the second tide of 100 is a record again, and again each second that it lasts.
  "high_water.decay": {
    ...highWater({ min: 90, decay: "10s" }, 3, { min: 120, decay: "10s" }),
  },
  "high_water.min": highWater({ min: 110 }, 1, { min: 120 }),
  "high_water.by": highWater({ min: 50, by: "50%" }, 1, { min: 120, by: "50%" }),
  absent_for: when({ ...tasks, absent_for: "10s" }, { ...tasks, absent_for: "16s" }),
  anomaly: anomaly({}, { min_effect: 200 }),
  "anomaly.method": anomaly({ method: "mad" }, { method: "ewma", min_effect: 200 }),
  "anomaly.direction": anomaly({ direction: "above" }, { direction: "below" }),
  "anomaly.sensitivity": anomaly({ sensitivity: 5 }, { sensitivity: 1e6 }),
  "anomaly.warm_up": anomaly({ warm_up: "20s" }, { warm_up: "10m" }),
  "anomaly.min_effect": anomaly({ min_effect: 70 }, { min_effect: 110 }),
  "anomaly.consecutive": anomaly({ consecutive: 4 }, { consecutive: 30 }),
  "anomaly.seasonal": anomaly({ seasonal: false }, { seasonal: false, min_effect: 200 }),
  all: when(
    {
      all: [
        { ...waiting, above: 90 },
        { ...tasks, aggregate: "count", above: 4 },
      ],
    },
    {
      all: [
        { ...waiting, above: 110 },
        { ...tasks, aggregate: "count", above: 4, window: "5s" },
      ],
    },
  ),
  any: when(
    {
      any: [
        { ...waiting, above: 1000 },
        { ...tasks, aggregate: "count", above: 4 },
      ],
    },
    {
      any: [
        { ...waiting, above: 1000 },
        { ...tasks, aggregate: "count", above: 400 },
      ],
    },
  ),
  not: when(
    { all: [{ ...waiting, above: 110 }, { not: { ...tasks, aggregate: "count", above: 0, window: "5s" } }] },
    { all: [{ ...waiting, above: 110 }, { not: { ...waiting, above: 50 } }] },
  ),
  expr: when(
    {
      let: {
        waiters: { ...waiting, aggregate: "last" },
        longest: { ...tasks, aggregate: "max", window: "10s" },
      },
      expr: 'waiters > 90.0 && longest > seconds_of("20ms") && target.service == "tide"',
    },
    {
      let: { waiters: { ...waiting, aggregate: "last" } },
      expr: 'waiters > 90.0 && target.service == "shop"',
    },
  ),
  let: when(
    { let: { most: { ...waiting, aggregate: "max", window: "1m" } }, expr: "most == 120.0" },
    { let: { least: { ...waiting, aggregate: "min", window: "1m" } }, expr: "least > 22.0" },
  ),
};

/** By how the window's values become one: `Aggregate["kind"]`. */
export const AGGREGATE_CASES: Readonly<Record<string, ConditionCase>> = {
  each: aggregate("each", { ...tasks, above: "20ms" }, { ...tasks, above: "1h" }),
  last: aggregate("last", { ...waiting, above: 119 }, { ...waiting, above: 120 }),
  count: aggregate("count", { ...tasks, above: 49, window: "10s" }, { ...tasks, above: 50, window: "10s" }),
  rate: aggregate("rate", { ...tasks, above: "4.9/s" }, { ...tasks, above: "5.1/s" }),
  sum: aggregate("sum", { ...tasks, above: "200ms", window: "10s" }, { ...tasks, above: "1h" }),
  mean: aggregate(
    "mean",
    { ...waiting, above: 99, window: "5s" },
    // Of the ten highest in a row.
    { ...waiting, above: 99, window: "10s" },
  ),
  min: aggregate("min", { ...waiting, above: 55, window: "15s" }, { ...waiting, above: 60, window: "15s" }),
  max: aggregate("max", { ...waiting, above: 119, window: "15s" }, { ...waiting, above: 120 }),
  quantile: aggregate(
    "p50",
    { ...waiting, above: 99, window: "9s" },
    { ...waiting, above: 99, window: "30s" },
  ),
  "rate of a gauge": aggregate(
    "rate",
    { ...waiting, above: "10/s", window: "5s" },
    { ...waiting, above: "60/s", window: "5s" },
  ),
  "rate of a counter": {
    input: "exposition",
    fires: {
      when: {
        signal: "metric:http_requests_total",
        labels: { code: "200", handler: "/checkout" },
        above: "50/s",
        window: "5s",
      },
    },
    quiet: {
      when: { signal: "metric:http_requests_total", labels: { code: "5*" }, above: "50/s", window: "5s" },
    },
  },
  "quantile of a histogram": {
    input: "exposition",
    fires: {
      when: {
        signal: "metric:http_request_duration_seconds_bucket",
        labels: { handler: "/checkout" },
        aggregate: "p90",
        above: "50ms",
        window: "5s",
        min_samples: 20,
      },
    },
    quiet: {
      when: {
        signal: "metric:http_request_duration_seconds_bucket",
        labels: { handler: "/checkout" },
        aggregate: "p90",
        above: "500ms",
        window: "5s",
        min_samples: 20,
      },
    },
  },
};

/** By key of a rule that has to do with when it fires. */
export const RULE_CASES: Readonly<Record<string, ConditionCase>> = {
  match: tide(
    { when: { ...waiting, above: 90 }, match: { service: "tide" } },
    { when: { ...waiting, above: 90 }, match: { service: "!tide" } },
  ),
  by: tide(
    // One for the states together, where by default each state of its own would have one.
    { when: { signal: "goroutines", labels: { state: ["waiting", "running"] }, above: 0 }, by: [] },
    { when: { signal: "goroutines", labels: { state: "waiting" }, above: 1000 }, by: ["state"] },
  ),
  for: tide({ when: { ...waiting, above: 50 }, for: "14s" }, { when: { ...waiting, above: 50 }, for: "15s" }),
  // It bridges both times of five steps; without it there are three firings.
  keep_firing_for: tide(
    { when: { ...waiting, above: 80 }, keep_firing_for: "6s", ...episodes },
    { when: { ...waiting, above: 120 }, keep_firing_for: "6s", ...episodes },
  ),
  repeat: tide(
    { when: { ...waiting, above: 80 }, ...episodes },
    { when: { ...waiting, above: 120 }, ...episodes },
    3,
  ),
  limits: tide(
    { when: { ...waiting, above: 80 }, limits: { cooldown: "0s", max_per_hour: 7 } },
    { when: { ...waiting, above: 80 }, limits: { warm_up: "1h" } },
    7,
  ),
  dry_run: tide(
    { when: { ...waiting, above: 80 }, dry_run: false },
    { when: { ...waiting, above: 80 }, dry_run: true },
  ),
};
