/**
 * The values of one series in one interval, bounded.
 *
 * Up to `limit` values, all are kept. Beyond that a sample is kept, and the largest `TOP` of all exactly. The sample is one
 * value, chosen by chance, of each block of `stride` in a row; when it is full, every second one goes and blocks become
 * twice as long. So every value has the same chance, half the limit to all of it is kept, and what is skipped costs
 * nothing. When drained, the sample's members from among those largest are replaced by an even choice of them by rank, the
 * very largest always included. So
 *
 *  - a threshold from above never misses: if any value was beyond it, the largest kept one is;
 *  - quantiles of the kept values are quantiles of all of them, to the error of a sample of that size, and better at the
 *    top; the count beyond a level scales by `total / kept`.
 *
 * Keeping all of the largest beside the sample instead would shift every high quantile up.
 */

/** The largest values known exactly. */
const TOP = 256;
const FIRST_CAPACITY = 64;

export interface DrainedValues {
  readonly values: Float64Array;
  readonly times: Float64Array;
  readonly total: number;
}

export class ValueSample {
  readonly #limit: number;
  #values = new Float64Array(FIRST_CAPACITY);
  #times = new Float64Array(FIRST_CAPACITY);
  #kept = 0;
  total = 0;
  /** Values are kept as they come up to this many; 0 once there is a stride. */
  #open = FIRST_CAPACITY;
  /** Only beyond the limit: the largest, and the least of them. */
  #top: LargestValues | undefined;
  #topLeast = Number.POSITIVE_INFINITY;
  #stride = 1;
  /** How many values come before the next one that is kept, and how many of its block come after the last one. */
  #skip = 0;
  #rest = 0;
  /** State of the xorshift generator: the same input gives the same sample. */
  #random = 0x9e37_79b9;

  constructor(limit: number) {
    // Even, so that blocks can be joined two by two.
    this.#limit = limit & ~1;
  }

  /** How many values are kept now. */
  get kept(): number {
    return this.#kept;
  }

