/**
 * A mergeable sketch of durations: quantiles with a stated relative error, exact while there are few values.
 *
 * Buckets are log-linear, as in an HDR histogram: each octave [2^e, 2^(e+1)) is cut into 64 equal parts, so
 * the harmonic middle of a bucket is within 1/129 (< 0.78 %) of every value in it, at any magnitude. It is DDSketch's promise with a bucket
 * index that is two shifts of the double's own bits instead of a logarithm. Values are whole ns from 0 to 2^53, so at
 * most 54 octaves of 512 bytes exist; an octave is allocated when a value falls into it. Up to `EXACT_VALUES` values are
 * kept as they are. (The npm sketch the project uses elsewhere cannot be imported by a pure folder.)
 */

/** Values kept exactly before buckets take over. */
export const EXACT_VALUES = 128;
/** The greatest relative error of a quantile that comes from buckets. */
export const RELATIVE_ERROR = 1 / 129;

const PARTS = 64;
/** Bits of the mantissa (its top 20 are in the high word) below the part number. */
const PART_SHIFT = 20 - 6;
const EXPONENT_BIAS = 1023;
/** The octave [64, 128), whose parts are 1 wide. */
const EXACT_OCTAVE = 6;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
/** Which word of a double holds its exponent: the machine's byte order. */
const HIGH = highWord();

function highWord(): 0 | 1 {
  double[0] = 1;
  return words[1] === 0 ? 0 : 1;
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

/** What stands for the values of a bucket [a, b): 2ab/(a+b), as far in proportion from a as from b. */
function valueOf(octave: number, part: number): number {
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
  /** Counts by octave, then part. */
  readonly #octaves: (Float64Array | undefined)[] = [];

  add(value: number): void {
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (this.#values === undefined) this.#bucket(value, 1);
    else if (this.#values.push(value) > EXACT_VALUES) this.#spill();
  }

  merge(other: Sketch): void {
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    if (other.#values !== undefined) {
      for (const value of other.#values) {
        if (this.#values === undefined) this.#bucket(value, 1);
        else if (this.#values.push(value) > EXACT_VALUES) this.#spill();
      }
      return;
    }
    this.#spill();
    this.#zeros += other.#zeros;
    other.#octaves.forEach((parts, octave) => {
      if (parts === undefined) return;
      const own = (this.#octaves[octave] ??= new Float64Array(PARTS));
      for (let part = 0; part < PARTS; part++) own[part]! += parts[part]!;
    });
  }

  /** The value at rank ⌈q·count⌉ (the least for q = 0), within `RELATIVE_ERROR`; 0 when there are none. */
  quantile(q: number): number {
    if (this.count === 0) return 0;
    const rank = Math.min(this.count, Math.max(1, Math.ceil(q * this.count)));
    if (this.#values !== undefined) return this.#values.toSorted((a, b) => a - b)[rank - 1]!;
    if (rank === this.count) return this.max;
    let seen = this.#zeros;
    if (seen >= rank) return 0;
    for (let octave = 0; octave < this.#octaves.length; octave++) {
      const parts = this.#octaves[octave];
      if (parts === undefined) continue;
      for (let part = 0; part < PARTS; part++) {
        seen += parts[part]!;
        if (seen < rank) continue;
        return Math.min(this.max, Math.max(this.min, valueOf(octave, part)));
      }
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
    this.#octaves.forEach((parts, octave) => {
      parts?.forEach((n, part) => {
        if (n > 0) put(valueOf(octave, part), n);
      });
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
    for (const value of values) this.#bucket(value, 1);
  }

  #bucket(value: number, n: number): void {
    if (value < 1) {
      this.#zeros += n;
      return;
    }
    double[0] = value;
    const high = words[HIGH]!;
    const octave = (high >>> 20) - EXPONENT_BIAS;
    const parts = (this.#octaves[octave] ??= new Float64Array(PARTS));
    parts[(high >>> PART_SHIFT) & (PARTS - 1)]! += n;
  }
}
