import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { SignalDefinition } from "../signals/catalog.ts";
import type { Labels } from "../signals/signal.ts";
import type { Detector, Reading, Sink, Truth, Wake } from "./detector.ts";
import type { SignalQuery } from "./rule.ts";
import { createWindow } from "./create-window.ts";
import type { ValueWindow } from "./window.ts";

/** What a test says of one value: whether it holds, and what the value was held against. */
export interface Judgement {
  readonly truth: Truth;
  readonly level: number | undefined;
}

/** Judges the window's value once an interval, each with its memory of what came before. */
export interface ValueTest {
  judge(value: number, at: EpochMilliseconds): Judgement;
  /** The value made a firing. */
  consume(value: number, at: EpochMilliseconds): void;
}

/** A test that looks at one value an interval: change, high-water mark, anomaly. */
export class ValueDetector implements Detector {
  readonly #query: SignalQuery;
  readonly #test: ValueTest;
  readonly #window: ValueWindow;
  #at: EpochMilliseconds = epochMilliseconds(0);
  #judgedAt: EpochMilliseconds | undefined;
  #value: number | undefined;
  #judgement: Judgement = { truth: "unknown", level: undefined };

  constructor(query: SignalQuery, test: ValueTest, wake: Wake) {
    this.#query = query;
    this.#test = test;
    this.#window = createWindow(query, wake);
  }

  sinksFor(_signal: SignalDefinition, labels: Labels): readonly Sink[] {
    return [this.#window.sinkFor(labels)];
  }

  judge(at: EpochMilliseconds, covered: number): Truth {
    this.#at = at;
    this.#window.advance(at);
    const { lastAt } = this.#window;
    // Without news the last word stands: one value is not to be learned, or counted, twice.
    if (lastAt === undefined || lastAt === this.#judgedAt) return this.#expire();
    this.#judgedAt = lastAt;
    this.#value = this.#window.samples < this.#query.minSamples ? undefined : this.#window.value(covered);
    this.#judgement =
      this.#value === undefined
        ? { truth: "unknown", level: undefined }
        : this.#test.judge(this.#value, lastAt);
    return this.#judgement.truth;
  }

  isFresh(): boolean {
    return this.#window.isNew;
  }

  consume(delivered: boolean): void {
    this.#window.consume();
    if (delivered && this.#value !== undefined) this.#test.consume(this.#value, this.#at);
  }

  read(): Reading {
    return {
      value: this.#value,
      level: this.#judgement.level,
      at: this.#judgedAt ?? this.#at,
      samples: this.#window.samples,
    };
  }

  get lastAt(): EpochMilliseconds | undefined {
    return this.#window.lastAt;
  }

  get isIdle(): boolean {
    return this.#window.isEmpty;
  }

  #expire(): Truth {
    if (this.#window.isEmpty) {
      this.#value = undefined;
      this.#judgement = { truth: "unknown", level: undefined };
    }
    return this.#judgement.truth;
  }
}
