import type { EpochMilliseconds, Milliseconds } from "../base/units.ts";
import type { Labels, Observation } from "../signals/signal.ts";

/** What one series said in one interval, with the sums every rule on it needs computed once. */
export interface Interval {
  /** The interval's end. */
  readonly at: EpochMilliseconds;
  readonly length: Milliseconds;
  /** Of the series. */
  readonly labels: Labels;
  readonly values: ArrayLike<number>;
  /** When each value was complete; undefined: all at `at`. */
  readonly times: ArrayLike<number> | undefined;
  /** How many values there were, kept or not. */
  readonly total: number;
  readonly sum: number;
  /** Infinity without values. */
  readonly min: number;
  /** -Infinity without values. */
  readonly max: number;
}

/** Values that are no number are left out: they are no evidence of anything. */
export function summarize(observation: Observation, at: EpochMilliseconds, length: Milliseconds): Interval {
  const { values, times, labels } = observation;
  let sum = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  // By index: an iterator over a typed array costs three times as much.
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (Number.isNaN(sum)) return summarize(withoutNaN(observation), at, length);
  return { at, length, labels, values, times, total: observation.total ?? values.length, sum, min, max };
}

function withoutNaN(observation: Observation): Observation {
  const kept = [...observation.values.keys()].filter((i) => Number.isFinite(observation.values[i]));
  const { times } = observation;
  return {
    signal: observation.signal,
    labels: observation.labels,
    values: kept.map((i) => observation.values[i] ?? 0),
    ...(times === undefined ? {} : { times: kept.map((i) => times[i] ?? 0) }),
  };
}

/** A counter's readings → how far it rose. Undefined for the first one; a fall is a restart, from zero. */
export function counterDelta(interval: Interval, previous: number | undefined): Interval | undefined {
  const value = interval.values[interval.values.length - 1];
  if (value === undefined || previous === undefined) return undefined;
  const delta = value >= previous ? value - previous : value;
  return { ...interval, values: [delta], total: 1, sum: delta, min: delta, max: delta };
}
