/**
 * The state of goroutines, procs and threads while events are put in order: typed arrays, no object a resource.
 *
 * A sequence number counts within one generation and is compared as (generation, seq). Both are kept in one double:
 * `ordinal of the generation × 2^32 + seq`, so "succeeds" is one addition and one comparison.
 */

import { TraceFormatError } from "./error.ts";

/** Proc ids at and above this are refused: they index arrays. GOMAXPROCS of real machines is below 10,000. */
export const MAX_PROCS = 1 << 16;
/** Status of a proc that was not mentioned yet. */
export const UNKNOWN_PROC = 255;
/** Live goroutines above this are refused. */
export const MAX_GOROUTINES = 1 << 26;

function wider<A extends Float64Array | Uint8Array | Int32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

/** Goroutines by id: an open-addressing hash of ids to slots; slots stay where they are until removed. */
export class GoroutineTable {
  /** Slot by hash; 0 is free. Ids are handed out in sequence, so their low bits are hash enough. */
  buckets = new Int32Array(2048);
  /** By slot, from 1. Slot 0 stands for "no goroutine": its id is −1 and its status 0, always. */
  ids = new Float64Array(1024).fill(-1);
  /** `GoStatus`. */
  status = new Uint8Array(1024);
  seq = new Float64Array(1024);
  /** 1 for a goroutine that was in a user region or a range: it may leave something behind. */
  marked = new Uint8Array(1024);
  #free = new Int32Array(1024);
  #freeCount = 0;
  #used = 1;
  count = 0;

  /** Slot of a goroutine, 0 if it is not known. */
  find(id: number): number {
    const { buckets, ids } = this;
    const mask = buckets.length - 1;
    for (let b = id & mask; ; b = (b + 1) & mask) {
      const slot = buckets[b]!;
      if (slot === 0 || ids[slot] === id) return slot;
    }
  }

  /** Adds a goroutine that is not there yet; returns its slot. The arrays may be other ones after. */
  insert(id: number, status: number, seq: number): number {
    let slot: number;
    if (this.#freeCount > 0) slot = this.#free[--this.#freeCount]!;
    else {
      slot = this.#used++;
      if (slot === this.ids.length) this.#grow();
    }
    this.ids[slot] = id;
    this.status[slot] = status;
    this.seq[slot] = seq;
    this.marked[slot] = 0;
    this.#link(id, slot);
    this.count++;
    return slot;
  }

  remove(slot: number): void {
    const { buckets, ids } = this;
    const mask = buckets.length - 1;
    let hole = ids[slot]! & mask;
    while (buckets[hole] !== slot) hole = (hole + 1) & mask;
    // Backward-shift deletion: whatever could not sit in the hole's place before may now.
    for (let next = (hole + 1) & mask; ; next = (next + 1) & mask) {
      const other = buckets[next]!;
      if (other === 0) break;
      const home = ids[other]! & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        buckets[hole] = other;
        hole = next;
      }
    }
    buckets[hole] = 0;
    ids[slot] = -1;
    this.status[slot] = 0;
    this.#free[this.#freeCount++] = slot;
    this.count--;
  }

  clear(): void {
    this.buckets.fill(0);
    this.ids.fill(-1);
    this.status.fill(0);
    this.#freeCount = 0;
    this.#used = 1;
    this.count = 0;
  }

  #link(id: number, slot: number): void {
    const mask = this.buckets.length - 1;
    let b = id & mask;
    while (this.buckets[b] !== 0) b = (b + 1) & mask;
    this.buckets[b] = slot;
  }

  #grow(): void {
    const length = this.ids.length * 2;
    if (length > MAX_GOROUTINES)
      throw new TraceFormatError("limit", `more than ${MAX_GOROUTINES} live goroutines`);
    this.ids = wider(this.ids, new Float64Array(length).fill(-1));
    this.status = wider(this.status, new Uint8Array(length));
    this.seq = wider(this.seq, new Float64Array(length));
    this.marked = wider(this.marked, new Uint8Array(length));
    this.#free = wider(this.#free, new Int32Array(length));
    this.buckets = new Int32Array(length * 2);
    for (let slot = 1; slot < length / 2; slot++)
      if (this.ids[slot] !== -1) this.#link(this.ids[slot]!, slot);
  }
}

/** Procs by id, which is small and dense. */
export class ProcTable {
  /** `ProcStatus`, `UNKNOWN_PROC` for a proc not known. */
  status = new Uint8Array(64).fill(UNKNOWN_PROC);
  seq = new Float64Array(64);
  /** 1 while the proc is in an incremental sweep. */
  sweeping = new Uint8Array(64);

  known(id: number): boolean {
    return id >= 0 && id < this.status.length && this.status[id] !== UNKNOWN_PROC;
  }

  /** Makes room for a proc. */
  reserve(id: number): void {
    if (id < this.status.length && id >= 0) return;
    if (id >= MAX_PROCS || id < 0)
      throw new TraceFormatError("limit", `proc ${id} is beyond the bound of ${MAX_PROCS}`);
    const length = 1 << (32 - Math.clz32(id));
    this.status = wider(this.status, new Uint8Array(length).fill(UNKNOWN_PROC));
    this.seq = wider(this.seq, new Float64Array(length));
    this.sweeping = wider(this.sweeping, new Uint8Array(length));
  }

  clear(): void {
    this.status.fill(UNKNOWN_PROC);
    this.sweeping.fill(0);
  }
}

/** Threads by id. Slot 0 is "no thread": it never has a proc or a goroutine. */
export class ThreadTable {
  readonly #slots = new Map<number, number>();
  ids = new Float64Array(64).fill(-1);
  /** 1 once the thread took part: an event of it was tried, or another named it. */
  seen = new Uint8Array(64);
  /** Id of the proc bound to the thread, −1 for none. */
  proc = new Int32Array(64).fill(-1);
  /** Id of the goroutine bound to the thread, −1 for none, and its slot (to be checked against the id). */
  goroutine = new Float64Array(64).fill(-1);
  goroutineSlot = new Int32Array(64);
  #used = 1;

  /** Slot of a thread, made if need be. */
  slot(id: number): number {
    if (id === -1) return 0;
    const known = this.#slots.get(id);
    if (known !== undefined) return known;
    const slot = this.#used++;
    if (slot === this.seen.length) {
      const length = slot * 2;
      this.ids = wider(this.ids, new Float64Array(length).fill(-1));
      this.seen = wider(this.seen, new Uint8Array(length));
      this.proc = wider(this.proc, new Int32Array(length).fill(-1));
      this.goroutine = wider(this.goroutine, new Float64Array(length).fill(-1));
      this.goroutineSlot = wider(this.goroutineSlot, new Int32Array(length));
    }
    this.ids[slot] = id;
    this.#slots.set(id, slot);
    return slot;
  }

  /** Slot of a thread that took part, −1 if there is none. */
  find(id: number): number {
    const slot = this.#slots.get(id);
    return slot === undefined || this.seen[slot] === 0 ? -1 : slot;
  }

  /** Slot of the thread a proc is bound to, −1 if none is. */
  findByProc(proc: number): number {
    for (let slot = this.#used - 1; slot > 0; slot--)
      if (this.seen[slot] === 1 && this.proc[slot] === proc) return slot;
    return -1;
  }

  clear(): void {
    this.#slots.clear();
    this.ids.fill(-1);
    this.seen.fill(0);
    this.proc.fill(-1);
    this.goroutine.fill(-1);
    this.#used = 1;
  }
}
