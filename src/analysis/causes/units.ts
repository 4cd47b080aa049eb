/**
 * Tasks and requests in progress, and what the goroutine that began each does meanwhile: ns by kind, and the stacks it
 * waits longest at. Bounded; beyond the bounds a unit is not followed and counted so.
 */

import { SlotTable, widen } from "../slots.ts";
import { KIND_STRIDE, Kind } from "./kinds.ts";

/** Units followed at once, and of one goroutine. */
const MAX_UNITS = 1 << 16;
const MAX_OF_GOROUTINE = 16;
/** Stacks told apart of one unit; a shorter wait makes room for a longer one. */
export const UNIT_STACKS = 8;

const FIRST = 64;

export class Units {
  readonly slots = new SlotTable();
  // By unit.
  begin = new Float64Array(FIRST);
  /** Number of its type's name. */
  type = new Int32Array(FIRST);
  owner = new Float64Array(FIRST);
  /** Slot of the goroutine that began it, −1 once that is gone. */
  ownerSlot = new Int32Array(FIRST);
  /** Next unit of the same goroutine, −1 for none. */
  next = new Int32Array(FIRST);
  /** ns of stop-the-world while it was in progress. */
  stopped = new Float64Array(FIRST);
  times = new Float64Array(FIRST * KIND_STRIDE);
  stackTimes = new Float64Array(FIRST * UNIT_STACKS);
  stacks = new Int32Array(FIRST * UNIT_STACKS);
  stackKinds = new Uint8Array(FIRST * UNIT_STACKS);
  /** Tasks and requests that were not followed. */
  notFollowed = 0;

  /** First unit of a goroutine by slot, −1 for none. */
  head = new Int32Array(256).fill(-1);

  reserve(capacity: number): void {
    if (this.head.length >= capacity) return;
    const wider = new Int32Array(capacity).fill(-1);
    wider.set(this.head);
    this.head = wider;
  }

  /** A unit begins; −1 if it is not followed. */
  add(id: number, type: number, owner: number, ownerSlot: number, time: number): number {
    let others = 0;
    for (let unit = this.head[ownerSlot]!; unit >= 0; unit = this.next[unit]!) others++;
    if (this.slots.count >= MAX_UNITS || others >= MAX_OF_GOROUTINE || this.slots.find(id) >= 0) {
      this.notFollowed++;
      return -1;
    }
    const unit = this.slots.insert(id);
    if (unit >= this.begin.length) this.#grow(this.slots.capacity);
    this.begin[unit] = time;
    this.type[unit] = type;
    this.owner[unit] = owner;
    this.ownerSlot[unit] = ownerSlot;
    this.stopped[unit] = 0;
    this.times.fill(0, unit * KIND_STRIDE, (unit + 1) * KIND_STRIDE);
    this.stackTimes.fill(0, unit * UNIT_STACKS, (unit + 1) * UNIT_STACKS);
    this.next[unit] = this.head[ownerSlot]!;
    this.head[ownerSlot] = unit;
    return unit;
  }

  /** An interval of a goroutine counts for all that it has in progress. */
  spend(slot: number, kind: number, stack: number, begin: number, end: number): void {
    for (let unit = this.head[slot]!; unit >= 0; unit = this.next[unit]!) {
      const ns = end - Math.max(begin, this.begin[unit]!);
      if (ns <= 0) continue;
      this.times[unit * KIND_STRIDE + kind]! += ns;
      if (kind !== Kind.running) this.#spendAt(unit, kind, stack, ns);
    }
  }

  /** What its goroutine is at when it ends counts for it alone; the goroutine goes on with it. */
  spendOpen(unit: number, kind: number, stack: number, begin: number, end: number): void {
    const ns = end - Math.max(begin, this.begin[unit]!);
    if (ns <= 0) return;
    this.times[unit * KIND_STRIDE + kind]! += ns;
    if (kind !== Kind.running) this.#spendAt(unit, kind, stack, ns);
  }

  /** It is over: what no interval accounts for (its goroutine was gone) is unknown. */
  settle(unit: number, end: number): void {
    let known = 0;
    const at = unit * KIND_STRIDE;
    for (let kind = 0; kind < KIND_STRIDE; kind++) known += this.times[at + kind]!;
    const rest = end - this.begin[unit]! - known;
    if (rest > 0) this.times[at + Kind.unknown]! += rest;
  }

  #spendAt(unit: number, kind: number, stack: number, ns: number): void {
    const from = unit * UNIT_STACKS;
    let least = from;
    for (let i = from; i < from + UNIT_STACKS; i++) {
      const known = this.stackTimes[i]!;
      if (known === 0) {
        least = i;
        break;
      }
      if (this.stacks[i] === stack && this.stackKinds[i] === kind) {
        this.stackTimes[i]! += ns;
        return;
      }
      if (this.stackTimes[i]! < this.stackTimes[least]!) least = i;
    }
    if (this.stackTimes[least]! >= ns) return;
    this.stackTimes[least] = ns;
    this.stacks[least] = stack;
    this.stackKinds[least] = kind;
  }

  /** Takes a unit from its goroutine; its numbers stay until the next `add`. */
  remove(unit: number): void {
    const slot = this.ownerSlot[unit]!;
    if (slot >= 0) {
      if (this.head[slot] === unit) this.head[slot] = this.next[unit]!;
      else {
        let before = this.head[slot]!;
        while (this.next[before] !== unit) before = this.next[before]!;
        this.next[before] = this.next[unit]!;
      }
    }
    this.slots.remove(unit);
  }

  /** A goroutine is gone: what it began goes on without it. */
  orphan(slot: number): void {
    for (let unit = this.head[slot]!; unit >= 0; unit = this.next[unit]!) this.ownerSlot[unit] = -1;
    this.head[slot] = -1;
  }

  /** The world stood still. */
  stop(begin: number, end: number): void {
    for (let unit = 0; unit < this.slots.used; unit++) {
      if (this.slots.id(unit) !== -1)
        this.stopped[unit]! += Math.max(0, end - Math.max(begin, this.begin[unit]!));
    }
  }

  #grow(length: number): void {
    this.begin = widen(this.begin, new Float64Array(length));
    this.type = widen(this.type, new Int32Array(length));
    this.owner = widen(this.owner, new Float64Array(length));
    this.ownerSlot = widen(this.ownerSlot, new Int32Array(length));
    this.next = widen(this.next, new Int32Array(length));
    this.stopped = widen(this.stopped, new Float64Array(length));
    this.times = widen(this.times, new Float64Array(length * KIND_STRIDE));
    this.stackTimes = widen(this.stackTimes, new Float64Array(length * UNIT_STACKS));
    this.stacks = widen(this.stacks, new Int32Array(length * UNIT_STACKS));
    this.stackKinds = widen(this.stackKinds, new Uint8Array(length * UNIT_STACKS));
  }
}
