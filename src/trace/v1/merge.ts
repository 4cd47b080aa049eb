/**
 * One order for the events of all Ps.
 *
 * Events of one P are in order. Across Ps a goroutine's events carry its sequence number: an event is ready when the
 * goroutine is in the state, and at the number, it starts from. Of the ready events at the heads of the Ps the earliest
 * is next; so the order is right even where the clocks of two CPUs disagree, and then the times tell.
 *
 * A P whose head is not ready waits, by goroutine and sequence number, until an event of that goroutine makes it ready:
 * nothing is looked at again and again, however many Ps wait.
 *
 * Only which P is next is kept of the order, a byte an event: who reads the Ps again in that order has the events.
 */

import { TraceFormatError } from "../error.ts";
import { openEvents } from "./events.ts";
import type { ProcEvents } from "./events.ts";
import { IdTable } from "./ids.ts";
import type { V1Scan } from "./scan.ts";
import { V1 } from "./spec.ts";
import {
  ANY,
  contextOf,
  ENDS,
  NAMES,
  OF_GC,
  OF_NONE,
  orderedType,
  seqBefore,
  STARTS,
  stateStep,
  STATUSES,
  statusBefore,
  subjectOf,
} from "./transitions.ts";

/** `subject` of an event without conditions. */
const UNORDERED = -1;
/** The GC has a state and sequence numbers as a goroutine has: it is number 1. Goroutine 0, "none", is number 0. */
const GC_SUBJECT = 1;
const GC_ID = -2;
/** Events of a chunk: its columns stay in a core's first-level cache. */
const CHUNK = 512;
/** Numbers of Ps are kept in 16 bits. */
const MAX_PROCS = 65_000;

/** By row: the index of the P whose next event it is, in the order of `openEvents`. */
export type EventOrder = Uint8Array | Uint16Array;

/** A P's events for the merge: goroutines by number. The columns go with those of `events`. */
export class Source {
  readonly events: ProcEvents;
  /** Index of the P. */
  readonly proc: number;
  /** Number of the goroutine the event is on. */
  readonly g: Uint32Array;
  /** Number of the goroutine whose state it changes; UNORDERED if it changes none and can be at any place. */
  readonly subject: Int32Array;
  /** The state that must be in: negative for any with that status, which is then the low two bits. */
  readonly state: Float64Array;
  /** What is added to that state. */
  readonly step: Int8Array;
  /** The next in a list of waiting sources. */
  nextWaiting: Source | undefined = undefined;

  private readonly goroutines: IdTable;
  private running = 0;

  constructor(events: ProcEvents, proc: number, goroutines: IdTable) {
    this.events = events;
    this.proc = proc;
    this.goroutines = goroutines;
    const { length } = events.type;
    this.g = new Uint32Array(length);
    this.subject = new Int32Array(length);
    this.state = new Float64Array(length);
    this.step = new Int8Array(length);
  }

  /** Goes to the next event; false if there is none. */
  next(): boolean {
    const { events } = this;
    if (!events.next()) return false;
    if (events.at === 0) this.number();
    return true;
  }

  /** Fills the columns. */
  private number(): void {
    const { events, goroutines, g, subject, state, step } = this;
    const { length, type: types, named: names, seq } = events;
    let { running } = this;
    for (let i = 0; i < length; i++) {
      const type = types[i]!;
      const context = contextOf[type]!;
      const of = subjectOf[type]!;
      g[i] = running;
      if (of === OF_NONE) {
        subject[i] = UNORDERED;
        if (context === ENDS) running = 0;
        if (type === V1.CPUSample) g[i] = goroutines.numberOf(events.g[i]!);
        continue;
      }
      state[i] = statusBefore[type]! - STATUSES;
      step[i] = stateStep[type]!;
      if (context === ENDS) {
        subject[i] = running;
        running = 0;
        continue;
      }
      const named = of === OF_GC ? GC_SUBJECT : goroutines.numberOf(names[i]!);
      if (seqBefore[type] !== ANY) state[i] = seq[i]! * STATUSES + statusBefore[type]!;
      subject[i] = named;
      if (context === STARTS || context === NAMES) g[i] = named;
      if (context === STARTS) running = named;
    }
    this.running = running;
  }
}

/** Some events in order. Columns as long as the longest chunk; the first `length` of each are in use. */
export class MergedChunk {
  length = 0;
  /** V1 type, never a Local one. */
  readonly kind = new Uint8Array(CHUNK);
  /** Index of the P. */
  readonly proc = new Uint16Array(CHUNK);
  /** Number of the goroutine it is on. */
  readonly g = new Uint32Array(CHUNK);
  /** Number of the goroutine whose state it changes, if any. */
  readonly subject = new Int32Array(CHUNK);
  readonly ticks = new Float64Array(CHUNK);
  readonly offset = new Uint32Array(CHUNK);
}

/** Merges the events of all Ps. */
export class V1Merger {
  /** The id of each goroutine number. */
  readonly goroutines = new IdTable();
  private readonly count: number;
  private readonly sources: readonly Source[];

  /** By goroutine number: its state, and how many sources wait for it. As long as can be: memory not touched is free. */
  private readonly state: Float64Array;
  private readonly waiters: Uint32Array;

  /** Ready sources, a min-heap by time: the ticks of each, and its index. */
  private size = 0;
  private readonly heapTicks: Float64Array;
  private readonly heapProc: Uint16Array;
  /** Waiting sources: the first of a list by `waitKey`. */
  private readonly waiting = new Map<number, Source>();
  private parked = 0;

