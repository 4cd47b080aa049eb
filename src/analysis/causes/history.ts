/**
 * The recent past of all goroutines: one record an interval (a state from begin to end), each with the number of the
 * record before it of the same goroutine, in a ring of bounded size. From a record one walks back in time; where a wait
 * ended, over to whoever ended it.
 *
 * Numbers of records only grow. One that the ring has written over is lost: the past is not known that far back.
 */

import { widen } from "../slots.ts";
import type { Standing } from "./standing.ts";

/** Records kept: 16 MB. At 100,000 state changes a second that is 2.6 s. */
export const MAX_RECORDS = 1 << 18;
/** Room to begin with. What needs more gets all of it at once: the system gives memory when it is written to. */
const FIRST_RECORDS = 1 << 12;

/** A goroutine's past: what came before has no record, since it was in one state all the time that is kept. */
export const NO_RECORD = -1;

/** Records that are no interval of a kind: a goroutine's creation, and that nothing is known of it before. */
export const Mark = { created: 254, found: 255 } as const;

export class History {
  /** Number of the next record. */
  head = 0;
  readonly #bound: number;
  #capacity = FIRST_RECORDS;
  // By number modulo capacity. A running interval's stack is where it ended, any other's where the goroutine stands.
  begin = new Float64Array(FIRST_RECORDS);
  end = new Float64Array(FIRST_RECORDS);
  goroutine = new Float64Array(FIRST_RECORDS);
  previous = new Float64Array(FIRST_RECORDS);
  /** Who ended the wait, or created the goroutine: −1 is nobody. With its last record at that time. */
  waker = new Float64Array(FIRST_RECORDS);
  wakerPast = new Float64Array(FIRST_RECORDS);
  stack = new Int32Array(FIRST_RECORDS);
  /** Where the waker was. */
  wakeStack = new Int32Array(FIRST_RECORDS);
  group = new Int32Array(FIRST_RECORDS);
  wakerGroup = new Int32Array(FIRST_RECORDS);
  kind = new Uint8Array(FIRST_RECORDS);

  /** @param bound records kept, a power of two. */
  constructor(bound = MAX_RECORDS) {
    this.#bound = Math.max(FIRST_RECORDS, bound);
  }

  /** Place of a record in the columns; −1 if it is lost. */
  at(record: number): number {
    if (record < 0 || record < this.head - this.#capacity) return -1;
    return record & (this.#capacity - 1);
  }

  /** Adds what a goroutine did up to a row's time, or a mark; gives its place. For the hot loop, as is `wakenIn`. */
  interval(now: Standing, s: number, kind: number, stack: number, times: Float64Array, row: number): number {
    const at = this.#add();
    this.begin[at] = now.since[s]!;
    this.end[at] = times[row]!;
    this.goroutine[at] = now.id[s]!;
    this.previous[at] = now.past[s]!;
    this.stack[at] = stack;
    this.group[at] = now.group[s]!;
    this.kind[at] = kind;
    now.past[s] = this.head - 1;
    return at;
  }

  /** Who, by slot, ended the interval. */
  wakenIn(at: number, now: Standing, waker: number, stack: number): void {
    this.waker[at] = now.id[waker]!;
    this.wakerGroup[at] = now.group[waker]!;
    this.wakerPast[at] = now.past[waker]!;
    this.wakeStack[at] = stack;
  }

  /** Adds a record, for now one that nobody ended; gives its place, for whoever adds it to fill in. */
  #add(): number {
    if (this.head === this.#capacity && this.#capacity < this.#bound) this.#grow(this.#bound);
    // Bits above the 32nd do not matter.
    const at = this.head & (this.#capacity - 1);
    this.head++;
    this.waker[at] = -1;
    return at;
  }

  /** Adds an interval, or a mark, that nobody ended; gives its place, for `wakenBy`. */
  push(
    goroutine: number,
    group: number,
    kind: number,
    begin: number,
    end: number,
    stack: number,
    previous: number,
  ): number {
    const at = this.#add();
    this.begin[at] = begin;
    this.end[at] = end;
    this.goroutine[at] = goroutine;
    this.previous[at] = previous;
    this.stack[at] = stack;
    this.group[at] = group;
    this.kind[at] = kind;
    return at;
  }

  wakenBy(at: number, waker: number, wakerGroup: number, past: number, stack: number): void {
    this.waker[at] = waker;
    this.wakerGroup[at] = wakerGroup;
    this.wakerPast[at] = past;
    this.wakeStack[at] = stack;
  }

  /** Before the ring is full for the first time, places are numbers: they stay when it grows. */
  #grow(length: number): void {
    this.#capacity = length;
    this.begin = widen(this.begin, new Float64Array(length));
    this.end = widen(this.end, new Float64Array(length));
    this.goroutine = widen(this.goroutine, new Float64Array(length));
    this.previous = widen(this.previous, new Float64Array(length));
    this.waker = widen(this.waker, new Float64Array(length));
    this.wakerPast = widen(this.wakerPast, new Float64Array(length));
    this.stack = widen(this.stack, new Int32Array(length));
    this.wakeStack = widen(this.wakeStack, new Int32Array(length));
    this.group = widen(this.group, new Int32Array(length));
    this.wakerGroup = widen(this.wakerGroup, new Int32Array(length));
    this.kind = widen(this.kind, new Uint8Array(length));
  }
}
