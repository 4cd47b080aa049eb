/**
 * One order for the events of all Ps.
 *
 * Events of one P are in order. Across Ps a goroutine's events carry its sequence number: an event is ready when the
 * goroutine is in the state (and at the number) it starts from. Of the ready events at the heads of the Ps the earliest
 * is next; so the order is right even where the clocks of two CPUs disagree, and then the times tell.
 *
 * A P whose head is not ready waits, by goroutine and sequence number, until an event of that goroutine makes it ready:
 * no event is looked at again and again.
 */

import { TraceFormatError } from "../error.ts";
import { V1Cursor } from "./cursor.ts";
import { IdTable } from "./ids.ts";
import type { ProcBatches, V1Scan } from "./scan.ts";
import { V1, V1_TYPES, wireArgs } from "./spec.ts";

/** Ps that stand for something else: Go's reader puts events on them, and so do we. */
export const FAKE_PROC = {
  timers: 1_000_001,
  network: 1_000_002,
  syscalls: 1_000_003,
  gc: 1_000_004,
} as const;

/** All events in order, a row each. */
export interface MergedEvents {
  readonly count: number;
  /** V1 type; the Local types, which only differ in having no sequence number, are renamed. */
  readonly type: Uint8Array;
  /** Ticks, absolute; after `times.ts` nanoseconds since the first event. */
  readonly time: Float64Array;
  /** Index into `pids`. */
  readonly proc: Uint32Array;
  /** Number of the goroutine in `goroutines`; 0 is goroutine 0, "none". */
  readonly g: Uint32Array;
  /** Byte offset of the event, where its arguments are read again. */
  readonly offset: Uint32Array;
  readonly pids: IdTable;
  readonly goroutines: IdTable;
  /** False if an event is earlier than the one before it. */
  readonly sorted: boolean;
}

const NO_SEQ = -1;
/** `stateOf` of an event without conditions. */
const UNORDERED = 0xffff_ffff;
/** Number kept for the state of the GC, which has sequence numbers too. Goroutine 0 has number 0. */
const GC_STATE = 1;
const GC_STATE_ID = -2;

const DEAD = 0;
const RUNNABLE = 1;
const RUNNING = 2;
const WAITING = 3;

/** Whose state an event changes. */
const OF_NONE = 0;
const OF_SELF = 1;
const OF_NAMED = 2;
const OF_GC = 3;

/** By type: whose state, from which status, to which, and the rule of the sequence number. */
const subject = new Uint8Array(V1_TYPES);
const from = new Uint8Array(V1_TYPES);
const to = new Uint8Array(V1_TYPES);
/** What the number before must be: 0 or 1 exactly, that of the event (GIVEN), or any (ANY). */
const before = new Uint8Array(V1_TYPES);
const GIVEN = 2;
const ANY = 3;
/** By type: what it adds to the sequence number. */
const step = new Uint8Array(V1_TYPES);

function rule(
  types: readonly number[],
  of: number,
  seq: number,
  init: number,
  next: number,
  inc: number,
): void {
  for (const type of types) {
    subject[type] = of;
    before[type] = seq;
    from[type] = init;
    to[type] = next;
    step[type] = inc;
  }
}
rule([V1.GoCreate], OF_NAMED, 0, DEAD, RUNNABLE, 1);
rule([V1.GoWaiting, V1.GoInSyscall], OF_SELF, 1, RUNNABLE, WAITING, 1);
rule([V1.GoStart, V1.GoStartLabel], OF_SELF, GIVEN, RUNNABLE, RUNNING, 1);
rule([V1.GoStartLocal], OF_SELF, ANY, RUNNABLE, RUNNING, 1);
const blocks = [
  V1.GoBlock,
  V1.GoBlockSend,
  V1.GoBlockRecv,
  V1.GoBlockSelect,
  V1.GoBlockSync,
  V1.GoBlockCond,
  V1.GoBlockNet,
  V1.GoBlockGC,
  V1.GoSleep,
  V1.GoSysBlock,
];
rule(blocks, OF_SELF, ANY, RUNNING, WAITING, 0);
rule([V1.GoSched, V1.GoPreempt], OF_SELF, ANY, RUNNING, RUNNABLE, 0);
rule([V1.GoUnblock, V1.GoSysExit], OF_NAMED, GIVEN, WAITING, RUNNABLE, 1);
rule([V1.GoUnblockLocal, V1.GoSysExitLocal], OF_NAMED, ANY, WAITING, RUNNABLE, 1);
rule([V1.GCStart], OF_GC, GIVEN, DEAD, DEAD, 1);

