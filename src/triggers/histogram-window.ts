/**
 * The quantile of a histogram of the service's own metrics, from how its buckets rose in the window. As Prometheus'
 * `histogram_quantile`: values are taken to lie evenly within a bucket, and nothing is known beyond the last bound.
 */

import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import { bucketQuantile } from "../signals/histogram-deltas.ts";
import type { Labels } from "../signals/signal.ts";
import type { Sink, Wake } from "./detector.ts";
import type { Interval } from "./interval.ts";
import type { SignalQuery } from "./rule.ts";
import type { ValueWindow } from "./window.ts";

/** The label that has a bucket's upper bound. */
export const BUCKET_LABEL = "le";

/** Whether the query asks for a quantile of a histogram's buckets. */
export function isHistogramQuery({ signal, aggregate }: SignalQuery): boolean {
  return signal.source === "metrics" && signal.name.endsWith("_bucket") && aggregate.kind === "quantile";
}

/** How much each cumulative bucket rose in one interval, by its upper bound. */
interface Rise {
  readonly at: EpochMilliseconds;
  readonly byBound: Map<number, number>;
}

export class HistogramWindow implements ValueWindow {
  readonly #query: SignalQuery;
  readonly #wake: Wake;
  readonly #rises: Rise[] = [];
  isNew = false;
  lastAt: EpochMilliseconds | undefined;

  constructor(query: SignalQuery, wake: Wake) {
    this.#query = query;
    this.#wake = wake;
  }

  sinkFor(labels: Labels): Sink {
    const bound = parseBound(labels[BUCKET_LABEL] ?? "");
    return { add: (interval) => this.#add(bound, interval) };
  }

  advance(at: EpochMilliseconds): void {
    while (this.#rises[0] !== undefined && this.#rises[0].at <= at - this.#query.window) this.#rises.shift();
  }

  consume(): void {
    this.isNew = false;
  }

  get isEmpty(): boolean {
    return this.#rises.length === 0;
  }

  /** Values the histogram took in the window. */
  get samples(): number {
    return this.#rises.reduce((sum, { byBound }) => sum + Math.max(0, ...byBound.values()), 0);
  }

  value(): number | undefined {
    const { aggregate } = this.#query;
    if (aggregate.kind !== "quantile") return undefined;
    const value = bucketQuantile(this.#buckets(), aggregate.q);
    return Number.isNaN(value) ? undefined : value;
  }

  #add(bound: number, interval: Interval): void {
    if (Number.isNaN(bound) || interval.values.length === 0) return;
    let newest = this.#rises[this.#rises.length - 1];
    if (newest?.at !== interval.at) {
      // The clock was set back: what lies ahead would never leave the window.
      if (newest !== undefined && newest.at > interval.at) this.#rises.length = 0;
      newest = { at: epochMilliseconds(interval.at), byBound: new Map() };
      this.#rises.push(newest);
      this.advance(interval.at);
    }
    newest.byBound.set(bound, (newest.byBound.get(bound) ?? 0) + interval.sum);
    this.lastAt = interval.at;
    this.isNew = true;
    this.#wake.isAwake = true;
  }

  /** Upper bound and cumulative count, in order of the bounds. */
  #buckets(): readonly { readonly bound: number; readonly count: number }[] {
    const counts = new Map<number, number>();
    for (const { byBound } of this.#rises) {
      for (const [bound, rise] of byBound) counts.set(bound, (counts.get(bound) ?? 0) + rise);
    }
    return [...counts].map(([bound, count]) => ({ bound, count })).sort((a, b) => a.bound - b.bound);
  }
}

function parseBound(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "" ? Number.NaN : Number(text);
}
