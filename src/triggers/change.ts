import type { EpochMilliseconds } from "../base/units.ts";
import type { ChangeTest } from "./rule.ts";
import type { Judgement, ValueTest } from "./value-detector.ts";

/** The average is of at most so many values, evenly over its span: a day at one a second would be 86,400. */
const MAX_VALUES = 600;

/**
 * Against the moving average, as holmes has it: the value passes `abs`, or it passes `min` and lies more than `ratio`
 * above the average of the span before it. Until the span is half full there is no average to speak of.
 */
export class ChangeFromAverage implements ValueTest {
  readonly #test: ChangeTest;
  readonly #values: { readonly at: number; readonly value: number }[] = [];
  #sum = 0;
  #since: number | undefined;

  constructor(test: ChangeTest) {
    this.#test = test;
  }

  judge(value: number, at: EpochMilliseconds): Judgement {
    const { over, min, ratio, abs } = this.#test;
    this.#forget(at - over);
    this.#since ??= at;
    const average =
      at - this.#since >= over / 2 && this.#values.length > 0 ? this.#sum / this.#values.length : undefined;
    this.#learn(value, at);
    if (abs !== undefined && value > abs) return { truth: "true", level: average ?? abs };
    if (average === undefined) return { truth: abs === undefined ? "unknown" : "false", level: abs };
    return { truth: value > min && value > average * (1 + ratio) ? "true" : "false", level: average };
  }

  consume(): void {
    // What fired is part of the average: a level that stays becomes the new normal.
  }

  #learn(value: number, at: number): void {
    const last = this.#values[this.#values.length - 1];
    if (last !== undefined && at - last.at < this.#test.over / MAX_VALUES) return;
    this.#values.push({ at, value });
    this.#sum += value;
  }

  #forget(before: number): void {
    while (this.#values[0] !== undefined && this.#values[0].at < before)
      this.#sum -= this.#values.shift()?.value ?? 0;
    if (this.#values.length === 0) this.#sum = 0;
  }
}