/** By type: how it says which goroutine it happens on. */
const context = new Uint8Array(V1_TYPES);
const STARTS = 1;
const ENDS = 2;
const NAMES = 3;
for (const type of [V1.GoStart, V1.GoStartLocal, V1.GoStartLabel]) context[type] = STARTS;
for (const type of [...blocks, V1.GoEnd, V1.GoStop, V1.GoSched, V1.GoPreempt]) context[type] = ENDS;
for (const type of [V1.GoSysExit, V1.GoWaiting, V1.GoInSyscall]) context[type] = NAMES;

const renamed = new Uint8Array(V1_TYPES).map((_, type) => type);
renamed[V1.GoStartLocal] = V1.GoStart;
renamed[V1.GoUnblockLocal] = V1.GoUnblock;
renamed[V1.GoSysExitLocal] = V1.GoSysExit;

/** Merges the events of all Ps. Throws `corrupt` if no order is consistent. */
export function mergeEvents(scan: V1Scan): MergedEvents {
  return new Merger(scan).merge();
}

class Merger {
  private readonly scan: V1Scan;
  private readonly cursor: V1Cursor;
  private readonly goroutines = new IdTable();
  private readonly pids = new IdTable();
  /** By goroutine number: its sequence number, status, and how many Ps wait for it. */
  private seq = new Float64Array(64);
  private status = new Uint8Array(64);
  private waiters = new Uint32Array(64);

  // Per source: a P, or last the CPU samples. Where it is, and its head.
  private readonly sources: number;
  private readonly batch: Uint32Array;
  private readonly pos: Float64Array;
  private readonly ticks: Float64Array;
  private readonly running: Uint32Array;
  private readonly headType: Uint8Array;
  private readonly headProc: Uint32Array;
  private readonly headG: Uint32Array;
  private readonly headState: Uint32Array;
  private readonly headSeq: Float64Array;
  private readonly headOffset: Uint32Array;

  /** Ready sources, a min-heap by the time of their heads. */
  private readonly heap: Uint32Array;
  private ready = 0;
  /** Waiting sources: first of a list by `waitKey`, the next of each source. */
  private readonly waiting = new Map<number, number>();
  private readonly nextWaiting: Int32Array;
  private parked = 0;

  constructor(scan: V1Scan) {
    this.scan = scan;
    this.cursor = new V1Cursor(scan.bytes);
    const n = scan.procs.length + 1;
    this.sources = n;
    this.batch = new Uint32Array(n);
    this.pos = new Float64Array(n);
    this.ticks = new Float64Array(n);
    this.running = new Uint32Array(n);
    this.headType = new Uint8Array(n);
    this.headProc = new Uint32Array(n);
    this.headG = new Uint32Array(n);
    this.headState = new Uint32Array(n);
    this.headSeq = new Float64Array(n);
    this.headOffset = new Uint32Array(n);
    this.heap = new Uint32Array(n);
    this.nextWaiting = new Int32Array(n);
    this.goroutines.numberOf(0);
    this.goroutines.numberOf(GC_STATE_ID);
    for (const [i, proc] of scan.procs.entries()) this.headProc[i] = this.pids.numberOf(proc.pid);
  }

