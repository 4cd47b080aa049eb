/**
 * One order for the events of all Ps.
 *
 * Events of one P are in order. Across Ps a goroutine's events carry its sequence number: an event is ready when the
 * goroutine is in the state, and at the number, it starts from. Of the ready events at the heads of the Ps the earliest
 * is next; so the order is right even where the clocks of two CPUs disagree, and then the times tell.
 *
 * A P whose head is not ready waits, by goroutine and sequence number, until an event of that goroutine makes it ready:
 * nothing is looked at again and again, however many Ps wait.
 */

import { TraceFormatError } from "../error.ts";
import { V1Cursor } from "./cursor.ts";
import { IdTable } from "./ids.ts";
import type { V1Scan } from "./scan.ts";
import { ANY_SEQ, openSources, reserveNumbers, UNORDERED } from "./sources.ts";
import type { Source } from "./sources.ts";
import { orderedType, stateStep, STATUSES, statusBefore } from "./transitions.ts";

/** All events in order, a row each. */
export interface MergedEvents {
  readonly count: number;
  /** V1 type, never a Local one. */
  readonly type: Uint8Array;
  /** Ticks; once `times.ts` is done nanoseconds since the first event. */
  readonly time: Float64Array;
  /** Index into `pids`. */
  readonly proc: Uint16Array;
  /** Index into `goroutines`; 0 is goroutine 0, "none". */
  readonly g: Uint32Array;
  /** Index into `goroutines`: whose state it changes, if any's. */
  readonly subject: Int32Array;
  /** Byte offset of the event, where its arguments are read again. */
  readonly offset: Uint32Array;
  readonly pids: IdTable;
  readonly goroutines: IdTable;
  /** False if an event is earlier than the one before it. */
  readonly sorted: boolean;
}

/** Merges the events of all Ps. Throws `corrupt` if no order is consistent. */
export function mergeEvents(scan: V1Scan): MergedEvents {
  return new Merger(scan).merge();
}

/** Numbers of procs are kept in 16 bits, with room for the fake ones. */
const MAX_PROCS = 65_000;

class Merger {
  private readonly count: number;
  private readonly sources: readonly Source[];
  private readonly goroutines = new IdTable();
  private readonly pids = new IdTable();

  /** By goroutine number: its state, and how many sources wait for it. As long as can be: memory not touched is free. */
  private readonly state: Float64Array;
  private readonly waiters: Uint32Array;

  /** Ready sources, a min-heap by time. */
  private readonly heap: Source[] = [];
  /** Waiting sources: the first of a list by `waitKey`. */
  private readonly waiting = new Map<number, Source>();
  private parked = 0;

  constructor(scan: V1Scan) {
    this.count = scan.events + scan.samples.length;
    const { goroutines, pids } = this;
    reserveNumbers(goroutines);
    // An event names at most one goroutine that no other names; two numbers are reserved.
    this.state = new Float64Array(this.count + 2);
    this.waiters = new Uint32Array(this.count + 2);
    this.sources = openSources(scan, { cursor: new V1Cursor(scan.bytes), goroutines, pids });
  }

  merge(): MergedEvents {
    const { count, heap, goroutines, pids } = this;
    const type = new Uint8Array(count);
    const time = new Float64Array(count);
    const proc = new Uint16Array(count);
    const g = new Uint32Array(count);
    const subject = new Int32Array(count);
    const offset = new Uint32Array(count);
    let sorted = true;

    for (const source of this.sources) {
      if (source.load()) this.admit(source);
    }
    let row = 0;
    for (; heap.length > 0; row++) {
      const source = heap[0]!;
      const { ticks } = source;
      if (row > 0 && ticks < time[row - 1]!) sorted = false;
      type[row] = orderedType[source.type]!;
      time[row] = ticks;
      proc[row] = source.proc;
      g[row] = source.g;
      offset[row] = source.offset;
      const changed = source.subject;
      subject[row] = changed;

      if (changed !== UNORDERED) this.change(source);
      // Taken off and put back at the end, not in place: of equal times the one that waited longer is next, as in Go.
      this.pop();
      if (source.load()) this.admit(source);
      if (this.parked > 0 && changed !== UNORDERED && this.waiters[changed]! > 0) this.wake(changed);
    }
    if (this.parked > 0) {
      throw corrupt(`no consistent ordering of events possible: ${this.parked} procs wait`);
    }
    if (pids.size > MAX_PROCS) {
      throw new TraceFormatError("limit", `events on ${pids.size} procs`, {
        expected: `at most ${MAX_PROCS}`,
      });
    }
    return { count: row, type, time, proc, g, subject, offset, pids, goroutines, sorted };
  }

