import { milliseconds, type Milliseconds } from "../../base/units.ts";

/**
 * Exponential backoff with full jitter: after the n-th failure in a row, a random share of `min · 2^(n-1)`, at most
 * of `max`. Full jitter spreads a fleet that lost its store at the same moment evenly over the time of its return.
 */
export function backoff(
  failures: number,
  limits: { readonly min: Milliseconds; readonly max: Milliseconds },
  random: () => number,
): Milliseconds {
  const ceiling = Math.min(limits.max, limits.min * 2 ** Math.min(failures - 1, 52));
  return milliseconds(ceiling * random());
}