  constructor(scan: V1Scan) {
    this.count = scan.events + scan.samples.length;
    const { goroutines } = this;
    goroutines.numberOf(0);
    goroutines.numberOf(GC_ID);
    // An event names at most one goroutine that no other names; two numbers are reserved.
    this.state = new Float64Array(this.count + 2);
    this.waiters = new Uint32Array(this.count + 2);
    this.sources = openEvents(scan).map((events, proc) => new Source(events, proc, goroutines));
    this.heapTicks = new Float64Array(this.sources.length);
    this.heapProc = new Uint16Array(this.sources.length);
    if (this.sources.length > MAX_PROCS) {
      throw new TraceFormatError("limit", `events on ${this.sources.length} procs`, {
        expected: `at most ${MAX_PROCS}`,
      });
    }
  }

  /**
   * Finds the order, once. Throws `corrupt` if none is consistent.
   * @param onChunk is given all events in order, some at a time: the row of the first, and a chunk that is filled again.
   */
  merge(onChunk: (row: number, chunk: MergedChunk) => void): EventOrder {
    const chunk = new MergedChunk();
    const { heapProc, sources, state } = this;
    const order: EventOrder =
      sources.length <= 0x100 ? new Uint8Array(this.count) : new Uint16Array(this.count);
    for (const source of sources) {
      if (source.next()) this.admit(source);
    }
    let row = 0;
    for (; this.size > 0; row++) {
      const proc = heapProc[0]!;
      const source = sources[proc]!;
      order[row] = proc;
      const { at } = source.events;
      const changed = source.subject[at]!;
      if (changed !== UNORDERED) {
        const before = state[changed]!;
        if (!allows(before, source.state[at]!)) {
          // Two Ps had an event for one goroutine, each of them possible before the other.
          throw corrupt("encountered impossible goroutine state transition", source.events.offset[at]);
        }
        state[changed] = before + source.step[at]!;
      }
      this.add(chunk, source);
      if (chunk.length === CHUNK) {
        onChunk(row + 1 - CHUNK, chunk);
        chunk.length = 0;
      }
      if (source.next() && this.isReady(source)) this.replaceTop(source);
      else {
        this.pop();
        if (source.events.length > 0) this.park(source);
      }
      if (this.parked > 0 && changed !== UNORDERED && this.waiters[changed]! > 0) this.wake(changed);
    }
    if (this.parked > 0) {
      throw corrupt(`no consistent ordering of events possible: ${this.parked} procs wait`);
    }
    onChunk(row - chunk.length, chunk);
    return order;
  }

  private add(chunk: MergedChunk, source: Source): void {
    const { events, g, subject } = source;
    const { at } = events;
    const i = chunk.length++;
    chunk.kind[i] = orderedType[events.type[at]!]!;
    chunk.proc[i] = source.proc;
    chunk.g[i] = g[at]!;
    chunk.subject[i] = subject[at]!;
    chunk.ticks[i] = events.ticks[at]!;
    chunk.offset[i] = events.offset[at]!;
  }

  private isReady(source: Source): boolean {
    const { at } = source.events;
    const subject = source.subject[at]!;
    return subject === UNORDERED || allows(this.state[subject]!, source.state[at]!);
  }

  private admit(source: Source): void {
    if (this.isReady(source)) this.push(source);
    else this.park(source);
  }

  private park(source: Source): void {
    const { at } = source.events;
    const subject = source.subject[at]!;
    const key = waitKey(subject, source.state[at]!);
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

  /** The source at the top has gone on to its next event. */
  private replaceTop(source: Source): void {
    const { heapTicks, size } = this;
    const ticks = source.events.ticks[source.events.at]!;
    if (size === 1 || (ticks < heapTicks[1]! && (size === 2 || ticks < heapTicks[2]!))) {
      heapTicks[0] = ticks;
      return;
    }
    // Taken off and put back at the end, not in place: of equal times the one that waited longer is next, as in Go.
    this.pop();
    this.push(source);
  }

  private push(source: Source): void {
    const { heapTicks, heapProc } = this;
    const ticks = source.events.ticks[source.events.at]!;
    let i = this.size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heapTicks[parent]!;
      if (above <= ticks) break;
      heapTicks[i] = above;
      heapProc[i] = heapProc[parent]!;
      i = parent;
    }
    heapTicks[i] = ticks;
    heapProc[i] = source.proc;
  }

  /** Takes the top off the heap: the last goes in its place, and then where its time belongs. */
  private pop(): void {
    const { heapTicks, heapProc } = this;
    const length = --this.size;
    const ticks = heapTicks[length]!;
    const proc = heapProc[length]!;
    let i = 0;
    for (;;) {
      let at = 2 * i + 1;
      if (at >= length) break;
      let child = heapTicks[at]!;
      if (at + 1 < length) {
        const right = heapTicks[at + 1]!;
        if (right < child) {
          child = right;
          at++;
        }
      }
      if (child >= ticks) break;
      heapTicks[i] = child;
      heapProc[i] = heapProc[at]!;
      i = at;
    }
    heapTicks[i] = ticks;
    heapProc[i] = proc;
  }
}

/** Whether a goroutine in some state can have an event that needs one: that, or, if negative, the same status. */
function allows(state: number, needed: number): boolean {
  return needed >= 0 ? state === needed : (state & (STATUSES - 1)) === needed + STATUSES;
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
