/**
 * The events of each P one by one, read from the file as they are needed. The CPU samples, which a thread of the profiler
 * wrote, are a source of their own, the last.
 *
 * The columns hold the head of each source: its next event, and what must hold for it to be next of all.
 */

import { TraceFormatError } from "../error.ts";
import { V1Cursor } from "./cursor.ts";
import { IdTable } from "./ids.ts";
import type { ProcBatches, V1Scan } from "./scan.ts";
import { V1, wireArgs } from "./spec.ts";
import {
  ANY,
  contextOf,
  ENDS,
  GIVEN,
  NAMES,
  OF_GC,
  OF_NONE,
  OF_SELF,
  seqBefore,
  STARTS,
  subjectOf,
} from "./transitions.ts";

/** `subject` of an event without conditions. */
export const UNORDERED = 0xffff_ffff;
/** `seq` of an event that takes any. */
export const ANY_SEQ = -1;
/** The GC has a state and sequence numbers as a goroutine has: it is number 1. Goroutine 0, "none", is number 0. */
const GC_SUBJECT = 1;
const GC_ID = -2;

export class Sources {
  readonly count: number;
  readonly goroutines = new IdTable();
  readonly pids = new IdTable();

  readonly type: Uint8Array;
  readonly ticks: Float64Array;
  readonly proc: Uint32Array;
  /** The goroutine it is on. */
  readonly g: Uint32Array;
  /** Whose state it changes. */
  readonly subject: Uint32Array;
  readonly seq: Float64Array;
  readonly offset: Uint32Array;

  private readonly scan: V1Scan;
  private readonly cursor: V1Cursor;
  /** Index of the batch after the current one; of the next sample. */
  private readonly next: Uint32Array;
  private readonly pos: Float64Array;
  private readonly running: Uint32Array;

  constructor(scan: V1Scan) {
    this.scan = scan;
    this.cursor = new V1Cursor(scan.bytes);
    const n = scan.procs.length + 1;
    this.count = n;
    this.type = new Uint8Array(n);
    this.ticks = new Float64Array(n);
    this.proc = new Uint32Array(n);
    this.g = new Uint32Array(n);
    this.subject = new Uint32Array(n);
    this.seq = new Float64Array(n);
    this.offset = new Uint32Array(n);
    this.next = new Uint32Array(n);
    this.pos = new Float64Array(n);
    this.running = new Uint32Array(n);
    this.goroutines.numberOf(0);
    this.goroutines.numberOf(GC_ID);
    for (const [i, proc] of scan.procs.entries()) this.proc[i] = this.pids.numberOf(proc.pid);
  }

  /** Reads the next event of a source as its head; false if there is none. */
  load(source: number): boolean {
    const proc = this.scan.procs[source];
    if (proc === undefined) return this.loadSample(source);
    const { cursor } = this;
    const next = this.next[source]!;
    let end = next === 0 ? 0 : proc.ends[next - 1]!;
    cursor.pos = this.pos[source]!;
    for (;;) {
      if (cursor.pos >= end) {
        if (this.next[source] === proc.starts.length) return false;
        end = this.openBatch(source, proc);
        continue;
      }
      const offset = cursor.pos;
      const type = cursor.bytes[offset]! & 0x3f;
      if (type === V1.String) {
        cursor.pos++;
        cursor.value();
        cursor.stringRange();
        continue;
      }
      cursor.event();
      if (type === V1.UserLog) cursor.stringRange();
      // Stacks, the frequency and timer goroutines are no events; samples have their own source.
      if (wireArgs[type] === 0 || type === V1.CPUSample) continue;
      this.pos[source] = cursor.pos;
      this.setHead(source, type, offset);
      return true;
    }
  }

  private openBatch(source: number, proc: ProcBatches): number {
    const { cursor } = this;
    const index = this.next[source]!;
    this.next[source] = index + 1;
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
    this.type[source] = type;
    this.offset[source] = offset;

    let g = this.running[source]!;
    const context = contextOf[type]!;
    if (context === STARTS || context === NAMES) g = this.goroutine(args[1]!, offset);
    if (context === STARTS) this.running[source] = g;
    else if (context === ENDS) this.running[source] = 0;
    this.g[source] = g;

    const of = subjectOf[type]!;
    if (of === OF_NONE) {
      this.subject[source] = UNORDERED;
      return;
    }
    this.subject[source] = of === OF_SELF ? g : of === OF_GC ? GC_SUBJECT : this.goroutine(args[1]!, offset);
    const seq = seqBefore[type]!;
    this.seq[source] = seq === ANY ? ANY_SEQ : seq === GIVEN ? args[of === OF_GC ? 1 : 2]! : seq;
  }

  private loadSample(source: number): boolean {
    const index = this.next[source]!;
    const offset = this.scan.samples[index];
    if (offset === undefined) return false;
    this.next[source] = index + 1;
    const { cursor } = this;
    cursor.pos = offset;
    cursor.event();
    this.ticks[source] = cursor.args[1]!;
    this.type[source] = V1.CPUSample;
    this.offset[source] = offset;
    // The reference keeps the low 32 bits of the P: 2^64−1 is -1, no P.
    this.proc[source] = this.pids.numberOf(cursor.args[2]! | 0);
    this.g[source] = this.goroutine(cursor.args[3]!, offset);
    this.subject[source] = UNORDERED;
    return true;
  }

  private goroutine(id: number, offset: number): number {
    if (id < 0) throw new TraceFormatError("limit", `goroutine id ${id} is out of range`, { offset });
    return this.goroutines.numberOf(id);
  }
}