  /** @param time when the value was complete, relative ns. */
  push(value: number, time: number): void {
    const i = this.#kept;
    this.total++;
    if (i < this.#open) {
      this.#values[i] = value;
      this.#times[i] = time;
      this.#kept = i + 1;
    } else if (this.#skip > 0 && value <= this.#topLeast) this.#skip--;
    else this.#pushFull(value, time);
  }

  /** The kept values, and empty for the next interval. */
  drain(): DrainedValues {
    const values = new Float64Array(this.#kept);
    const times = new Float64Array(this.#kept);
    const { total } = this;
    const kept = this.drainTo(values, times);
    return { values: values.subarray(0, kept), times: times.subarray(0, kept), total };
  }

  /**
   * Writes the kept values to the begin of `values` and, if it is given, when they were complete to `times`; empty for the
   * next interval. Both have room for `kept`.
   * @returns how many were written: sometimes a few less than `kept`.
   */
  drainTo(values: Float64Array, times?: Float64Array): number {
    if (this.#top !== undefined) this.#mergeTop(this.#top);
    const kept = this.#kept;
    values.set(this.#values.subarray(0, kept));
    times?.set(this.#times.subarray(0, kept));
    this.#kept = 0;
    this.total = 0;
    this.#top = undefined;
    this.#topLeast = Number.POSITIVE_INFINITY;
    this.#stride = 1;
    this.#skip = 0;
    this.#rest = 0;
    // A burst's buffer is let go once it is no longer needed.
    if (kept * 8 < this.#values.length && this.#values.length > FIRST_CAPACITY)
      this.#resize(this.#values.length >> 1);
    this.#open = this.#values.length;
    return kept;
  }

  #pushFull(value: number, time: number): void {
    if (this.#values.length < this.#limit) {
      this.#resize(Math.min(this.#limit, this.#values.length * 2));
      this.#open = this.#values.length;
      this.#keep(value, time);
      return;
    }
    if (this.#top === undefined) {
      this.#top = new LargestValues();
      for (let i = 0; i < this.#kept; i++) this.#top.offer(this.#values[i]!, this.#times[i]!);
    }
    this.#top.offer(value, time);
    this.#topLeast = this.#top.least;
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    if (this.#kept === this.#values.length) {
      const half = this.#stride;
      this.#thin();
      // Its block is the first half of one that is twice as long: as likely one of the second half is kept.
      if (this.#nextRandom() < 0.5) {
        const chosen = Math.floor(this.#nextRandom() * half);
        this.#skip = this.#rest + chosen;
        this.#rest = half - 1 - chosen;
        return;
      }
      this.#rest += half;
    }
    this.#keep(value, time);
    const chosen = Math.floor(this.#nextRandom() * this.#stride);
    this.#skip = this.#rest + chosen;
    this.#rest = this.#stride - 1 - chosen;
  }

  #keep(value: number, time: number): void {
    this.#values[this.#kept] = value;
    this.#times[this.#kept] = time;
    this.#kept++;
  }

  /** One of each two stays, by chance: of blocks twice as long. */
  #thin(): void {
    const values = this.#values;
    const times = this.#times;
    const count = this.#kept >> 1;
    for (let i = 0; i < count; i++) {
      const chosen = 2 * i + (this.#nextRandom() < 0.5 ? 0 : 1);
      values[i] = values[chosen]!;
      times[i] = times[chosen]!;
    }
    this.#kept = count;
    this.#stride *= 2;
    this.#open = 0;
  }

  #resize(capacity: number): void {
    const values = new Float64Array(capacity);
    const times = new Float64Array(capacity);
    values.set(this.#values.subarray(0, Math.min(capacity, this.#kept)));
    times.set(this.#times.subarray(0, Math.min(capacity, this.#kept)));
    this.#values = values;
    this.#times = times;
  }

  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return (x >>> 0) / 0x1_0000_0000;
  }

  /** Puts an even choice of the largest values, by rank, in place of those of them that the sample happens to have. */
  #mergeTop(top: LargestValues): void {
    const { least } = top;
    const largest = top.sorted().filter(({ value }) => value > least);
    if (largest.length === 0) return;
    const values = this.#values;
    const times = this.#times;
    const places: number[] = [];
    for (let i = 0; i < this.#kept; i++) if (values[i]! > least) places.push(i);
    const wanted = Math.max(1, Math.round((largest.length * this.#kept) / this.total));
    // Too few in the sample: others make room. A place in a reservoir says nothing of the value, so any will do.
    for (let i = 0; i < this.#kept && places.length < wanted; i++) if (values[i]! <= least) places.push(i);
    for (let i = 0; i < wanted; i++) {
      const { value, time } = largest[Math.floor((i * largest.length) / wanted)]!;
      values[places[i]!] = value;
      times[places[i]!] = time;
    }
    // Too many: the surplus leaves.
    for (const place of places.slice(wanted).sort((a, b) => b - a)) {
      this.#kept--;
      values[place] = values[this.#kept]!;
      times[place] = times[this.#kept]!;
    }
  }
}

/** The largest `TOP` of the values offered: a min-heap in columns. */
class LargestValues {
  readonly #values = new Float64Array(TOP);
  readonly #times = new Float64Array(TOP);
  #count = 0;

  /** A value not above this one is not among the largest. */
  get least(): number {
    return this.#count < TOP ? Number.NEGATIVE_INFINITY : this.#values[0]!;
  }

  offer(value: number, time: number): void {
    if (this.#count < TOP) {
      this.#rise(this.#count++, value, time);
    } else if (value > this.#values[0]!) this.#sink(value, time);
  }

  /** All of them, the largest first. */
  sorted(): readonly { readonly value: number; readonly time: number }[] {
    const all = Array.from(this.#values.subarray(0, this.#count), (value, i) => ({
      value,
      time: this.#times[i]!,
    }));
    return all.sort((a, b) => b.value - a.value);
  }

  #rise(from: number, value: number, time: number): void {
    const values = this.#values;
    const times = this.#times;
    let i = from;
    for (let parent = (i - 1) >> 1; i > 0 && values[parent]! > value; parent = (i - 1) >> 1) {
      values[i] = values[parent]!;
      times[i] = times[parent]!;
      i = parent;
    }
    values[i] = value;
    times[i] = time;
  }

  /** Puts a value in the place of the least. */
  #sink(value: number, time: number): void {
    const values = this.#values;
    const times = this.#times;
    let i = 0;
    for (let child = 1; child < TOP; child = 2 * i + 1) {
      if (child + 1 < TOP && values[child + 1]! < values[child]!) child++;
      if (values[child]! >= value) break;
      values[i] = values[child]!;
      times[i] = times[child]!;
      i = child;
    }
    values[i] = value;
    times[i] = time;
  }
}