  merge(): MergedEvents {
    const count = this.scan.events + this.scan.samples.length;
    const type = new Uint8Array(count);
    const time = new Float64Array(count);
    const proc = new Uint32Array(count);
    const g = new Uint32Array(count);
    const offset = new Uint32Array(count);
    let sorted = true;
    let last = -Infinity;

    for (let source = 0; source < this.sources; source++) {
      if (this.load(source)) this.admit(source);
    }
    let row = 0;
    for (; this.ready > 0; row++) {
      const source = this.heap[0]!;
      const ticks = this.ticks[source]!;
      if (ticks < last) sorted = false;
      last = ticks;
      type[row] = renamed[this.headType[source]!]!;
      time[row] = ticks;
      proc[row] = this.headProc[source]!;
      g[row] = this.headG[source]!;
      offset[row] = this.headOffset[source]!;

      const changed = this.headState[source]!;
      if (changed !== UNORDERED) this.transition(source, changed);
      const more = this.load(source);
      if (more && this.isReady(source)) this.siftDown(0);
      else {
        this.popTop();
        if (more) this.park(source);
      }
      if (changed !== UNORDERED && this.waiters[changed]! > 0) this.wake(changed);
    }
    if (this.parked > 0)
      throw this.corrupt(`no consistent ordering of events possible: ${this.parked} procs wait`);
    return { count: row, type, time, proc, g, offset, pids: this.pids, goroutines: this.goroutines, sorted };
  }

  /** Reads the next event of a source as its head; false if there is none. */
  private load(source: number): boolean {
    const proc = this.scan.procs[source];
    if (proc === undefined) return this.loadSample(source);
    const { cursor } = this;
    const { bytes } = cursor;
    let end = this.batch[source]! === 0 ? 0 : proc.ends[this.batch[source]! - 1]!;
    cursor.pos = this.pos[source]!;
    for (;;) {
      if (cursor.pos >= end) {
        if (this.batch[source]! === proc.starts.length) return false;
        end = this.openBatch(source, proc);
        continue;
      }
      const offset = cursor.pos;
      const type = bytes[offset]! & 0x3f;
      if (type === V1.String) {
        cursor.pos++;
        cursor.value();
        cursor.stringRange();
        continue;
      }
      cursor.event();
      if (type === V1.UserLog) cursor.stringRange();
      // Samples are a source of their own; stacks, frequency and timer goroutines are not events.
      if (wireArgs[type] === 0 || type === V1.CPUSample) continue;
      this.pos[source] = cursor.pos;
      this.setHead(source, type, offset);
      return true;
    }
  }

  private openBatch(source: number, proc: ProcBatches): number {
    const { cursor } = this;
    const index = this.batch[source]!++;
    cursor.pos = proc.starts[index]! + 1;
    cursor.value();
    this.ticks[source] = cursor.value();
    return proc.ends[index]!;
  }

  private setHead(source: number, type: number, offset: number): void {
    const { args } = this.cursor;
    const ticks = this.ticks[source]! + args[0]!;
    if (!Number.isSafeInteger(ticks)) {
      throw new TraceFormatError("limit", `time of ${ticks} ticks is above 2^53`, { offset });
    }
    this.ticks[source] = ticks;
    this.headType[source] = type;
    this.headOffset[source] = offset;

    let g = this.running[source]!;
    const how = context[type]!;
    if (how === STARTS || how === NAMES) g = this.goroutine(args[1]!, offset);
    if (how === STARTS) this.running[source] = g;
    else if (how === ENDS) this.running[source] = 0;
    this.headG[source] = g;

    const of = subject[type]!;
    if (of === OF_NONE) {
      this.headState[source] = UNORDERED;
      return;
    }
    this.headState[source] = of === OF_SELF ? g : of === OF_GC ? GC_STATE : this.goroutine(args[1]!, offset);
    const seq = before[type]!;
    this.headSeq[source] = seq === ANY ? NO_SEQ : seq === GIVEN ? args[of === OF_GC ? 1 : 2]! : seq;
  }

