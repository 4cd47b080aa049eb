import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import { rankOf } from "./aggregate.ts";
import type { Detector, Reading, Truth } from "./detector.ts";
import type { Interval } from "./interval.ts";
import type { SignalQuery, ThresholdTest } from "./rule.ts";
import { SampleWindow } from "./window.ts";

/** A level that is passed, with its hysteresis. */
export class ThresholdDetector implements Detector {
  readonly #query: SignalQuery;
  readonly #test: ThresholdTest;
  readonly #window: SampleWindow;
  #at: EpochMilliseconds = epochMilliseconds(0);
  #covered = 0;
  #truth: Truth = "unknown";

  constructor(query: SignalQuery, test: ThresholdTest) {
    this.#query = query;
    this.#test = test;
    this.#window = new SampleWindow(query, { direction: test.direction, level: test.level });
  }

  add(interval: Interval): void {
    this.#window.add(interval);
  }

  judge(at: EpochMilliseconds, covered: number): Truth {
    this.#at = at;
    this.#covered = covered;
    this.#window.advance(at);
    this.#truth = this.#decide();
    return this.#truth;
  }

  isFresh(): boolean {
    return this.#judgesEach ? this.#window.fresh >= this.#test.minCount : this.#window.isNew;
  }

  consume(): void {
    this.#window.consume();
  }

  read(): Reading {
    const { level } = this.#test;
    const { samples } = this.#window;
    const worst = this.#judgesEach ? this.#window.worst : undefined;
    if (worst !== undefined) return { value: worst.value, level, at: worst.at, samples };
    return { value: this.#window.value(this.#covered), level, at: this.#at, samples };
  }

  get isIdle(): boolean {
    return this.#window.isEmpty && !(this.#countsNothing && this.#test.direction === "below");
  }

  /** How many there were is known without any: none. All else needs values. */
  get #countsNothing(): boolean {
    const { aggregate, minSamples, signal } = this.#query;
    if (minSamples > 1) return false;
    return (
      aggregate.kind === "count" ||
      (aggregate.kind === "rate" && signal.kind !== "gauge" && signal.kind !== "counter")
    );
  }

  get #judgesEach(): boolean {
    return this.#query.aggregate.kind === "each";
  }

  #decide(): Truth {
    const { aggregate, minSamples } = this.#query;
    const { level, clear, minCount, breachRatio } = this.#test;
    const window = this.#window;
    if (aggregate.kind === "each" && breachRatio === undefined) {
      return truthOf(window.breaching >= minCount && window.samples >= minSamples);
    }
    // How many there were is known without any; all else needs values.
    const counts =
      aggregate.kind === "count" || (aggregate.kind === "rate" && this.#query.signal.kind !== "gauge");
    if (window.samples < minSamples && !(counts && minSamples === 1)) return "unknown";
    if (breachRatio !== undefined) {
      return truthOf(window.breaching >= minCount && window.breaching > breachRatio * window.samples);
    }
    if (aggregate.kind === "quantile" && clear === level) return truthOf(this.#quantileIsBeyond(aggregate.q));
    const value = window.value(this.#covered);
    if (value === undefined) return "unknown";
    const active = this.#truth === "true" ? clear : level;
    return truthOf(this.#test.direction === "above" ? value > active : value < active);
  }

  /** The rank alone decides: the quantile is above the level when enough values are. */
  #quantileIsBeyond(q: number): boolean {
    const { breaching, samples } = this.#window;
    const rank = rankOf(samples, q);
    return this.#test.direction === "above" ? breaching >= samples - rank : breaching > rank;
  }
}

function truthOf(holds: boolean): Truth {
  return holds ? "true" : "false";
}
