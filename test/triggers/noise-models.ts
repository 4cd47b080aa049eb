/**
 * What each signal of a healthy service looks like second by second: its noise, under a daily load. For anomaly
 * conditions, which have to keep quiet on all of it. `coverage.test.ts` sees to it that no signal is missing.
 */

import { milliseconds } from "../../src/base/units.ts";
import { findSignal } from "../../src/signals/catalog.ts";
import { createTriggerEngine } from "../../src/triggers/engine.ts";
import { noise, type Noise } from "./simulate.ts";
import { at, load as loadRules } from "./support.ts";

interface NoiseModel {
  /** How a rule makes one value of them; gauges have one. */
  readonly query?: { readonly aggregate: string; readonly window: string };
  /** Seconds from one observation to the next. */
  readonly every: number;
  /** @param load of the day, about 1. @param second since the start. */
  readonly values: (next: Noise, load: number, second: number) => readonly number[];
}

/** Load over the day, with its ebb at night and a second hill in the evening. */
function loadAt(second: number): number {
  const angle = (2 * Math.PI * second) / 86_400;
  return 1 + 0.5 * Math.sin(angle) + 0.15 * Math.sin(2 * angle + 1);
}

const MiB = 2 ** 20;
/** Around `median`, with a tail to the right. */
const logNormal = (next: Noise, median: number, sigma: number): number =>
  median * Math.exp(sigma * next.normal());
/** How many of independent things happened, `mean` on average. */
function poisson(next: Noise, mean: number): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * next.normal()));
  let count = -1;
  for (let rest = 1, least = Math.exp(-mean); rest > least; rest *= next.uniform()) count++;
  return count;
}
const exponential = (next: Noise, mean: number): number => -mean * Math.log(1 - next.uniform());
const many = (count: number, value: () => number): number[] => Array.from({ length: count }, value);

const p99 = { aggregate: "p99", window: "1s" };
const max = { aggregate: "max", window: "1s" };
/** So many a minute. */
const perMinute = { aggregate: "count", window: "1m" };

const spread = (
  query: NoiseModel["query"] & object,
  count: (next: Noise, load: number) => number,
  value: (next: Noise, load: number) => number,
  every = 1,
): NoiseModel => ({
  query,
  every,
  values: (next, load) => many(count(next, load), () => value(next, load)),
});
const gauge = (value: (next: Noise, load: number, second: number) => number, every = 1): NoiseModel => ({
  every,
  values: (next, load, second) => [value(next, load, second)],
});
/** Something that happens now and then: so many a day. */
const event = (perDay: number): NoiseModel =>
  spread(
    perMinute,
    (next) => poisson(next, perDay / 86_400),
    () => 1,
  );

