/**
 * The state of goroutines, procs and threads while events are put in order: records in the memory that the kernel works
 * on, no object a resource.
 *
 * A sequence number counts within one generation and is compared as (generation, seq). Both are kept in one double:
 * `ordinal of the generation × 2^32 + seq`, so "succeeds" is one addition and one comparison.
 */

import { TraceFormatError } from "./error.ts";
import { At, Goroutine, Proc, Thread } from "./kernel/layout.ts";
import { Region } from "./kernel/memory.ts";
import type { LinearMemory } from "./kernel/memory.ts";

/** Proc ids at and above this are refused: they index arrays. GOMAXPROCS of real machines is below 10,000. */
export const MAX_PROCS = 1 << 16;
/** Status of a proc that was not mentioned yet. */
export const UNKNOWN_PROC = 255;
/** Live goroutines above this are refused: 1 GiB of records. */
export const MAX_GOROUTINES = 1 << 25;

const FIRST_GOROUTINES = 1024;
const FIRST_PROCS = 64;
const FIRST_THREADS = 64;

/** Goroutines by id: an open-addressing hash of ids to slots; slots stay where they are until removed. */
export class GoroutineTable {
  readonly #memory: LinearMemory;
  readonly #records: Region;
  /** Slots that were freed. */
  readonly #free: Region;
  /** Slot by hash; 0 is free. Ids are handed out in sequence, so their low bits are hash enough. */
  #buckets = 0;
  #mask = 0;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
    this.#records = new Region(memory);
    this.#free = new Region(memory);
    this.#resize(FIRST_GOROUTINES);
    this.clear();
  }

  id(slot: number): number {
    return this.#memory.f64[(this.#at(slot) + Goroutine.id) >>> 3]!;
  }

  /** `GoStatus`; 0 for slot 0, "no goroutine". */
  status(slot: number): number {
    return this.#memory.u8[this.#at(slot) + Goroutine.status]!;
  }

  setStatus(slot: number, status: number): void {
    this.#memory.u8[this.#at(slot) + Goroutine.status] = status;
  }

  seq(slot: number): number {
    return this.#memory.f64[(this.#at(slot) + Goroutine.seq) >>> 3]!;
  }

  setSeq(slot: number, seq: number): void {
    this.#memory.f64[(this.#at(slot) + Goroutine.seq) >>> 3] = seq;
  }

  /** Whether a bit of `Mark` is set. */
  marked(slot: number, mark: number): boolean {
    return (this.#memory.u8[this.#at(slot) + Goroutine.marks]! & mark) !== 0;
  }

  setMark(slot: number, mark: number): void {
    this.#memory.u8[this.#at(slot) + Goroutine.marks]! |= mark;
  }

  clearMark(slot: number, mark: number): void {
    this.#memory.u8[this.#at(slot) + Goroutine.marks]! &= ~mark;
  }

  /** The region of `Mark.region`: the string index of its name, and its task. */
  regionName(slot: number): number {
    return this.#memory.i32[(this.#at(slot) + Goroutine.regionName) >>> 2]!;
  }

  regionTask(slot: number): number {
    return this.#memory.f64[(this.#at(slot) + Goroutine.regionTask) >>> 3]!;
  }

  /** Slots that are in use are below it. */
  get used(): number {
    return this.#memory.i32[At.used >> 2]!;
  }

  /** Slot of a goroutine, 0 if it is not known. */
  find(id: number): number {
    for (let b = id & this.#mask; ; b = (b + 1) & this.#mask) {
      const slot = this.#bucket(b);
      if (slot === 0 || this.id(slot) === id) return slot;
    }
  }

  /** Adds a goroutine that is not there yet; returns its slot. */
  insert(id: number, status: number, seq: number): number {
    const { i32, f64 } = this.#memory;
    let slot: number;
    const freed = i32[At.freeCount >> 2]!;
    if (freed > 0) {
      slot = i32[(this.#free.address >>> 2) + freed - 1]!;
      i32[At.freeCount >> 2] = freed - 1;
    } else {
      slot = i32[At.used >> 2]!;
      if (slot === i32[At.slots >> 2]) {
        this.#resize(slot * 2);
        return this.insert(id, status, seq);
      }
      i32[At.used >> 2] = slot + 1;
    }
    f64[(this.#at(slot) + Goroutine.id) >>> 3] = id;
    this.setSeq(slot, seq);
    this.setStatus(slot, status);
    this.#memory.u8[this.#at(slot) + Goroutine.marks] = 0;
    this.#link(id, slot);
    return slot;
  }

  remove(slot: number): void {
    const { i32, f64 } = this.#memory;
    const mask = this.#mask;
    let hole = this.id(slot) & mask;
    while (this.#bucket(hole) !== slot) hole = (hole + 1) & mask;
    // Backward-shift deletion: whatever could not sit in the hole's place before may now.
    for (let next = (hole + 1) & mask; ; next = (next + 1) & mask) {
      const other = this.#bucket(next);
      if (other === 0) break;
      const home = this.id(other) & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        i32[(this.#buckets >>> 2) + hole] = other;
        hole = next;
      }
    }
    i32[(this.#buckets >>> 2) + hole] = 0;
    f64[(this.#at(slot) + Goroutine.id) >>> 3] = -1;
    this.setStatus(slot, 0);
    this.clearMark(slot, -1);
    const freed = i32[At.freeCount >> 2]!;
    i32[(this.#free.address >>> 2) + freed] = slot;
    i32[At.freeCount >> 2] = freed + 1;
  }

  clear(): void {
    const { i32, f64 } = this.#memory;
    i32.fill(0, this.#buckets >>> 2, (this.#buckets >>> 2) + this.#mask + 1);
    for (let slot = 0; slot < i32[At.slots >> 2]!; slot++) {
      f64[(this.#at(slot) + Goroutine.id) >>> 3] = -1;
      this.setStatus(slot, 0);
      this.clearMark(slot, -1);
    }
    i32[At.freeCount >> 2] = 0;
    i32[At.used >> 2] = 1;
  }

  #at(slot: number): number {
    return this.#records.address + slot * Goroutine.size;
  }

  #bucket(b: number): number {
    return this.#memory.i32[(this.#buckets >>> 2) + b]!;
  }

  #link(id: number, slot: number): void {
    let b = id & this.#mask;
    while (this.#bucket(b) !== 0) b = (b + 1) & this.#mask;
    this.#memory.i32[(this.#buckets >>> 2) + b] = slot;
  }

  #resize(slots: number): void {
    if (slots > MAX_GOROUTINES)
      throw new TraceFormatError("limit", `more than ${MAX_GOROUTINES} live goroutines`);
    this.#records.ensure(slots * Goroutine.size);
    this.#free.ensure(slots * 4);
    this.#buckets = this.#memory.allocate(slots * 2 * 4);
    this.#mask = slots * 2 - 1;
    const { i32 } = this.#memory;
    const known = i32[At.slots >> 2]!;
    for (let slot = 1; slot < known; slot++) if (this.id(slot) !== -1) this.#link(this.id(slot), slot);
    i32[At.slots >> 2] = slots;
    i32[At.goroutines >> 2] = this.#records.address;
    i32[At.free >> 2] = this.#free.address;
    i32[At.buckets >> 2] = this.#buckets;
    i32[At.bucketMask >> 2] = this.#mask;
  }
}

/** Procs by id, which is small and dense. */
export class ProcTable {
  readonly #memory: LinearMemory;
  readonly #records: Region;
  #count = 0;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
    this.#records = new Region(memory);
    this.reserve(FIRST_PROCS - 1);
  }

  known(id: number): boolean {
    return this.status(id) !== UNKNOWN_PROC;
  }

  /** `ProcStatus`, `UNKNOWN_PROC` for a proc not known. */
  status(id: number): number {
    return id >= 0 && id < this.#count ? this.#memory.u8[this.#at(id) + Proc.status]! : UNKNOWN_PROC;
  }

  setStatus(id: number, status: number): void {
    this.#memory.u8[this.#at(id) + Proc.status] = status;
  }

  seq(id: number): number {
    return this.#memory.f64[(this.#at(id) + Proc.seq) >>> 3]!;
  }

  setSeq(id: number, seq: number): void {
    this.#memory.f64[(this.#at(id) + Proc.seq) >>> 3] = seq;
  }

  /** Whether the proc is in an incremental sweep. */
  sweeping(id: number): boolean {
    return this.#memory.u8[this.#at(id) + Proc.sweeping] === 1;
  }

  setSweeping(id: number, sweeping: boolean): void {
    this.#memory.u8[this.#at(id) + Proc.sweeping] = sweeping ? 1 : 0;
  }

  /** Makes room for a proc. */
  reserve(id: number): void {
    if (id < this.#count && id >= 0) return;
    if (id >= MAX_PROCS || id < 0)
      throw new TraceFormatError("limit", `proc ${id} is beyond the bound of ${MAX_PROCS}`);
    const first = this.#count;
    this.#count = 1 << (32 - Math.clz32(id));
    this.#records.ensure(this.#count * Proc.size);
    for (let proc = first; proc < this.#count; proc++) this.setStatus(proc, UNKNOWN_PROC);
    this.#memory.i32[At.procs >> 2] = this.#records.address;
    this.#memory.i32[At.procCount >> 2] = this.#count;
  }

  clear(): void {
    for (let proc = 0; proc < this.#count; proc++) {
      this.setStatus(proc, UNKNOWN_PROC);
      this.setSweeping(proc, false);
    }
  }

  #at(id: number): number {
    return this.#records.address + id * Proc.size;
  }
}

/** Threads by id. Slot 0 is "no thread": it never has a proc or a goroutine. */
export class ThreadTable {
  readonly #memory: LinearMemory;
  readonly #records: Region;
  readonly #slots = new Map<number, number>();
  #used = 1;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
    this.#records = new Region(memory);
    this.#ensure(FIRST_THREADS);
    this.#reset(0, -1);
  }

  /** Address of a thread's record. */
  at(slot: number): number {
    return this.#records.address + slot * Thread.size;
  }

  id(slot: number): number {
    return this.#memory.f64[(this.at(slot) + Thread.id) >>> 3]!;
  }

  /** Id of the proc bound to the thread, −1 for none. */
  proc(slot: number): number {
    return this.#memory.i32[(this.at(slot) + Thread.proc) >>> 2]!;
  }

  setProc(slot: number, proc: number): void {
    this.#memory.i32[(this.at(slot) + Thread.proc) >>> 2] = proc;
  }

  /** Id of the goroutine bound to the thread, −1 for none. */
  goroutine(slot: number): number {
    return this.#memory.f64[(this.at(slot) + Thread.goroutine) >>> 3]!;
  }

  /** The goroutine's slot is a hint: the kernel checks it against the id. */
  setGoroutine(slot: number, id: number, goroutineSlot: number): void {
    this.#memory.f64[(this.at(slot) + Thread.goroutine) >>> 3] = id;
    this.#memory.i32[(this.at(slot) + Thread.goroutineSlot) >>> 2] = goroutineSlot;
  }

  /** The thread took part: an event of it was tried, or another named it. */
  see(slot: number): void {
    this.#memory.u8[this.at(slot) + Thread.seen] = 1;
  }

  #seen(slot: number): boolean {
    return this.#memory.u8[this.at(slot) + Thread.seen] === 1;
  }

  /** Slot of a thread, made if need be. */
  slot(id: number): number {
    if (id === -1) return 0;
    const known = this.#slots.get(id);
    if (known !== undefined) return known;
    const slot = this.#used++;
    this.#ensure(slot + 1);
    this.#reset(slot, id);
    this.#slots.set(id, slot);
    return slot;
  }

  /** Slot of a thread that took part, −1 if there is none. */
  find(id: number): number {
    const slot = this.#slots.get(id);
    return slot === undefined || !this.#seen(slot) ? -1 : slot;
  }

  /** Slot of the thread a proc is bound to, −1 if none is. */
  findByProc(proc: number): number {
    for (let slot = this.#used - 1; slot > 0; slot--)
      if (this.#seen(slot) && this.proc(slot) === proc) return slot;
    return -1;
  }

  clear(): void {
    this.#slots.clear();
    this.#used = 1;
    this.#reset(0, -1);
  }

  #ensure(slots: number): void {
    this.#records.ensure(slots * Thread.size);
    this.#memory.i32[At.threads >> 2] = this.#records.address;
  }

  #reset(slot: number, id: number): void {
    this.#memory.f64[(this.at(slot) + Thread.id) >>> 3] = id;
    this.#memory.u8[this.at(slot) + Thread.seen] = 0;
    this.setProc(slot, -1);
    this.setGoroutine(slot, -1, 0);
  }
}
