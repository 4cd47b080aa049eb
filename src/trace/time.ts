/**
 * Ticks to nanoseconds with the reference's arithmetic.
 *
 * Go keeps `frequency` = 1 / (freq / 1e9) ns per tick in a float64 and converts *each* tick count (a batch's time, each
 * event's delta) with one float64 multiply and a truncation, then adds in int64. Doing anything else differs by 1 ns.
 *
 * A machine up for more than 104 days has an absolute time above 2^53 ns, so times are kept relative to a `timeBase`,
 * itself a whole number of ns a double holds exactly. The difference of two integer-valued doubles is exact as long as it
 * is below 2^53, so relative times are exact for 104 days of *trace*; beyond that reading is refused, never rounded.
 */

/** The greatest relative time (ns) kept exactly. */
export const MAX_RELATIVE_NS = Number.MAX_SAFE_INTEGER;

/** Ns per tick, in Go's order of operations. */
export function nanosecondsPerTick(ticksPerSecond: number): number {
  return 1 / (ticksPerSecond / 1e9);
}

/** Ticks to whole ns, truncated as Go's int64 conversion does. */
export function ticksToNanoseconds(ticks: number, nsPerTick: number): number {
  return Math.trunc(ticks * nsPerTick);
}

/** The absolute time Go's Event.Time returns, in ns. */
export function absoluteNanoseconds(timeBase: number, relative: number): bigint {
  return BigInt(timeBase) + BigInt(relative);
}
