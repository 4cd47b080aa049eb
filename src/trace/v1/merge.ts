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
import type { IdTable } from "./ids.ts";
import type { V1Scan } from "./scan.ts";
import { ANY_SEQ, Sources, UNORDERED } from "./sources.ts";
import { orderedType, seqStep, statusAfter, statusBefore } from "./transitions.ts";

/** All events in order, a row each. */
export interface MergedEvents {
  readonly count: number;
  /** V1 type, never a Local one. */
  readonly type: Uint8Array;
  /** Ticks; once `times.ts` is done nanoseconds since the first event. */
  readonly time: Float64Array;
  /** Index into `pids`. */
  readonly proc: Uint32Array;
  /** Index into `goroutines`; 0 is goroutine 0, "none". */
  readonly g: Uint32Array;
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

class Merger {
  private readonly count: number;
  private readonly heads: Sources;

  // By goroutine number: its sequence number, status, and how many sources wait for it.
  private seq = new Float64Array(64);
  private status = new Uint8Array(64);
  private waiters = new Uint32Array(64);

  /** Ready sources, a min-heap by the time of their heads. */
  private readonly heap: Uint32Array;
  private ready = 0;
  /** Waiting sources: the first of a list by `waitKey`, and the next of each. */
  private readonly waiting = new Map<number, number>();
  private readonly nextWaiting: Int32Array;
  private parked = 0;

  constructor(scan: V1Scan) {
    this.count = scan.events + scan.samples.length;
    this.heads = new Sources(scan);
    this.heap = new Uint32Array(this.heads.count);
    this.nextWaiting = new Int32Array(this.heads.count);
  }

  merge(): MergedEvents {
    const { heads, count } = this;
    const type = new Uint8Array(count);
    const time = new Float64Array(count);
    const proc = new Uint32Array(count);
    const g = new Uint32Array(count);
    const offset = new Uint32Array(count);
    let sorted = true;
    let last = -Infinity;

    for (let source = 0; source < heads.count; source++) {
      if (heads.load(source)) this.admit(source);
    }
    let row = 0;
    for (; this.ready > 0; row++) {
      const source = this.heap[0]!;
      const ticks = heads.ticks[source]!;
      if (ticks < last) sorted = false;
      last = ticks;
      type[row] = orderedType[heads.type[source]!]!;
      time[row] = ticks;
      proc[row] = heads.proc[source]!;
      g[row] = heads.g[source]!;
      offset[row] = heads.offset[source]!;

      const subject = heads.subject[source]!;
      if (subject !== UNORDERED) this.change(source, subject);
      const more = heads.load(source);
      if (more && this.isReady(source)) this.siftDown();
      else {
        this.pop();
        if (more) this.park(source);
      }
      if (subject !== UNORDERED && this.waiters[subject]! > 0) this.wake(subject);
    }
    if (this.parked > 0) {
      throw this.corrupt(`no consistent ordering of events possible: ${this.parked} procs wait`);
    }
    return {
      count: row,
      type,
      time,
      proc,
      g,
      offset,
      pids: heads.pids,
      goroutines: heads.goroutines,
      sorted,
    };
  }

  private isReady(source: number): boolean {
    const { heads } = this;
    const subject = heads.subject[source]!;
    if (subject === UNORDERED) return true;
    if (subject >= this.status.length) this.grow();
    const seq = heads.seq[source]!;
    if (seq !== ANY_SEQ && seq !== this.seq[subject]) return false;
    return statusBefore[heads.type[source]!] === this.status[subject];
  }

  /** Applies the head of a source to the goroutine it is about. */
  private change(source: number, subject: number): void {
    const { heads } = this;
    if (!this.isReady(source)) {
      // Two Ps had an event for one goroutine, each of them possible before the other.
      throw this.corrupt("encountered impossible goroutine state transition", heads.offset[source]);
    }
    const type = heads.type[source]!;
    this.status[subject] = statusAfter[type]!;
    this.seq[subject] = this.seq[subject]! + seqStep[type]!;
  }

  private grow(): void {
    const size = Math.max(this.status.length * 2, this.heads.goroutines.size);
    const { seq, status, waiters } = this;
    this.seq = new Float64Array(size);
    this.seq.set(seq);
    this.status = new Uint8Array(size);
    this.status.set(status);
    this.waiters = new Uint32Array(size);
    this.waiters.set(waiters);
  }

  private admit(source: number): void {
    if (this.isReady(source)) this.push(source);
    else this.park(source);
  }

  private park(source: number): void {
    const { heads } = this;
    const subject = heads.subject[source]!;
    const key = waitKey(subject, heads.seq[source]!, statusBefore[heads.type[source]!]!);
    this.nextWaiting[source] = this.waiting.get(key) ?? -1;
    this.waiting.set(key, source);
    this.waiters[subject] = this.waiters[subject]! + 1;
    this.parked++;
  }

  /** Looks again at the sources that wait for the state a goroutine now has. */
  private wake(subject: number): void {
    const status = this.status[subject]!;
    this.wakeList(subject, waitKey(subject, ANY_SEQ, status));
    this.wakeList(subject, waitKey(subject, this.seq[subject]!, status));
  }

  private wakeList(subject: number, key: number): void {
    let source = this.waiting.get(key) ?? -1;
    if (source === -1) return;
    this.waiting.delete(key);
    while (source !== -1) {
      const next = this.nextWaiting[source]!;
      this.waiters[subject] = this.waiters[subject]! - 1;
      this.parked--;
      this.admit(source);
      source = next;
    }
  }

  private push(source: number): void {
    const { heap } = this;
    const { ticks } = this.heads;
    const time = ticks[source]!;
    let i = this.ready++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (ticks[heap[parent]!]! <= time) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = source;
  }

  private pop(): void {
    this.heap[0] = this.heap[--this.ready]!;
    if (this.ready > 0) this.siftDown();
  }

  /** The top of the heap has a later head than before: moves it to its place. */
  private siftDown(): void {
    const { heap, ready } = this;
    const { ticks } = this.heads;
    const source = heap[0]!;
    const time = ticks[source]!;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= ready) break;
      if (child + 1 < ready && ticks[heap[child + 1]!]! < ticks[heap[child]!]!) child++;
      if (ticks[heap[child]!]! >= time) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = source;
  }

  private corrupt(detail: string, offset?: number): TraceFormatError {
    return new TraceFormatError("corrupt", detail, { offset });
  }
}

const STATUSES = 4;
/** Keys of a goroutine: one for each status, for events that take any sequence number, and these by number. */
const SEQ_KEYS = 2 ** 21 - STATUSES;

/** A key of what a source waits for. Far-apart sequence numbers may share one: who is woken in vain waits again. */
function waitKey(subject: number, seq: number, status: number): number {
  const key = seq === ANY_SEQ ? status : STATUSES + (Math.abs(seq) % SEQ_KEYS);
  return subject * (SEQ_KEYS + STATUSES) + key;
}
