import type { EpochMilliseconds, Milliseconds } from "../base/units.ts";

/** Labels of a target or of a series: names and values are bounded by whoever makes them. */
export type Labels = Readonly<Record<string, string>>;

/**
 * What was seen of one series in one interval: every single value of a duration signal (each task that ended), or the
 * one value of a gauge. Values are in base units: seconds, bytes, a count, a ratio of 0 to 1.
 */
export interface Observation {
  /** A name of the signal catalogue, such as `task_duration_seconds`. */
  readonly signal: string;
  /** What tells this series from others of the same signal and target, such as `{ task: "checkout" }`. */
  readonly labels: Labels;
  readonly values: readonly number[] | Float64Array;
  /** When each value was complete, wall clock; as long as `values`. Absent: all at the batch's `at`. */
  readonly times?: readonly number[] | Float64Array;
  /** How many values there were in all, when more than the kept ones (a bound was hit); else `values.length`. */
  readonly total?: number;
}

/** Where a batch of observations was read from. */
export type SignalSource = "trace" | "profile" | "metrics" | "probe" | "schedtrace" | "target" | "external";

/** Everything one source said about one target for one interval: a trace generation, a scrape, a profile. */
export interface ObservationBatch {
  /** The target's unique name. */
  readonly target: string;
  readonly targetLabels: Labels;
  readonly source: SignalSource;
  /** The end of the interval, wall clock. */
  readonly at: EpochMilliseconds;
  /** The interval's length. */
  readonly interval: Milliseconds;
  readonly observations: readonly Observation[];
}
