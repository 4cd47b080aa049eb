/**
 * False firings of anomaly conditions on the simulated noise of every signal (test/triggers/noise-models.ts): an hour after
 * the warm-up, at each of many seeds, each from another hour of the day on; and how soon a threefold step of the scheduler's
 * latency is caught.
 *
 *     node bench/triggers/anomaly.mjs [--seeds 24] [--hours 1]
 */

import { parseArgs } from "node:util";
import { compile } from "../trace/compile.mjs";

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "24" }, hours: { type: "string", default: "1" } },
});
const [seeds, hours] = [Number(values.seeds), Number(values.hours)];
const load = compile(["test/triggers/noise-models.ts"], "bench-anomaly");
const { NOISE_MODELS, WARM_UP_SECONDS, anomalies, stepDelay } = await load("test/triggers/noise-models.ts");

console.log(
  `${seeds} seeds, 1 to ${seeds}; ${hours} h after 10 min of warm-up, from hour (seed mod 24) of the day on`,
);
console.log("| signal | false firings in all | most in an hour | seeds with any |");
console.log("|---|---|---|---|");
for (const signal of Object.keys(NOISE_MODELS)) {
  const runs = Array.from({ length: seeds }, (_, i) => {
    const seed = i + 1;
    const seconds = WARM_UP_SECONDS + hours * 3600;
    const fired = anomalies(signal, { seed, startOfDay: (seed % 24) * 3600, seconds });
    const byHour = Array.from({ length: hours }, () => 0);
    for (const second of fired) byHour[Math.min(hours - 1, Math.floor((second - WARM_UP_SECONDS) / 3600))]++;
    return { seed, count: fired.length, most: Math.max(...byHour) };
  });
  const total = runs.reduce((sum, { count }) => sum + count, 0);
  const most = Math.max(...runs.map((each) => each.most));
  const which = runs
    .filter(({ count }) => count > 0)
    .map(({ seed, count }) => (count > 1 ? `${seed} (${count})` : seed));
  console.log(`| ${signal} | ${total} | ${most} | ${which.join(", ")} |`);
}
const delays = Array.from({ length: seeds }, (_, i) => ({
  seed: i + 1,
  delay: stepDelay("sched_latency_seconds", i + 1),
}));
console.log(
  `threefold step of sched_latency_seconds, caught after: ${delays.map(({ seed, delay }) => `${delay} s (seed ${seed})`).join(", ")}`,
);
