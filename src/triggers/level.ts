import type { ThresholdTest } from "./rule.ts";
import type { Judgement, ValueTest } from "./value-detector.ts";

/** A level with its hysteresis, for values that are known only as a whole. */
export class Level implements ValueTest {
  readonly #test: ThresholdTest;
  #isBeyond = false;

  constructor(test: ThresholdTest) {
    this.#test = test;
  }

  judge(value: number): Judgement {
    const { direction, level, clear } = this.#test;
    const active = this.#isBeyond ? clear : level;
    this.#isBeyond = direction === "above" ? value > active : value < active;
    return { truth: this.#isBeyond ? "true" : "false", level };
  }

  consume(): void {
    // A level knows no past.
  }
}
