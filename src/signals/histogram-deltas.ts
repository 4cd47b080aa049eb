/** Quantiles and means of what histograms and summaries gained between two scrapes. */

import type { Labels } from "./signal.ts";

const QUANTILES = [
  ["p50", 0.5],
  ["p90", 0.9],
  ["p95", 0.95],
  ["p99", 0.99],
  ["p99.9", 0.999],
] as const;

interface Cumulative {
  readonly name: string;
  readonly labels: Labels;
  /** Upper bound and cumulative count of each bucket. */
  readonly buckets: Map<number, number>;
  sum: number | undefined;
  count: number | undefined;
}

export interface DerivedValue {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export class HistogramDeltas {
  /** What is derived, as the suffix of its name. */
  readonly statistics: readonly string[] = [...QUANTILES.map(([name]) => name), "mean"];
  readonly #limit: number;
  #before = new Map<string, Cumulative>();
  #now = new Map<string, Cumulative>();
  #dropped = 0;

  /** @param limit series of histograms. Beyond: dropped, counted. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  begin(): void {
    this.#now = new Map();
  }

  addBucket(name: string, labels: Labels, bound: number, count: number): void {
    if (!Number.isNaN(bound)) this.#at(name, labels)?.buckets.set(bound, count);
  }

  addSum(name: string, labels: Labels, sum: number): void {
    const at = this.#at(name, labels);
    if (at !== undefined) at.sum = sum;
  }

  addCount(name: string, labels: Labels, count: number): void {
    const at = this.#at(name, labels);
    if (at !== undefined) at.count = count;
  }

  /** The scrape is complete. */
  *end(): Generator<DerivedValue, void, undefined> {
    for (const [key, now] of this.#now) {
      const before = this.#before.get(key);
      if (before !== undefined) yield* derive(now, before);
    }
    this.#before = this.#now;
  }

  reset(): void {
    this.#before = new Map();
  }

  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  #at(name: string, labels: Labels): Cumulative | undefined {
    const key = seriesKey(name, labels);
    let at = this.#now.get(key);
    if (at === undefined) {
      if (this.#now.size >= this.#limit) {
        this.#dropped++;
        return undefined;
      }
      at = { name, labels, buckets: new Map(), sum: undefined, count: undefined };
      this.#now.set(key, at);
    }
    return at;
  }
}

/** One text for a name and its labels, whatever their order. */
export function seriesKey(name: string, labels: Labels): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function* derive(now: Cumulative, before: Cumulative): Generator<DerivedValue, void, undefined> {
  const { name, labels } = now;
  // One of them fell: all of them began anew.
  const fell =
    (now.count ?? 0) < (before.count ?? 0) ||
    [...now.buckets].some(([bound, count]) => count < (before.buckets.get(bound) ?? 0));
  const base = fell ? undefined : before;
  const buckets = [...now.buckets]
    .map(([bound, count]) => ({ bound, count: count - (base?.buckets.get(bound) ?? 0) }))
    .sort((a, b) => a.bound - b.bound);
  if ((buckets.at(-1)?.count ?? 0) > 0) {
    for (const [suffix, q] of QUANTILES) {
      yield { name: `${name}:${suffix}`, labels, value: bucketQuantile(buckets, q) };
    }
  }
  const count = (now.count ?? 0) - (base?.count ?? 0);
  if (count > 0 && now.sum !== undefined) {
    yield { name: `${name}:mean`, labels, value: (now.sum - (base?.sum ?? 0)) / count };
  }
}

/**
 * The quantile of cumulative buckets in order of their bounds, as PromQL's histogram_quantile has it: evenly spread
 * within a bucket; the first begins at 0 where its bound is above; in the last, without end, it is where that begins.
 * NaN without an infinite bucket or without values.
 */
export function bucketQuantile(
  buckets: readonly { readonly bound: number; readonly count: number }[],
  q: number,
): number {
  const last = buckets.at(-1);
  if (last === undefined || last.bound !== Number.POSITIVE_INFINITY || last.count <= 0) return Number.NaN;
  const rank = q * last.count;
  // Buckets are read one after another while they change: a count may be below the one before it. Then it is equal.
  let below = 0;
  let lower = Number.NaN;
  for (const { bound, count: read } of buckets) {
    const count = Math.max(read, below);
    if (count >= rank && count > below) {
      if (bound === Number.POSITIVE_INFINITY) return lower;
      if (Number.isNaN(lower) && bound <= 0) return bound;
      const from = Number.isNaN(lower) ? 0 : lower;
      return from + (bound - from) * ((rank - below) / (count - below));
    }
    below = count;
    lower = bound;
  }
  return lower;
}
