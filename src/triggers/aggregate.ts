import type { Aggregate } from "./rule.ts";

/** All but the quantiles. */
export const SIMPLE_AGGREGATES = ["each", "last", "count", "rate", "sum", "mean", "min", "max"] as const;

/** `each`, `max`, `p99`, `p99.9`; undefined for any other word. */
export function parseAggregate(text: string): Aggregate | undefined {
  const simple = SIMPLE_AGGREGATES.find((kind) => kind === text);
  if (simple !== undefined) return { kind: simple };
  const matched = /^p(\d{1,2}(?:\.\d{1,3})?)$/.exec(text);
  const q = Number(matched?.[1]) / 100;
  return q > 0 && q < 1 ? { kind: "quantile", q } : undefined;
}

/** As `parseAggregate` reads it. */
export function formatAggregate(aggregate: Aggregate): string {
  return aggregate.kind === "quantile" ? `p${Number((aggregate.q * 100).toPrecision(6))}` : aggregate.kind;
}

/**
 * The smallest value that at least a share `q` of the values does not pass (the nearest-rank quantile: always a value
 * that was seen). Reorders `values`.
 */
export function quantile(values: Float64Array, q: number): number {
  return select(values, rankOf(values.length, q));
}

/** Index of the nearest-rank quantile among `count` sorted values. */
export function rankOf(count: number, q: number): number {
  // q * count suffers from rounding (0.99 * 100 > 99): a hair less is meant to be equal.
  return Math.max(0, Math.ceil(q * count - 1e-9) - 1);
}

/** Hoare's selection: the value that would stand at `index` if `values` were sorted; linear on average. */
function select(values: Float64Array, index: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >>> 1] ?? 0;
    let i = low;
    let j = high;
    while (i <= j) {
      while ((values[i] ?? 0) < pivot) i++;
      while ((values[j] ?? 0) > pivot) j--;
      if (i > j) break;
      const swapped = values[i] ?? 0;
      values[i] = values[j] ?? 0;
      values[j] = swapped;
      i++;
      j--;
    }
    if (index <= j) high = j;
    else if (index >= i) low = i;
    else break;
  }
  return values[index] ?? Number.NaN;
}
