import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import { rankOf } from "./aggregate.ts";
import type { Detector, Reading, Truth, Sink, Wake } from "./detector.ts";
import type { SignalQuery, ThresholdTest } from "./rule.ts";
import { SampleWindow } from "./window.ts";

/** A level that is passed, with its hysteresis. */
export class ThresholdDetector implements Detector {
  readonly #query: SignalQuery;
  readonly #test: ThresholdTest;
  readonly #window: SampleWindow;
  readonly #restsWithoutBreach: boolean;
  #at: EpochMilliseconds = epochMilliseconds(0);
  #covered = 0;
  #truth: Truth = "unknown";

  constructor(query: SignalQuery, test: ThresholdTest, wake: Wake) {
    this.#query = query;
    this.#test = test;
    const breach = { direction: test.direction, level: test.level };
    this.#restsWithoutBreach = restsWithoutBreach(query, test);
    this.#window = new SampleWindow(query, wake, {
      breach,
      breachesOnly: countsBreaches(query, test),
      wakesOnBreach: this.#restsWithoutBreach,
    });
  }

  sinksFor(): readonly Sink[] {
    return [this.#window];
  }

  get lastAt(): EpochMilliseconds | undefined {
    return this.#window.lastAt;
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
    if (worst !== undefined) {
      const { value, at, labels } = worst;
      return { value, level, at, samples, ...(labels !== undefined && { labels }) };
    }
    const value = this.#judgesEach ? this.#window.closest : this.#window.value(this.#covered);
    return { value, level, at: this.#at, samples };
  }

  get isIdle(): boolean {
    if (this.#restsWithoutBreach) return this.#truth !== "true" && this.#window.breaching === 0;
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
      if (window.samples < minSamples && minSamples > 1) return "unknown";
      return truthOf(window.breaching >= minCount);
    }
    if (window.samples < minSamples && !this.#countsNothing) return "unknown";
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

/** Whether it cannot become true while no value in the window lies beyond the level. */
function restsWithoutBreach({ aggregate }: SignalQuery, { level, clear }: ThresholdTest): boolean {
  return aggregate.kind === "each" || (aggregate.kind === "quantile" && level === clear);
}

/** Whether single values decide, however many others there were. */
function countsBreaches({ aggregate, minSamples }: SignalQuery, { breachRatio }: ThresholdTest): boolean {
  return aggregate.kind === "each" && breachRatio === undefined && minSamples === 1;
}

function truthOf(holds: boolean): Truth {
  return holds ? "true" : "false";
}
