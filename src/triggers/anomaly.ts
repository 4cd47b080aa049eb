import { assertNever } from "../base/errors.ts";
import type { EpochMilliseconds } from "../base/units.ts";
import type { Band, Baseline } from "./baseline.ts";
import type { AnomalyTest } from "./rule.ts";
import type { Judgement, ValueTest } from "./value-detector.ts";

/**
 * Outside of what was learned: so many robust deviations from the median of the last half hour and from the moving
 * average, and, where other days are known, from this hour of the day; at least by the least effect; for so many
 * intervals in a row. A value is judged before it is learned.
 */
export class Anomaly implements ValueTest {
  readonly #test: AnomalyTest;
  readonly #baseline: Baseline;
  #inARow = 0;

  constructor(test: AnomalyTest, baseline: Baseline) {
    this.#test = test;
    this.#baseline = baseline;
  }

  judge(value: number, at: EpochMilliseconds): Judgement {
    const isWarm = this.#baseline.learned >= this.#test.warmUp;
    const bands = this.#bands(at);
    this.#baseline.learn(value, at);
    if (!isWarm) return { truth: "unknown", level: undefined };
    const isUp = this.#test.direction !== "below" && bands.every((band) => this.#isOutside(value, band, 1));
    const isDown =
      this.#test.direction !== "above" && bands.every((band) => this.#isOutside(value, band, -1));
    this.#inARow = isUp || isDown ? this.#inARow + 1 : 0;
    const level = this.#edge(bands, isDown ? -1 : 1);
    return { truth: this.#inARow >= this.#test.consecutive ? "true" : "false", level };
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

  #isOutside(value: number, { center, spread }: Band, sign: 1 | -1): boolean {
    const { sensitivity, minEffect } = this.#test;
    const deviation = sign * (this.#baseline.toScale(value) - center);
    return deviation > sensitivity * spread && sign * (value - this.#baseline.fromScale(center)) >= minEffect;
  }

  /** The band's edge that lies furthest out: what the value has to pass. */
  #edge(bands: readonly Band[], sign: 1 | -1): number {
    const { sensitivity, minEffect } = this.#test;
    const edges = bands.map(({ center, spread }) => {
      const byDeviation = this.#baseline.fromScale(center + sign * sensitivity * spread);
      const byEffect = this.#baseline.fromScale(center) + sign * minEffect;
      return sign * Math.max(sign * byDeviation, sign * byEffect);
    });
    return sign * Math.max(...edges.map((edge) => sign * edge));
  }
}