/** By signal; series of a counter begin at 0. */
export const NOISE_MODELS: Readonly<Record<string, NoiseModel>> = {
  task_duration_seconds: spread(
    p99,
    (n, load) => poisson(n, 100 * load),
    (n) => logNormal(n, 0.02, 0.6),
  ),
  task_open_seconds: spread(
    max,
    (n, load) => poisson(n, 5 * load),
    (n) => exponential(n, 0.03),
  ),
  region_duration_seconds: spread(
    p99,
    (n, load) => poisson(n, 200 * load),
    (n) => logNormal(n, 0.005, 0.5),
  ),
  request_duration_seconds: spread(
    { aggregate: "p95", window: "1s" },
    (n, load) => poisson(n, 100 * load),
    (n) => logNormal(n, 0.03, 0.7),
  ),
  request_open_seconds: spread(
    max,
    (n, load) => poisson(n, 10 * load),
    (n) => exponential(n, 0.05),
  ),
  sched_latency_seconds: spread(
    p99,
    () => 300,
    (n, load) => logNormal(n, 0.0004 * load, 0.8),
  ),
  runnable_goroutines: gauge((n, load) => Math.round(logNormal(n, 8 * load, 0.5))),
  idle_procs_while_runnable_ratio: gauge((n, load) => Math.min(1, logNormal(n, 0.03 * load, 0.4))),
  stw_pause_seconds: spread(
    max,
    (n, load) => poisson(n, 4 * load),
    (n) => logNormal(n, 60e-6, 0.6),
  ),
  gc_cycle_seconds: spread(
    max,
    (n, load) => poisson(n, 1.2 * load),
    (n) => logNormal(n, 0.012, 0.3),
  ),
  gc_assist_ratio: gauge((n, load) => (n.uniform() < 0.4 ? 0 : Math.min(1, logNormal(n, 0.008 * load, 0.6)))),
  // It grows from collection to collection.
  heap_live_bytes: gauge(
    (n, load, second) => (60 + 60 * ((second * 0.6 * load) % 1)) * MiB * load + n.normal() * MiB,
  ),
  heap_goal_bytes: gauge((n, load) => 130 * MiB * load * (1 + 0.03 * n.normal())),
  goroutines: gauge((n, load) => poisson(n, 200 * load)),
  goroutines_by_function: gauge((n, load) => poisson(n, 20 * load)),
  goroutines_created_minus_ended: gauge((n, load) => Math.round(4 * Math.sqrt(load) * n.normal())),
  blocked_goroutines: gauge((n, load) => poisson(n, 150 * load)),
  blocked_age_seconds: spread(
    { aggregate: "p50", window: "1s" },
    (n, load) => poisson(n, 50 * load),
    (n) => exponential(n, 2),
  ),
  blocked_seconds: gauge((n, load) => 150 * load * (1 + 0.03 * n.normal())),
  syscall_duration_seconds: spread(
    p99,
    (n, load) => poisson(n, 100 * load),
    (n) => logNormal(n, 20e-6, 1),
  ),
  cpu_gap_seconds: spread(
    max,
    (n) => (n.uniform() < 0.02 ? 1 : 0),
    (n) => 0.005 + exponential(n, 0.008),
  ),
  cpu_gap_ratio: gauge((n) => (n.uniform() < 0.97 ? 0 : 0.03 * n.uniform())),
  log_records: spread(
    { aggregate: "rate", window: "10s" },
    (n, load) => poisson(n, 20 * load),
    () => 1,
  ),
  trace_bytes: gauge((n, load) => 900_000 * load * (1 + 0.1 * n.normal())),
  goroutine_profile_count: gauge((n, load) => poisson(n, 20 * load), 60),
  // A profile is a sample itself.
  heap_inuse_bytes: gauge((n, load) => logNormal(n, 64 * MiB * load, 0.1), 60),
  mutex_delay_seconds: gauge((n, load) => logNormal(n, 0.05 * load, 0.6), 60),
  block_delay_seconds: gauge((n, load) => 12 * load * (1 + 0.1 * n.normal()), 60),
  threads_created: gauge((_, __, second) => 20 + Math.floor(second / 1800), 60),
  probe_duration_seconds: spread(
    { aggregate: "mean", window: "1m" },
    () => 1,
    (n, load) => logNormal(n, 0.03 * load, 0.4),
    15,
  ),
  probe_status: gauge(() => 200, 15),
  probe_success: gauge((n) => (n.uniform() < 0.002 ? 0 : 1), 15),
  schedtrace_global_runqueue: gauge((n, load) => poisson(n, 2 * load)),
  schedtrace_local_runqueue: gauge((n, load) => poisson(n, 6 * load)),
  schedtrace_idle_procs: gauge((n, load) => Math.max(0, Math.round(6 - 2 * load + n.normal()))),
  schedtrace_threads: gauge((n) => 20 + Math.floor(2 * n.uniform())),
  schedtrace_spinning_threads: gauge((n) => Math.floor(3 * n.uniform())),
  schedtrace_idle_threads: gauge((n) => Math.round(8 + 2 * n.normal())),
  target_up: gauge(() => 1),
  stream_up: gauge((n) => (n.uniform() < 0.0003 ? 0 : 1)),
  target_restarted: event(5),
  stream_lost: event(5),
  stream_refused: event(24),
  trace_file: event(24),
  alert: event(50),
  schedule: event(24),
  promql: gauge((n, load) => 1000 * load * (1 + 0.08 * n.normal()), 30),
  "metric:http_requests_total": gauge((n, load) => poisson(n, 40 * load * 15), 15),
  "metric:queue_length": gauge((n, load) => poisson(n, 12 * load), 15),
  "metric:process_resident_memory_bytes": gauge(
    (n, load) => 200 * MiB * (1 + 0.1 * load) + 2 * MiB * n.normal(),
    15,
  ),
};

/** The rule that a team would write: what it is made of where there are many values, and the defaults. */
function anomalyRule(signal: string): { name: string; when: object; limits: object } {
  return {
    name: "unusual",
    when: { signal, ...NOISE_MODELS[signal]?.query, anomaly: {} },
    limits: { cooldown: "1m", max_per_hour: 1000, max_per_day: 10_000 },
  };
}

/** What the warm-up takes: ten minutes by default. */
export const WARM_UP_SECONDS = 600;

export interface Simulation {
  readonly seed: number;
  /** Second of the day at which it begins. */
  readonly startOfDay: number;
  readonly seconds: number;
  /** What becomes of the signal's values, second by second. */
  readonly factor?: (second: number) => number;
}

/** Seconds at which the signal's anomaly rule fires. */
export function anomalies(signal: string, simulation: Simulation): readonly number[] {
  const { seed, startOfDay, seconds, factor = () => 1 } = simulation;
  const { every, values } = NOISE_MODELS[signal]!;
  const engine = createTriggerEngine(loadRules([anomalyRule(signal)]), { random: () => 0.5 });
  const next = noise(seed);
  const isCounter = signal.endsWith("_total");
  const fired: number[] = [];
  let total = 0;
  for (let second = every; second <= seconds; second += every) {
    const made = values(next, loadAt(startOfDay + second), second).map((value) => value * factor(second));
    const seen = isCounter ? made.map((value) => (total += value)) : made;
    const now = at(second);
    const decisions = engine.observe(
      {
        target: "a",
        targetLabels: {},
        source: findSignal(signal)!.source,
        at: now,
        interval: milliseconds(every * 1000),
        observations: [{ signal, labels: {}, values: seen }],
      },
      now,
    );
    if (decisions.some(({ kind }) => kind === "fired")) fired.push(second);
  }
  return fired;
}

/** How many seconds after a threefold step, half an hour on, it fires. */
export function stepDelay(signal: string, seed: number, startOfDay = 8 * 3600): number {
  const stepAt = 1800;
  const factor = (second: number): number => (second >= stepAt ? 3 : 1);
  const fired = anomalies(signal, { seed, startOfDay, seconds: stepAt + 60, factor });
  return (fired.find((second) => second >= stepAt) ?? Number.POSITIVE_INFINITY) - stepAt;
}
