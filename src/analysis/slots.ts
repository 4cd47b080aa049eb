/** Ids to dense slots: an open-addressing hash of doubles. Slots stay where they are until removed, then are used again. */

/** 2^32 divided by the golden ratio: neighbours end up far apart. */
export const SCATTER = 0x9e37_79b1;

const sought = new Float64Array(1);

/** Where a table's arrays come from. */
export interface Allocator {
  f64(length: number): Float64Array;
  i32(length: number): Int32Array;
}

/** Arrays of their own. */
export const heap: Allocator = {
  f64: (length) => new Float64Array(length),
  i32: (length) => new Int32Array(length),
};

export class SlotTable {
  readonly #allocator: Allocator;
  /**
   * Slot + 1 by hash; 0 is free. Ids are handed out in sequence: if their low bits were the hash, those that live
   * would be one long run of buckets, and a removal walks to the end of its run. So they are scattered.
   */
  #buckets: Int32Array;
  /** 32 less the bits of a bucket's number. */
  #shift = 22;
  #ids: Float64Array;
  #free = new Int32Array(256);
  #freeCount = 0;
  /** One above the greatest slot ever used. */
  used = 0;
  count = 0;

  constructor(allocator: Allocator = heap) {
    this.#allocator = allocator;
    this.#buckets = allocator.i32(1024);
    this.#ids = allocator.f64(256).fill(-1);
  }

  get capacity(): number {
    return this.#ids.length;
  }

  /** The arrays, for the kernel. */
  get tables(): { readonly buckets: Int32Array; readonly ids: Float64Array; readonly shift: number } {
    return { buckets: this.#buckets, ids: this.#ids, shift: this.#shift };
  }

  /** The arrays' memory moved. */
  move(moved: <T extends Float64Array | Int32Array>(table: T) => T): void {
    this.#buckets = moved(this.#buckets);
    this.#ids = moved(this.#ids);
  }

  /** The id in a slot, −1 if it is free. */
  id(slot: number): number {
    return this.#ids[slot]!;
  }

  /** Slot of an id, −1 if it has none. */
  find(id: number): number {
    sought[0] = id;
    return this.findIn(sought, 0);
  }

  /** Slot of the id in a column. For hot loops: a double that is an argument is an allocation. */
  findIn(column: Float64Array, row: number): number {
    const id = column[row]!;
    const buckets = this.#buckets;
    const ids = this.#ids;
    const mask = buckets.length - 1;
    for (let b = Math.imul(id, SCATTER) >>> this.#shift; ; b = (b + 1) & mask) {
      const slot = buckets[b]! - 1;
      if (slot < 0 || ids[slot] === id) return slot;
    }
  }

  /** Gives an id that has none a slot. Arrays by slot need `capacity` places afterwards. */
  insert(id: number): number {
    const slot = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.used++;
    if (slot === this.#ids.length) this.#grow();
    this.#ids[slot] = id;
    this.#link(id, slot);
    this.count++;
    return slot;
  }

  remove(slot: number): void {
    const buckets = this.#buckets;
    const ids = this.#ids;
    const mask = buckets.length - 1;
    let hole = Math.imul(ids[slot]!, SCATTER) >>> this.#shift;
    while (buckets[hole]! - 1 !== slot) hole = (hole + 1) & mask;
    // Backward-shift deletion: whatever could not sit in the hole's place before may now.
    for (let next = (hole + 1) & mask; buckets[next] !== 0; next = (next + 1) & mask) {
      const other = buckets[next]! - 1;
      const home = Math.imul(ids[other]!, SCATTER) >>> this.#shift;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      buckets[hole] = other + 1;
      hole = next;
    }
    buckets[hole] = 0;
    ids[slot] = -1;
    if (this.#freeCount === this.#free.length)
      this.#free = widen(this.#free, new Int32Array(this.#free.length * 2));
    this.#free[this.#freeCount++] = slot;
    this.count--;
  }

  #link(id: number, slot: number): void {
    const mask = this.#buckets.length - 1;
    let b = Math.imul(id, SCATTER) >>> this.#shift;
    while (this.#buckets[b] !== 0) b = (b + 1) & mask;
    this.#buckets[b] = slot + 1;
  }

  #grow(): void {
    const length = this.#ids.length * 2;
    this.#ids = widen(this.#ids, this.#allocator.f64(length).fill(-1));
    this.#buckets = this.#allocator.i32(length * 4);
    this.#shift--;
    for (let slot = 0; slot < length / 2; slot++)
      if (this.#ids[slot] !== -1) this.#link(this.#ids[slot]!, slot);
  }
}

/** Copies an array's values to the start of a longer one. */
export function widen<A extends Float64Array | Int32Array | Uint8Array | Uint32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
