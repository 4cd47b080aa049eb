import type { EpochMilliseconds } from "../base/units.ts";
import type { SignalDefinition } from "../signals/catalog.ts";
import type { Labels, SignalSource } from "../signals/signal.ts";
import type { BaselineStore } from "./baseline-store.ts";
import type { Interval } from "./interval.ts";

/** `unknown`: too little data to say. It never fires, not even under `not`. */
export type Truth = "true" | "false" | "unknown";

/** What a condition saw, for the firing and for people. */
export interface Reading {
  readonly value: number | undefined;
  /** What the value was held against. */
  readonly level: number | undefined;
  /** When it was so: the worst value's own moment, or the interval's end. */
  readonly at: EpochMilliseconds;
  readonly samples: number;
  /** Of the one series that made the value, where it was one. */
  readonly labels?: Labels;
  /** More for people. */
  readonly note?: string;
}

/** Set by a detector to which something came that has to be judged. */
export interface Wake {
  isAwake: boolean;
}

/** What a detector belongs to. */
export interface DetectorContext {
  readonly wake: Wake;
  readonly target: string;
  readonly targetLabels: Labels;
  /** Those that tell its instance apart. */
  readonly labels: Labels;
  readonly baselines: BaselineStore;
}

/** Takes what a series said; several may come for the same interval. */
export interface Sink {
  add(interval: Interval): void;
}

/** Watches one condition for one target and one label set. */
export interface Detector {
  /** Where the intervals of this series go; it is one that the leaf asks for. */
  sinksFor(signal: SignalDefinition, labels: Labels): readonly Sink[];
  /**
   * All series of the interval that ended at `at` were added.
   * @param covered ms since the target is known. @param source whose interval it was.
   */
  judge(at: EpochMilliseconds, covered: number, source: SignalSource): Truth;
  /** Whether there is evidence that no firing has used yet. Asked after `judge`. */
  isFresh(): boolean;
  /** The evidence is used up. @param delivered whether by a firing; else a limit held it back. */
  consume(delivered: boolean): void;
  read(): Reading;
  /** Whether it need not be judged again until it wakes its instance. */
  readonly isIdle: boolean;
  /** The end of the newest interval that was added. */
  readonly lastAt: EpochMilliseconds | undefined;
}
