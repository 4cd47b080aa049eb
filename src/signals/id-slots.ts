/**
 * Ids → slots of columns: an open-addressing hash without an object an entry. Slots stay where they are until they are
 * removed, then are used again.
 */

import { At, GOLDEN } from "./kernel/layout.ts";
import { Table, type SignalsMemory } from "./kernel/memory.ts";

const NONE = -1;
const BUCKETS_PER_SLOT = 4;
const FIRST_CAPACITY = 64;

export class IdSlots {
  /** Slot + 1 by hash; 0 is free. Four times the slots, so at most a quarter full: nearly always the first is it. */
  readonly #buckets: Table<Int32Array>;
  /** 32 less the bits of a bucket's number. */
  #shift: number;
  readonly #ids: Table<Float64Array>;
  readonly #memory: SignalsMemory;
  readonly #isForKernel: boolean;
  readonly #limit: number;
  readonly #grow: (capacity: number) => void;
  readonly #free: Table<Int32Array>;
  /** Where it is counted, in the memory: free slots and ids. */
  readonly #freeCount: number;
  readonly #count: number;
  /** Slots ever used: all live ones are below. */
  used = 0;

  /**
   * @param limit ids kept at once.
   * @param grow called with the new number of slots, for whoever keeps columns beside.
   * @param isForKernel the kernel looks up these.
   */
  constructor(memory: SignalsMemory, limit: number, grow: (capacity: number) => void, isForKernel = false) {
    this.#memory = memory;
    this.#limit = limit;
    this.#grow = grow;
    this.#isForKernel = isForKernel;
    this.#ids = new Table(memory, Float64Array, isForKernel ? At.ids : undefined);
    this.#buckets = new Table(memory, Int32Array, isForKernel ? At.buckets : undefined);
    this.#free = new Table(memory, Int32Array, isForKernel ? At.free : undefined);
    const counts = isForKernel ? At.freeCount : memory.allocate(8);
    this.#freeCount = counts >> 2;
    this.#count = (counts >> 2) + 1;
    this.#shift = 0;
    this.#size(FIRST_CAPACITY);
    grow(FIRST_CAPACITY);
  }

  get count(): number {
    return this.#memory.i32[this.#count]!;
  }

  /** By slot; −1 for a free one. */
  get ids(): Float64Array {
    return this.#ids.view;
  }

  /** Slot of an id, −1 if there is none. */
  find(id: number): number {
    const buckets = this.#buckets.view;
    const { ids } = this;
    const mask = buckets.length - 1;
    for (let b = Math.imul(id, GOLDEN) >>> this.#shift; ; b = (b + 1) & mask) {
      const slot = buckets[b]! - 1;
      if (slot < 0 || ids[slot] === id) return slot;
    }
  }

  /** Adds an id that is not there yet; −1 at the limit. */
  insert(id: number): number {
    if (this.count >= this.#limit) return NONE;
    const free = this.#memory.i32[this.#freeCount]!;
    let slot: number;
    if (free > 0) {
      slot = this.#free.view[free - 1]!;
      this.#memory.i32[this.#freeCount] = free - 1;
    } else {
      slot = this.used++;
      if (slot === this.ids.length) {
        this.#size(slot * 2);
        this.#grow(slot * 2);
      }
    }
    this.ids[slot] = id;
    this.#link(id, slot);
    this.#memory.i32[this.#count]!++;
    return slot;
  }

  remove(slot: number): void {
    const buckets = this.#buckets.view;
    const { ids } = this;
    const mask = buckets.length - 1;
    let hole = this.#home(ids[slot]!);
    while (buckets[hole]! - 1 !== slot) hole = (hole + 1) & mask;
    // Backward-shift deletion: whatever could not sit in the hole's place before may now.
    for (let next = (hole + 1) & mask; ; next = (next + 1) & mask) {
      const other = buckets[next]! - 1;
      if (other < 0) break;
      const home = this.#home(ids[other]!);
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        buckets[hole] = other + 1;
        hole = next;
      }
    }
    buckets[hole] = 0;
    ids[slot] = NONE;
    const { i32 } = this.#memory;
    this.#free.view[i32[this.#freeCount]!++] = slot;
    i32[this.#count]!--;
  }

  clear(): void {
    this.#buckets.view.fill(0);
    this.ids.fill(NONE);
    this.used = 0;
    this.#memory.i32[this.#freeCount] = 0;
    this.#memory.i32[this.#count] = 0;
  }

  /** The bucket an id belongs in. Ids are handed out in sequence: without the spreading, they would stand in long rows. */
  #home(id: number): number {
    return Math.imul(id, GOLDEN) >>> this.#shift;
  }

  #link(id: number, slot: number): void {
    const buckets = this.#buckets.view;
    const mask = buckets.length - 1;
    let b = this.#home(id);
    while (buckets[b] !== 0) b = (b + 1) & mask;
    buckets[b] = slot + 1;
  }

  #size(capacity: number): void {
    const known = this.ids.length;
    this.#ids.ensure(capacity);
    this.ids.fill(NONE, known);
    this.#free.ensure(capacity);
    const count = capacity * BUCKETS_PER_SLOT;
    this.#buckets.ensure(count);
    this.#buckets.view.fill(0);
    this.#shift = Math.clz32(count) + 1;
    const { i32 } = this.#memory;
    if (this.#isForKernel) {
      i32[At.bucketMask >> 2] = count - 1;
      i32[At.bucketShift >> 2] = this.#shift;
    }
    for (let slot = 0; slot < known; slot++) if (this.ids[slot] !== NONE) this.#link(this.ids[slot]!, slot);
  }
}

/** A copy of a column in `capacity` slots. */
export function widened<A extends Float64Array | Int32Array | Uint8Array>(from: A, capacity: number): A {
  const to = new (from.constructor as new (length: number) => A)(capacity);
  to.set(from);
  return to;
}

/** The column emptied, or an empty one with room for `length`. */
export function zeroed(column: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  if (column.length < length) return new Int32Array(length * 2);
  column.fill(0);
  return column;
}