  private loadSample(source: number): boolean {
    const index = this.batch[source]!++;
    const offset = this.scan.samples[index];
    if (offset === undefined) return false;
    const { cursor } = this;
    cursor.pos = offset;
    cursor.event();
    this.ticks[source] = cursor.args[1]!;
    this.headType[source] = V1.CPUSample;
    this.headOffset[source] = offset;
    // The reference keeps the low 32 bits of the P: 2^64−1 is -1, no P.
    this.headProc[source] = this.pids.numberOf(cursor.args[2]! | 0);
    this.headG[source] = this.goroutine(cursor.args[3]!, offset);
    this.headState[source] = UNORDERED;
    return true;
  }

  private goroutine(id: number, offset: number): number {
    if (id < 0) throw new TraceFormatError("limit", `goroutine id ${id} is out of range`, { offset });
    const g = this.goroutines.numberOf(id);
    if (g >= this.status.length) this.grow();
    return g;
  }

  private grow(): void {
    const size = this.status.length * 2;
    const { seq, status, waiters } = this;
    this.seq = new Float64Array(size);
    this.seq.set(seq);
    this.status = new Uint8Array(size);
    this.status.set(status);
    this.waiters = new Uint32Array(size);
    this.waiters.set(waiters);
  }

  private isReady(source: number): boolean {
    const state = this.headState[source]!;
    if (state === UNORDERED) return true;
    const seq = this.headSeq[source]!;
    return (
      (seq === NO_SEQ || seq === this.seq[state]!) && from[this.headType[source]!]! === this.status[state]!
    );
  }

  private transition(source: number, state: number): void {
    if (!this.isReady(source)) {
      // Two Ps had an event for one goroutine, each of them possible before the other.
      throw this.corrupt("encountered impossible goroutine state transition", this.headOffset[source]);
    }
    const type = this.headType[source]!;
    this.status[state] = to[type]!;
    this.seq[state] = this.seq[state]! + step[type]!;
  }

  private admit(source: number): void {
    if (this.isReady(source)) this.push(source);
    else this.park(source);
  }

  private park(source: number): void {
    const state = this.headState[source]!;
    const key = waitKey(state, this.headSeq[source]!, from[this.headType[source]!]!);
    this.nextWaiting[source] = this.waiting.get(key) ?? -1;
    this.waiting.set(key, source);
    this.waiters[state] = this.waiters[state]! + 1;
    this.parked++;
  }

  /** Looks again at the Ps that wait for the state a goroutine now has. */
  private wake(state: number): void {
    const status = this.status[state]!;
    this.wakeList(state, waitKey(state, NO_SEQ, status));
    this.wakeList(state, waitKey(state, this.seq[state]!, status));
  }

  private wakeList(state: number, key: number): void {
    let source = this.waiting.get(key) ?? -1;
    if (source === -1) return;
    this.waiting.delete(key);
    while (source !== -1) {
      const next = this.nextWaiting[source]!;
      this.waiters[state] = this.waiters[state]! - 1;
      this.parked--;
      this.admit(source);
      source = next;
    }
  }

  private push(source: number): void {
    const { heap, ticks } = this;
    let i = this.ready++;
    const time = ticks[source]!;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (ticks[heap[parent]!]! <= time) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = source;
  }

  private popTop(): void {
    this.heap[0] = this.heap[--this.ready]!;
    if (this.ready > 0) this.siftDown(0);
  }

  private siftDown(start: number): void {
    const { heap, ticks, ready } = this;
    const source = heap[start]!;
    const time = ticks[source]!;
    let i = start;
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
    return new TraceFormatError("corrupt", detail, { offset, version: this.scan.version });
  }
}

const KEYS_PER_GOROUTINE = 2 ** 21;
const STATUSES = 4;

/** A key of what a P waits for. Far-apart sequence numbers may share one: who is woken in vain waits again. */
function waitKey(state: number, seq: number, status: number): number {
  const key =
    seq === NO_SEQ
      ? status
      : STATUSES +
        (((seq % (KEYS_PER_GOROUTINE - STATUSES)) + KEYS_PER_GOROUTINE) % (KEYS_PER_GOROUTINE - STATUSES));
  return state * KEYS_PER_GOROUTINE + key;
}