  private isReady(source: Source): boolean {
    const { subject } = source;
    if (subject === UNORDERED) return true;
    const state = this.state[subject]!;
    if (source.state !== ANY_SEQ) return source.state === state;
    return (state & (STATUSES - 1)) === statusBefore[source.type];
  }

  /** Applies an event to the goroutine it is about. */
  private change(source: Source): void {
    if (!this.isReady(source)) {
      // Two Ps had an event for one goroutine, each of them possible before the other.
      throw corrupt("encountered impossible goroutine state transition", source.offset);
    }
    const { subject } = source;
    this.state[subject] = this.state[subject]! + stateStep[source.type]!;
  }

  private admit(source: Source): void {
    if (this.isReady(source)) this.push(source);
    else this.park(source);
  }

  private park(source: Source): void {
    const { subject } = source;
    const key = waitKey(
      subject,
      source.state === ANY_SEQ ? statusBefore[source.type]! - STATUSES : source.state,
    );
    source.nextWaiting = this.waiting.get(key);
    this.waiting.set(key, source);
    this.waiters[subject] = this.waiters[subject]! + 1;
    this.parked++;
  }

  /** Looks again at the sources that wait for the state a goroutine now has. */
  private wake(subject: number): void {
    const state = this.state[subject]!;
    this.wakeList(subject, waitKey(subject, (state & (STATUSES - 1)) - STATUSES));
    this.wakeList(subject, waitKey(subject, state));
  }

  private wakeList(subject: number, key: number): void {
    let source = this.waiting.get(key);
    if (source === undefined) return;
    this.waiting.delete(key);
    while (source !== undefined) {
      const next: Source | undefined = source.nextWaiting;
      this.waiters[subject] = this.waiters[subject]! - 1;
      this.parked--;
      this.admit(source);
      source = next;
    }
  }

  private push(source: Source): void {
    const { heap } = this;
    const { ticks } = source;
    let i = heap.length;
    heap.push(source);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent]!;
      if (above.ticks <= ticks) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = source;
  }

  /** Takes the top off the heap. */
  private pop(): void {
    const source = this.heap.pop()!;
    if (this.heap.length > 0) this.siftDown(source);
  }

  /** Puts a source in the place of the top of the heap, and then where its time belongs. */
  private siftDown(source: Source): void {
    const { heap } = this;
    const { ticks } = source;
    const { length } = heap;
    let i = 0;
    for (;;) {
      let at = 2 * i + 1;
      if (at >= length) break;
      let child = heap[at]!;
      if (at + 1 < length) {
        const right = heap[at + 1]!;
        if (right.ticks < child.ticks) {
          child = right;
          at++;
        }
      }
      if (child.ticks >= ticks) break;
      heap[i] = child;
      i = at;
    }
    heap[i] = source;
  }
}

function corrupt(detail: string, offset?: number): TraceFormatError {
  return new TraceFormatError("corrupt", detail, { offset });
}

const KEYS_PER_GOROUTINE = 2 ** 21;

/**
 * A key of what a source waits for: a state, or if negative a status with any sequence number. States far apart may share
 * one: who is woken in vain waits again.
 */
function waitKey(subject: number, state: number): number {
  const key = state < 0 ? state + STATUSES : STATUSES + (state % (KEYS_PER_GOROUTINE - STATUSES));
  return subject * KEYS_PER_GOROUTINE + key;
}
