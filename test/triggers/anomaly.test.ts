import { describe, expect, test } from "vitest";
import { Anomaly } from "../../src/triggers/anomaly.ts";
import { Baseline } from "../../src/triggers/baseline.ts";
import type { Truth } from "../../src/triggers/detector.ts";
import type { AnomalyTest } from "../../src/triggers/rule.ts";
import { at, Bench, load, observation, START } from "./support.ts";
import { anomalies, NOISE_MODELS, stepDelay, WARM_UP_SECONDS } from "./noise-models.ts";
import { noise, type Noise } from "./simulate.ts";

/** Of the noise of every signal, each from another hour of the day on; `bench/triggers/anomaly.mjs` has more. */
const NOISE_SEEDS = [1, 2, 3];
const SEEDS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89];

/** p99 of the scheduler latency, each second of a service under a daily load. */
const rule = {
  name: "sched-anomaly",
  when: {
    signal: "sched_latency_seconds",
    aggregate: "p99",
    window: "1s",
    anomaly: { warm_up: "10m", min_effect: "500us" },
  },
  limits: { cooldown: "1m", max_per_hour: 1000, max_per_day: 10_000 },
};

/** Seconds of the day's hour at which it begins, so that the load rises and falls in it. */
function simulate(
  seed: number,
  seconds: number,
  step: (second: number) => number,
  hour = 8,
): readonly number[] {
  const bench = new Bench(load([rule]));
  const next: Noise = noise(seed);
  const fired: number[] = [];
  for (let second = 1; second <= seconds; second++) {
    // Load swings by half over the day; latency follows it. A p99 of a heavy tail is noisy itself.
    const day = 1 + 0.5 * Math.sin((2 * Math.PI * (hour * 3600 + second)) / 86_400);
    const scale = 0.0004 * day * step(second);
    const values = Array.from({ length: 300 }, () => scale * Math.exp(0.8 * next.normal()));
    const made = bench.observe(second, observation("sched_latency_seconds", values));
    if (made.some((decision) => decision.kind === "fired")) fired.push(second);
  }
  return fired;
}

describe("anomaly", () => {
  test(`an hour of steady noise over each part of the day, at seeds ${SEEDS.join(", ")}: at most one false firing`, () => {
    const firings = SEEDS.map((seed, i) => ({ seed, fired: simulate(seed, 4200, () => 1, (i * 3) % 24) }));
    expect(firings.filter(({ fired }) => fired.length > 1)).toEqual([]);
  });

  test.each(Object.keys(NOISE_MODELS))(
    `an hour of steady noise of %s, at seeds ${NOISE_SEEDS.join(", ")}: at most one false firing`,
    (signal) => {
      const runs = NOISE_SEEDS.map((seed, i) => ({
        seed,
        fired: anomalies(signal, { seed, startOfDay: i * 8 * 3600, seconds: WARM_UP_SECONDS + 3600 }),
      }));
      expect(runs.filter(({ fired }) => fired.length > 1)).toEqual([]);
    },
  );

  test(`a threefold step on the same noise is caught within 5 s, at seeds ${NOISE_SEEDS.join(", ")}`, () => {
    const delays = NOISE_SEEDS.map((seed) => ({ seed, delay: stepDelay("sched_latency_seconds", seed) }));
    expect(delays.filter(({ delay }) => delay > 5)).toEqual([]);
  });

  test(`a threefold step of scheduler latency is caught within 5 s, at seeds ${SEEDS.join(", ")}`, () => {
    const stepAt = 1800;
    const delays = SEEDS.map((seed) => {
      const fired = simulate(seed, stepAt + 10, (second) => (second >= stepAt ? 3 : 1));
      return { seed, delay: (fired.find((second) => second >= stepAt) ?? Infinity) - stepAt };
    });
    expect(delays.filter(({ delay }) => delay > 5)).toEqual([]);
  });

  test("noise around zero never fires: the least effect", () => {
    const bench = new Bench(load([{ name: "gap", when: { signal: "cpu_gap_ratio", anomaly: {} } }]));
    const next = noise(7);
    for (let second = 1; second <= 7200; second++) {
      const value = next.uniform() < 0.97 ? 0 : 0.015 * next.uniform();
      bench.observe(second, observation("cpu_gap_ratio", [value]));
    }
    expect(bench.decisions).toEqual([]);
  });

  test("while it learns it says nothing, and a level that stays becomes normal", () => {
    const options: AnomalyTest = {
      kind: "anomaly",
      method: "both",
      direction: "both",
      sensitivity: 5,
      warmUp: 600_000 as AnomalyTest["warmUp"],
      minEffect: 1,
      consecutive: 3,
      seasonal: true,
    };
    const anomaly = new Anomaly(options, new Baseline(1));
    const next = noise(3);
    const truths: Truth[] = [];
    for (let second = 1; second <= 7200; second++) {
      const level = second < 3600 ? 100 : 300;
      truths.push(anomaly.judge(level + 5 * next.normal(), at(second)).truth);
    }
    expect(truths.lastIndexOf("unknown")).toBe(600);
    expect(truths.indexOf("true")).toBe(3601);
    expect(truths.slice(3605, 3660).every((truth) => truth === "true")).toBe(true);
    expect(truths.slice(-1800).includes("true")).toBe(false);
  });

  test("what happens each day at this hour is normal, once two days are known", () => {
    const bench = new Bench(
      load([
        {
          name: "nightly",
          when: { signal: "runnable_goroutines", anomaly: { min_effect: 20 } },
          limits: { cooldown: "1h" },
        },
      ]),
    );
    const next = noise(11);
    const days = 4;
    const firedOn = new Set<number>();
    // Every 10 s, so that four days are quick. From 02:00 to 03:00 UTC a batch job runs, from the hour on.
    const firstMidnight = 12 * 3600;
    for (let second = 0; second < days * 86_400; second += 10) {
      const ofDay = second % 86_400;
      const level = ofDay >= 7200 && ofDay < 10_800 ? 200 : 20;
      const made = bench.observe(
        firstMidnight + second,
        observation("runnable_goroutines", [Math.max(0, level + 4 * next.normal())]),
      );
      if (made.some((decision) => decision.kind === "fired")) firedOn.add(Math.floor(second / 86_400));
    }
    expect(new Date(START + firstMidnight * 1000).getUTCHours()).toBe(0);
    expect([...firedOn]).toEqual([0, 1]);
  });

  test("what was learned outlives the agent", () => {
    const next = noise(5);
    const value = (): number => 0.001 * Math.exp(0.3 * next.normal());
    const first = new Bench(load([rule]));
    for (let second = 1; second <= 1800; second++) {
      first.observe(second, observation("sched_latency_seconds", [value()]));
    }
    const state = JSON.parse(JSON.stringify(first.engine.exportBaselines())) as ReturnType<
      typeof first.engine.exportBaselines
    >;
    const second = new Bench(load([rule]));
    second.engine.importBaselines(state);
    const fresh = new Bench(load([rule]));
    for (let i = 1801; i <= 1810; i++) {
      second.observe(i, observation("sched_latency_seconds", [0.02]));
      fresh.observe(i, observation("sched_latency_seconds", [0.02]));
    }
    expect(second.story[0]).toBe("1803s fired sched-anomaly");
    expect(fresh.story).toEqual([]);
    expect(second.decisions[0]?.message).toMatch(/was 20ms, outside of what is normal for it, which ends at/);
  });
});
