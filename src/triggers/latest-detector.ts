import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { Detector, Reading, Sink, Truth, Wake } from "./detector.ts";
import type { Labels } from "../signals/signal.ts";
import type { Interval } from "./interval.ts";
import type { SignalQuery, ThresholdTest } from "./rule.ts";

/**
 * A level for a gauge's last value: the most frequent condition of all, and the one that needs no window. While the
 * value stays on the quiet side it lets its instance sleep.
 */
export class LatestDetector implements Detector, Sink {
  readonly #query: SignalQuery;
  readonly #test: ThresholdTest;
  readonly #wake: Wake;
  #lastAt: EpochMilliseconds | undefined;
  /** The interval's series: how many, and what they make together. */
  #count = 0;
  #value = 0;
  /** Of the one series that made the value. */
  #labels: Labels | undefined;
  #truth: Truth = "unknown";
  #isNew = false;

  constructor(query: SignalQuery, test: ThresholdTest, wake: Wake) {
    this.#query = query;
    this.#test = test;
    this.#wake = wake;
  }

  sinksFor(): readonly Sink[] {
    return [this];
  }

  add(interval: Interval): void {
    const value = interval.values[interval.values.length - 1];
    if (value === undefined) return;
    if (interval.at === this.#lastAt) {
      this.#combine(value, interval.labels);
    } else {
      this.#lastAt = interval.at;
      this.#count = 1;
      this.#value = value;
      this.#labels = interval.labels;
    }
    this.#isNew = true;
    if (this.#truth !== "false" || this.#isBeyond(this.#test.level)) this.#wake.isAwake = true;
  }

  judge(at: EpochMilliseconds): Truth {
    const isStale = this.#lastAt === undefined || at - this.#lastAt > this.#query.window;
    if (isStale) this.#truth = "unknown";
    else
      this.#truth = this.#isBeyond(this.#truth === "true" ? this.#test.clear : this.#test.level)
        ? "true"
        : "false";
    return this.#truth;
  }

  isFresh(): boolean {
    return this.#isNew;
  }

  consume(): void {
    this.#isNew = false;
  }

  read(): Reading {
    return {
      value: this.#lastAt === undefined ? undefined : this.#value,
      level: this.#test.level,
      at: this.#lastAt ?? epochMilliseconds(0),
      samples: this.#lastAt === undefined ? 0 : 1,
      ...(this.#labels !== undefined && { labels: this.#labels }),
    };
  }

  get lastAt(): EpochMilliseconds | undefined {
    return this.#lastAt;
  }

  get isIdle(): boolean {
    return this.#truth !== "true";
  }

  #isBeyond(level: number): boolean {
    return this.#test.direction === "above" ? this.#value > level : this.#value < level;
  }

  #combine(value: number, labels: Labels): void {
    this.#count++;
    switch (this.#query.across) {
      case "max":
        if (value > this.#value) [this.#value, this.#labels] = [value, labels];
        return;
      case "min":
        if (value < this.#value) [this.#value, this.#labels] = [value, labels];
        return;
      case "sum":
        this.#value += value;
        break;
      case "mean":
        this.#value += (value - this.#value) / this.#count;
        break;
    }
    this.#labels = undefined;
  }
}
