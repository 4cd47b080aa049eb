import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { Detector, Reading, Sink, Truth } from "./detector.ts";
import type { Interval } from "./interval.ts";
import type { AbsenceTest } from "./rule.ts";

/** True when no series that the condition asks for was seen for so long, from the target's start on. */
export class AbsenceDetector implements Detector, Sink {
  readonly #test: AbsenceTest;
  #lastAt: EpochMilliseconds | undefined;
  #at: EpochMilliseconds = epochMilliseconds(0);
  #missing = 0;
  #wasUsed = false;

  constructor(test: AbsenceTest) {
    this.#test = test;
  }

  add(interval: Interval): void {
    if (interval.values.length === 0) return;
    this.#lastAt = interval.at;
    this.#wasUsed = false;
  }

  sinksFor(): readonly Sink[] {
    return [this];
  }

  judge(at: EpochMilliseconds, covered: number): Truth {
    this.#at = at;
    this.#missing = this.#lastAt === undefined ? covered : Math.max(0, at - this.#lastAt);
    return this.#missing >= this.#test.duration ? "true" : "false";
  }

  /** One absence is one piece of news, however long it lasts. */
  isFresh(): boolean {
    return !this.#wasUsed;
  }

  consume(delivered: boolean): void {
    if (delivered && this.#missing >= this.#test.duration) this.#wasUsed = true;
  }

  read(): Reading {
    return { value: this.#missing / 1000, level: this.#test.duration / 1000, at: this.#at, samples: 0 };
  }

  get lastAt(): EpochMilliseconds | undefined {
    return this.#lastAt;
  }

  get isIdle(): boolean {
    return false;
  }
}
