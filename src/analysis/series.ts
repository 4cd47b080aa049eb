/**
 * A level over time (how many are runnable, how big the heap is) in a bounded number of buckets, whatever the length:
 * when time runs out of buckets, each two become one of twice the width.
 */

import type { GoroutineTracker } from "./tracker.ts";

/** Buckets of a series as wide as a screen. */
export const SERIES_BUCKETS = 600;
/** ns of a bucket to begin with. */
const FIRST_WIDTH = 100_000;

/** Bucket i spans `[i, i + 1) × bucket_ns` after the trace's start; null where nothing was known. */
export interface SeriesResult {
  readonly bucket_ns: number;
  readonly min: readonly (number | null)[];
  /** Over time. */
  readonly mean: readonly (number | null)[];
  readonly max: readonly (number | null)[];
}

export class Series {
  readonly #buckets: number;
  #width = FIRST_WIDTH;
  #start = NaN;
  #time = NaN;
  #level = NaN;
  // The bucket that time is in: kept beside the arrays, since a level changes a thousand times in it.
  #at = 0;
  /** Where the next one begins. */
  #next = 0;
  #leastNow = Infinity;
  #greatestNow = -Infinity;
  #areaNow = 0;
  #knownNow = 0;
  // The buckets before.
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  /** Level × time, and the time for which there was one. */
  readonly #area: Float64Array;
  readonly #known: Float64Array;

  constructor(buckets = SERIES_BUCKETS) {
    this.#buckets = buckets;
    this.#min = new Float64Array(buckets).fill(Infinity);
    this.#max = new Float64Array(buckets).fill(-Infinity);
    this.#area = new Float64Array(buckets);
    this.#known = new Float64Array(buckets);
  }

  get level(): number {
    return this.#level;
  }

  /** Whether there was a level yet. */
  get isKnown(): boolean {
    return this.#level === this.#level;
  }

  /** Where the bucket ends that time is in. */
  get bucketEnd(): number {
    return this.#next;
  }

  /** Time 0 of the series; before the first `set`. */
  begin(time: number): void {
    this.#start = time;
    this.#next = time + this.#width;
    this.#time = time;
  }

  /** The level changes. Times must not fall. */
  set(time: number, level: number): void {
    this.hold(time);
    this.#level = level;
    if (level < this.#leastNow) this.#leastNow = level;
    if (level > this.#greatestNow) this.#greatestNow = level;
  }

  /** The same for a row's time. For hot loops: a double that is an argument is an allocation. */
  setAt(times: Float64Array, row: number, level: number): void {
    this.set(times[row]!, level);
  }

  /**
   * Many changes at once, all in the bucket that time is in: what they come to. Nothing if there is no level yet.
   * @param area level × time since the last change that the series knows, up to `time`.
   * @param least least of the levels since then, Infinity if there was no change; `greatest` likewise.
   */
  fold(time: number, level: number, area: number, least: number, greatest: number): void {
    if (!this.isKnown) return;
    this.#areaNow += area;
    this.#knownNow += time - this.#time;
    this.#time = time;
    this.#level = level;
    if (least < this.#leastNow) this.#leastNow = least;
    if (greatest > this.#greatestNow) this.#greatestNow = greatest;
  }

  /** The level stays as it is up to `time`. */
  hold(time: number): void {
    if (time < this.#next) this.#add(time - this.#time);
    else this.#hold(time);
    this.#time = time;
  }

  /** The level stays as it is up to `time`, which is in a later bucket. */
  #hold(time: number): void {
    if (Number.isNaN(this.#start)) this.begin(time);
    while (time >= this.#next) {
      this.#add(this.#next - this.#time);
      this.#time = this.#next;
      this.#store();
      if (++this.#at === this.#buckets) this.#halve();
      this.#next = this.#start + (this.#at + 1) * this.#width;
      const known = this.#level === this.#level;
      this.#leastNow = known ? this.#level : Infinity;
      this.#greatestNow = known ? this.#level : -Infinity;
      this.#areaNow = 0;
      this.#knownNow = 0;
    }
    this.#add(time - this.#time);
  }

  #add(ns: number): void {
    if (this.#level !== this.#level) return;
    this.#areaNow += this.#level * ns;
    this.#knownNow += ns;
  }

  #store(): void {
    this.#min[this.#at] = this.#leastNow;
    this.#max[this.#at] = this.#greatestNow;
    this.#area[this.#at] = this.#areaNow;
    this.#known[this.#at] = this.#knownNow;
  }

  #halve(): void {
    const half = this.#buckets >> 1;
    for (let i = 0; i < half; i++) {
      this.#min[i] = Math.min(this.#min[2 * i]!, this.#min[2 * i + 1]!);
      this.#max[i] = Math.max(this.#max[2 * i]!, this.#max[2 * i + 1]!);
      this.#area[i] = this.#area[2 * i]! + this.#area[2 * i + 1]!;
      this.#known[i] = this.#known[2 * i]! + this.#known[2 * i + 1]!;
    }
    this.#min.fill(Infinity, half);
    this.#max.fill(-Infinity, half);
    this.#area.fill(0, half);
    this.#known.fill(0, half);
    this.#width *= 2;
    this.#at = half;
  }

  /** The series up to the trace's end. */
  result(tracker: GoroutineTracker): SeriesResult {
    if (Number.isNaN(this.#start)) return { bucket_ns: this.#width, min: [], mean: [], max: [] };
    this.hold(tracker.lastTime);
    this.#store();
    const count = this.#at + 1;
    const each = (value: (i: number) => number): (number | null)[] =>
      Array.from({ length: count }, (_, i) => (this.#max[i] === -Infinity ? null : value(i)));
    return {
      bucket_ns: this.#width,
      min: each((i) => this.#min[i]!),
      mean: each((i) => (this.#known[i] === 0 ? this.#max[i]! : rounded(this.#area[i]! / this.#known[i]!))),
      max: each((i) => this.#max[i]!),
    };
  }

  /** Mean over all the time of the result for which there was a level; 0 if there was none. After `result`. */
  mean(): number {
    let area = 0;
    let known = 0;
    for (let i = 0; i <= this.#at; i++) {
      area += this.#area[i]!;
      known += this.#known[i]!;
    }
    return known === 0 ? 0 : area / known;
  }

  /** The greatest level; 0 if there was none. After `result`. */
  max(): number {
    let max = -Infinity;
    for (let i = 0; i <= this.#at; i++) max = Math.max(max, this.#max[i]!);
    return max === -Infinity ? 0 : max;
  }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
