import { assertNever } from "../base/errors.ts";
import type { EpochMilliseconds } from "../base/units.ts";
import type { Band, Baseline } from "./baseline.ts";
import type { AnomalyTest } from "./rule.ts";
import type { Judgement, ValueTest } from "./value-detector.ts";

/** Weak evidence adds up over at most so many intervals. */
const MAX_INTERVALS = 5;

/**
 * Outside of what was learned. Each interval's value has a score: how many robust deviations it lies from the median
 * of the last half hour, from the moving average, and, where other days are known, from this hour of the day; the
 * smallest of them counts. It is true when each of the last k intervals (`consecutive` to five) lies off to the same
 * side by a fifth of `sensitivity` at least, and together, sum(score) / sqrt(k), they pass `sensitivity`: one spike is
 * no anomaly, a noisy signal needs a moment longer. A value is judged before it is learned.
 */
export class Anomaly implements ValueTest {
  readonly #test: AnomalyTest;
  readonly #baseline: Baseline;
  readonly #above: Evidence;
  readonly #below: Evidence;

  constructor(test: AnomalyTest, baseline: Baseline) {
    this.#test = test;
    this.#baseline = baseline;
    this.#above = new Evidence(test);
    this.#below = new Evidence(test);
  }

  judge(value: number, at: EpochMilliseconds): Judgement {
    const { warmUp, direction } = this.#test;
    const isWarm = this.#baseline.learned >= warmUp;
    const bands = this.#bands(at);
    this.#baseline.learn(value, at);
    if (!isWarm) return { truth: "unknown", level: undefined };
    const isUp = this.#above.add(this.#score(value, bands, 1)) && direction !== "below";
    const isDown = this.#below.add(this.#score(value, bands, -1)) && direction !== "above";
    return { truth: isUp || isDown ? "true" : "false", level: this.#edge(bands, isDown ? -1 : 1) };
  }

  consume(): void {
    // What fired goes on being learned: a level that stays is normal in a quarter of an hour.
  }

  #bands(at: number): readonly Band[] {
    const { method, seasonal } = this.#test;
    const season = seasonal ? this.#baseline.seasonal(at) : undefined;
    const learned = this.#byMethod(method);
    return season === undefined ? learned : [...learned, season];
  }

  #byMethod(method: AnomalyTest["method"]): readonly Band[] {
    switch (method) {
      case "mad":
        return [this.#baseline.robust];
      case "ewma":
        return [this.#baseline.moving];
      case "both":
        return [this.#baseline.robust, this.#baseline.moving];
      default:
        return assertNever(method);
    }
  }

  /** Deviations from the nearest band; 0 for a difference too small to matter. */
  #score(value: number, bands: readonly Band[], sign: 1 | -1): number {
    const scaled = this.#baseline.toScale(value);
    let score = Number.POSITIVE_INFINITY;
    for (const { center, spread } of bands) {
      if (sign * (value - this.#baseline.fromScale(center)) < this.#test.minEffect) return 0;
      score = Math.min(score, (sign * (scaled - center)) / spread);
    }
    return score;
  }

  /** The band's edge that lies furthest out: beyond it, `consecutive` values in a row are one too many. */
  #edge(bands: readonly Band[], sign: 1 | -1): number {
    const { sensitivity, minEffect, consecutive } = this.#test;
    const needed = sensitivity / Math.sqrt(consecutive);
    const edges = bands.map(({ center, spread }) => {
      const byDeviation = this.#baseline.fromScale(center + sign * needed * spread);
      const byEffect = this.#baseline.fromScale(center) + sign * minEffect;
      return sign * Math.max(sign * byDeviation, sign * byEffect);
    });
    return sign * Math.max(...edges.map((edge) => sign * edge));
  }
}

/** The scores of the last intervals that all lie off to one side. */
class Evidence {
  readonly #sensitivity: number;
  readonly #least: number;
  #scores: readonly number[] = [];

  constructor({ sensitivity, consecutive }: AnomalyTest) {
    this.#sensitivity = sensitivity;
    this.#least = consecutive;
  }

  /** @returns whether they suffice. */
  add(score: number): boolean {
    this.#scores =
      score > this.#sensitivity / 5
        ? [score, ...this.#scores].slice(0, Math.max(this.#least, MAX_INTERVALS))
        : [];
    let sum = 0;
    return this.#scores.some((each, i) => {
      sum += each;
      return i + 1 >= this.#least && sum / Math.sqrt(i + 1) > this.#sensitivity;
    });
  }
}
