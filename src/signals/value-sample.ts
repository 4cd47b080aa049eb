/**
 * The values of one series in one interval, bounded.
 *
 * Up to `limit` values, all are kept. Beyond that a uniform sample of `limit` values is kept (Vitter's reservoir), and
 * the largest `TOP` of all exactly. When drained, the sample's members from among those largest are replaced by an even
 * choice of them by rank, the very largest always included. So
 *
 *  - a threshold from above never misses: if any value was beyond it, the largest kept one is;
 *  - quantiles of the kept values are quantiles of all of them, to the error of a sample of `limit`, and better at the
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
  /** Only beyond the limit: a min-heap by value of the largest. */
  #top: { value: number; time: number }[] = [];
  /** State of the xorshift generator: the same input gives the same sample. */
  #random = 0x9e37_79b9;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param time when the value was complete, relative ns. */
  push(value: number, time: number): void {
    const i = this.#kept;
    if (i < this.#values.length) {
      this.#values[i] = value;
      this.#times[i] = time;
      this.#kept = i + 1;
      this.total++;
    } else this.#pushFull(value, time);
  }

  /** The kept values, and empty for the next interval. */
  drain(): DrainedValues {
    const total = this.total;
    if (this.#top.length > 0) this.#mergeTop();
    const kept = this.#kept;
    const drained = { values: this.#values.slice(0, kept), times: this.#times.slice(0, kept), total };
    this.#kept = 0;
    this.total = 0;
    this.#top = [];
    // A burst's buffer is let go once it is no longer needed.
    if (kept * 8 < this.#values.length && this.#values.length > FIRST_CAPACITY)
      this.#resize(this.#values.length >> 1);
    return drained;
  }

  #pushFull(value: number, time: number): void {
    if (this.#values.length < this.#limit) {
      this.#resize(Math.min(this.#limit, this.#values.length * 2));
      this.push(value, time);
      return;
    }
    if (this.#top.length === 0) {
      for (let i = 0; i < this.#kept; i++) this.#offerTop(this.#values[i]!, this.#times[i]!);
    }
    this.#offerTop(value, time);
    this.total++;
    const at = this.#nextRandom() * this.total;
    if (at >= this.#kept) return;
    const i = Math.floor(at);
    this.#values[i] = value;
    this.#times[i] = time;
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

  #offerTop(value: number, time: number): void {
    const heap = this.#top;
    if (heap.length < TOP) {
      heap.push({ value, time });
      for (let i = heap.length - 1; i > 0;) {
        const parent = (i - 1) >> 1;
        if (heap[parent]!.value <= heap[i]!.value) break;
        [heap[parent], heap[i]] = [heap[i]!, heap[parent]!];
        i = parent;
      }
      return;
    }
    if (value <= heap[0]!.value) return;
    heap[0] = { value, time };
    for (let i = 0; ;) {
      let least = i;
      if (2 * i + 1 < TOP && heap[2 * i + 1]!.value < heap[least]!.value) least = 2 * i + 1;
      if (2 * i + 2 < TOP && heap[2 * i + 2]!.value < heap[least]!.value) least = 2 * i + 2;
      if (least === i) return;
      [heap[least], heap[i]] = [heap[i]!, heap[least]!];
      i = least;
    }
  }

  /** Puts an even choice of the largest values, by rank, in place of those of them that the sample happens to have. */
  #mergeTop(): void {
    const least = this.#top[0]!.value;
    const largest = this.#top.filter(({ value }) => value > least).sort((a, b) => b.value - a.value);
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
