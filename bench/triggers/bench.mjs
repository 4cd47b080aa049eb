// 200 rules over 100 targets, one batch a second each: what share of one core does the rule engine take?
// Run: npm run build && node bench/triggers/bench.mjs

import { epochMilliseconds, milliseconds } from "../../dist/base/units.js";
import { createTriggerEngine } from "../../dist/triggers/engine.js";
import { triggerLimitsOptions, triggersOptions } from "../../dist/triggers/options.js";

const RULES = 200;
const TARGETS = 100;
const SECONDS = 120;
const WARM_UP_SECONDS = 20;
const TASKS = 8;
const DURATIONS_PER_TASK = 100;

/** Mulberry32: the same stream for the same seed. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const next = random(1);

/** A mix as of a platform team: most of them on durations of one task, some on quantiles, ratios, gauges. */
function ruleOf(i) {
  const task = `task${i % TASKS}`;
  const when = [
    { signal: "task_duration_seconds", labels: { task }, above: `${50 + i}ms`, window: "10s" },
    {
      signal: "task_duration_seconds",
      labels: { task },
      above: "45ms",
      window: "60s",
      breach_ratio: "75%",
      min_samples: 100,
    },
    {
      signal: "sched_latency_seconds",
      aggregate: "p99",
      above: `${5 + i}ms`,
      window: "10s",
      min_samples: 100,
    },
    { signal: "stw_pause_seconds", above: `${1 + i}ms` },
    { signal: "heap_live_bytes", above: `${500 + i}MiB`, clear_below: "400MiB" },
    { signal: "goroutines", labels: { state: "runnable" }, above: 1000 + i },
    { signal: "task_duration_seconds", labels: { task }, aggregate: "rate", below: 1, window: "30s" },
    {
      all: [
        { signal: "gc_assist_ratio", above: "20%" },
        { signal: "runnable_goroutines", above: 100 + i },
      ],
    },
  ][i % 8];
  return { name: `rule-${i}`, when };
}

function durations(count, scale) {
  return Float64Array.from({ length: count }, () => scale * Math.exp(0.5 * (next() + next() + next() - 1.5)));
}

/** A few batches for each target, made beforehand, so that only the engine is measured. */
function observations() {
  const tasks = Array.from({ length: TASKS }, (_, i) => ({
    signal: "task_duration_seconds",
    labels: { task: `task${i}` },
    values: durations(DURATIONS_PER_TASK, 0.02),
  }));
  const gauge = (signal, value, labels = {}) => ({
    signal,
    labels,
    values: [value],
  });
  return [
    ...tasks,
    { signal: "sched_latency_seconds", labels: {}, values: durations(1000, 0.0002) },
    { signal: "stw_pause_seconds", labels: { kind: "gc" }, values: durations(4, 0.0001) },
    gauge("heap_live_bytes", 200e6 * (1 + next() / 10)),
    gauge("gc_assist_ratio", next() / 20),
    gauge("runnable_goroutines", Math.round(20 * next())),
    ...["running", "runnable", "waiting", "syscall"].map((state) =>
      gauge("goroutines", 50 * next(), { state }),
    ),
  ];
}

const options = {
  rules: triggersOptions.parse(Array.from({ length: RULES }, (_, i) => ruleOf(i))),
  limits: triggerLimitsOptions.parse({}),
};
const engine = createTriggerEngine(options, { random: next });
const prepared = Array.from({ length: 8 }, observations);
const start = Date.UTC(2026, 0, 5);

function second(i) {
  const now = epochMilliseconds(start + i * 1000);
  const batches = Array.from({ length: TARGETS }, (_, target) => ({
    target: `target-${target}`,
    targetLabels: { service: `service-${target % 10}` },
    source: "trace",
    at: now,
    interval: milliseconds(1000),
    observations: prepared[(i + target) % prepared.length] ?? [],
  }));
  const began = process.cpuUsage();
  for (const batch of batches) engine.observe(batch, now);
  engine.tick(now);
  const used = process.cpuUsage(began);
  return (used.user + used.system) / 1000;
}

const spent = [];
for (let i = 0; i < SECONDS; i++) {
  const ms = second(i);
  if (i >= WARM_UP_SECONDS) spent.push(ms);
}
spent.sort((a, b) => a - b);
const mean = spent.reduce((a, b) => a + b, 0) / spent.length;
const at = (q) => spent[Math.floor(q * (spent.length - 1))] ?? 0;
const { evaluations } = engine.counters;
console.log(
  `${RULES} rules × ${TARGETS} targets, 1 batch/s, ${TASKS * DURATIONS_PER_TASK + 1012} values a batch`,
);
console.log(
  `CPU per second: mean ${mean.toFixed(1)} ms = ${(mean / 10).toFixed(2)} % of one core; p50 ${at(0.5).toFixed(1)}, p99 ${at(0.99).toFixed(1)}, max ${at(1).toFixed(1)} ms`,
);
console.log(
  `${(evaluations / SECONDS).toFixed(0)} evaluations a second; heap ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MiB`,
);
