import type { EpochMilliseconds } from "../base/units.ts";
import type { HighWaterTest } from "./rule.ts";
import type { Judgement, ValueTest } from "./value-detector.ts";

/**
 * Fires on a new record only: the highest value that fired is the mark. The mark sinks linearly to zero over `decay`,
 * so that a record of last week does not hide today's, and there is a capture now and then.
 */
export class HighWaterMark implements ValueTest {
  readonly #test: HighWaterTest;
  #peak: { readonly value: number; readonly at: number } | undefined;

  constructor(test: HighWaterTest) {
    this.#test = test;
  }

  judge(value: number, at: EpochMilliseconds): Judgement {
    const { min, by } = this.#test;
    // Without a least level the first value is no record but the start.
    if (this.#peak === undefined && min === 0) this.#peak = { value, at };
    const level = Math.max(min, this.#mark(at) * (1 + by));
    return { truth: value > level ? "true" : "false", level };
  }

  consume(value: number, at: EpochMilliseconds): void {
    if (value > this.#mark(at)) this.#peak = { value, at };
  }

  #mark(at: number): number {
    if (this.#peak === undefined) return 0;
    const age = Math.max(0, at - this.#peak.at);
    return this.#peak.value * Math.max(0, 1 - age / this.#test.decay);
  }
}
