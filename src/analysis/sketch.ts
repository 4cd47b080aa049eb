/**
 * A mergeable sketch of durations: quantiles with a stated relative error, exact while there are few values.
 *
 * Buckets are log-linear, as in an HDR histogram: each octave [2^e, 2^(e+1)) is cut into 64 equal parts, so
 * the harmonic middle of a bucket is within 1/129 (< 0.78 %) of every value in it, at any magnitude. It is DDSketch's promise with a bucket
 * index that is two shifts instead of a logarithm. Values are whole ns from 0 to 2^53, so at most 54 octaves of 512 bytes
 * exist; there is room for those up to the greatest value's. Up to `EXACT_VALUES` values are kept as they are. (The npm
 * sketch the project uses elsewhere cannot be imported by a pure folder.)
 */

import { widen } from "./slots.ts";

/** Values kept exactly before buckets take over. */
export const EXACT_VALUES = 128;
/** The greatest relative error of a quantile that comes from buckets. */
export const RELATIVE_ERROR = 1 / 129;

const PART_BITS = 6;
const PARTS = 1 << PART_BITS;
/** The octave [64, 128), whose parts are 1 wide. */
const EXACT_OCTAVE = PART_BITS;
/** Octaves there is room for at first: values below 65 µs. */
const FIRST_OCTAVES = 16;
/** Values from 2^31 on are scaled down by it, to be integers of 32 bits: the part is in the bits that stay. */
const SCALE_BITS = 24;

/** The bucket of a value of at least 1: octave × 64 + part. */
function bucketOf(value: number): number {
  if (value >= 2 ** 31) return bucketOf(Math.floor(value / 2 ** SCALE_BITS)) + SCALE_BITS * PARTS;
  const octave = 31 - Math.clz32(value);
  const part = octave > PART_BITS ? value >>> (octave - PART_BITS) : value << (PART_BITS - octave);
  return (octave << PART_BITS) | (part & (PARTS - 1));
}

/** The five-number summary of durations in ns; all zero when there are none. */
export interface Distribution {
  readonly count: number;
  readonly sum_ns: number;
  readonly min_ns: number;
  readonly mean_ns: number;
  readonly p50_ns: number;
  readonly p95_ns: number;
  readonly p99_ns: number;
  readonly max_ns: number;
}

/** Buckets of all values below 2^53. */
export const BUCKETS = 54 << PART_BITS;

/** Values in the buckets of a sketch: 32 bits without sign each. */
interface Counted {
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly zeros: number;
  readonly counts: Int32Array;
}

/** What stands for the values of a bucket [a, b): 2ab/(a+b), as far in proportion from a as from b. */
function valueOf(bucket: number): number {
  const octave = bucket >> PART_BITS;
  const part = bucket & (PARTS - 1);
  const low = 2 ** octave * (1 + part / PARTS);
  // Below 128 no bucket has room for two whole numbers.
  if (octave <= EXACT_OCTAVE) return low;
  const high = 2 ** octave * (1 + (part + 1) / PARTS);
  return (2 * low * high) / (low + high);
}

export class Sketch {
  count = 0;
  sum = 0;
  min = Infinity;
  max = 0;
  /** The values themselves; undefined once there are too many. */
  #values: number[] | undefined = [];
  /** Values below 1 ns. */
  #zeros = 0;
  /** Values by bucket. */
  #counts = new Float64Array(0);

  add(value: number): void {
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (this.#values === undefined) this.#bucket(value);
    else if (this.#values.push(value) > EXACT_VALUES) this.#spill();
  }

  /** Adds a value from a column. For hot loops: a double that is an argument is an allocation. */
  addFrom(values: Float64Array, row: number): void {
    this.add(values[row]!);
  }

  /** Adds the time from a row's begin to its end; likewise. */
  addSpan(begins: Float64Array, ends: Float64Array, row: number): void {
    this.add(ends[row]! - begins[row]!);
  }

  /** It still has the values themselves. */
  get isExact(): boolean {
    return this.#values !== undefined;
  }

  /** Adds values that were counted elsewhere into the same buckets. */
  absorb({ sum, min, max, zeros, counts }: Counted): void {
    let count = zeros;
    let used = 0;
    counts.forEach((n, bucket) => {
      if (n === 0) return;
      count += n >>> 0;
      used = bucket + 1;
    });
    if (count === 0) return;
    this.#spill();
    this.count += count;
    this.sum += sum;
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    this.#zeros += zeros;
    this.#reserve(Math.ceil(used / PARTS) * PARTS);
    for (let bucket = 0; bucket < used; bucket++) this.#counts[bucket]! += counts[bucket]! >>> 0;
  }

  merge(other: Sketch): void {
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    if (other.#values !== undefined) {
      for (const value of other.#values) {
        if (this.#values === undefined) this.#bucket(value);
        else if (this.#values.push(value) > EXACT_VALUES) this.#spill();
      }
      return;
    }
    this.#spill();
    this.#zeros += other.#zeros;
    this.#reserve(other.#counts.length);
    other.#counts.forEach((n, bucket) => (this.#counts[bucket]! += n));
  }

  /** The value at rank ⌈q·count⌉ (the least for q = 0), within `RELATIVE_ERROR`; 0 when there are none. */
  quantile(q: number): number {
    if (this.count === 0) return 0;
    const rank = Math.min(this.count, Math.max(1, Math.ceil(q * this.count)));
    if (this.#values !== undefined) return this.#values.toSorted((a, b) => a - b)[rank - 1]!;
    if (rank === this.count) return this.max;
    let seen = this.#zeros;
    if (seen >= rank) return 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank) return Math.min(this.max, Math.max(this.min, valueOf(bucket)));
    }
    return this.max;
  }

  /** How many values fall into each of the buckets that `bounds` (ascending) separates; one more than bounds. */
  histogram(bounds: readonly number[]): number[] {
    const counts = Array.from({ length: bounds.length + 1 }, () => 0);
    const put = (value: number, n: number): void => {
      let at = 0;
      while (at < bounds.length && value >= bounds[at]!) at++;
      counts[at]! += n;
    };
    if (this.#values !== undefined) {
      for (const value of this.#values) put(value, 1);
      return counts;
    }
    if (this.#zeros > 0) put(0, this.#zeros);
    this.#counts.forEach((n, bucket) => {
      if (n > 0) put(valueOf(bucket), n);
    });
    return counts;
  }

  distribution(): Distribution {
    return {
      count: this.count,
      sum_ns: this.sum,
      min_ns: this.count === 0 ? 0 : this.min,
      mean_ns: this.count === 0 ? 0 : Math.round(this.sum / this.count),
      p50_ns: Math.round(this.quantile(0.5)),
      p95_ns: Math.round(this.quantile(0.95)),
      p99_ns: Math.round(this.quantile(0.99)),
      max_ns: this.max,
    };
  }

  #spill(): void {
    const values = this.#values;
    if (values === undefined) return;
    this.#values = undefined;
    for (const value of values) this.#bucket(value);
  }

  #bucket(value: number): void {
    if (value < 1) {
      this.#zeros++;
      return;
    }
    const bucket = bucketOf(value);
    if (bucket >= this.#counts.length) this.#reserve(((bucket >> PART_BITS) + 1) * PARTS);
    this.#counts[bucket]!++;
  }

  /** Makes room for so many buckets, at least. */
  #reserve(buckets: number): void {
    if (buckets <= this.#counts.length) return;
    this.#counts = widen(this.#counts, new Float64Array(Math.max(buckets, FIRST_OCTAVES * PARTS)));
  }
}
