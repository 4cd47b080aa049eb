/**
 * The events of one P, one by one, read from the file as they are needed. CPU samples, which a thread of the profiler
 * wrote, are a list of their own.
 *
 * The file is read twice this way, once to find the order of all events and once to tell them: to read an event takes a
 * small part of the time that it takes to put it into memory never touched before.
 */

import { TraceFormatError } from "../error.ts";
import { LENGTH_PREFIX, TYPE_BITS, V1Cursor } from "./cursor.ts";
import type { ProcBatches, V1Scan } from "./scan.ts";
import { hasStack, V1, V1_TYPES, wireArgs } from "./spec.ts";
import {
  contextOf,
  ENDS,
  GIVEN,
  NAMES,
  OF_GC,
  OF_NONE,
  seqBefore,
  STARTS,
  STATUSES,
  subjectOf,
} from "./transitions.ts";

/** Greatest sequence number whose state (`transitions.ts`) is exact in a double. */
const MAX_SEQ = Number.MAX_SAFE_INTEGER / STATUSES - 1;

const isTimed = new Uint8Array(V1_TYPES).map((_, type) =>
  wireArgs[type] !== 0 && type !== V1.CPUSample ? 1 : 0,
);
/** How many values of an event tell its place: its time, the goroutine, the sequence number. */
const valuesRead = new Uint8Array(V1_TYPES).map((_, type) => {
  if (subjectOf[type] === OF_NONE || contextOf[type] === ENDS) return 1;
  return subjectOf[type] !== OF_GC && seqBefore[type] === GIVEN ? 3 : 2;
});

/** Most events read ahead on a P, and on all of them together: as much as stays in a core's second-level cache. */
const MAX_AHEAD = 256;
const MAX_AHEAD_OF_ALL = 4096;
const MIN_AHEAD = 4;

/**
 * The events of a P. Columns hold the next ones, read ahead: the loop that reads is short, and the loops that merge and
 * tell events do not stumble over the forms of their bytes.
 */
export class ProcEvents {
  /** The event that is next: an index into the columns. Before the first call of `next` there is none. */
  at = -1;
  /** How many of the columns' rows are read. */
  length = 0;
  readonly type: Uint8Array;
  readonly ticks: Float64Array;
  /** Where it is in the file. */
  readonly offset: Uint32Array;
  /** The goroutine it is on; 0 for none. */
  readonly g: Float64Array;
  /** The goroutine it names: for the types that change a goroutine's state other than that it is on. */
  readonly named: Float64Array;
  /** Its sequence number, or the one its type stands for: for the same types. */
  readonly seq: Float64Array;
  /** Id of its stack, of which the reference keeps the low 32 bits; 0 for none. */
  readonly stack: Uint32Array;
  /** The P's id, -1 for none; that of a CPU sample is its own. */
  readonly pid: Int32Array;

  protected readonly cursor: V1Cursor;
  private readonly batches: ProcBatches;
  private nextBatch = 0;
  private pos = 0;
  private end = 0;
  /** Of the event before. An array holds it without a box for each value. */
  private readonly ticksBefore = new Float64Array(1);
  private running = 0;
  /** What is wrong with the event after those that are read. */
  private failure: unknown;

  constructor(cursor: V1Cursor, batches: ProcBatches, ahead: number) {
    this.cursor = cursor;
    this.batches = batches;
    this.type = new Uint8Array(ahead);
    this.ticks = new Float64Array(ahead);
    this.offset = new Uint32Array(ahead);
    this.g = new Float64Array(ahead);
    this.named = new Float64Array(ahead);
    this.seq = new Float64Array(ahead);
    this.stack = new Uint32Array(ahead);
    this.pid = new Int32Array(ahead).fill(batches.pid);
  }

  /** Goes on to the next event; false if there is none. Throws if it is out of range. */
  next(): boolean {
    return ++this.at < this.length || this.refill();
  }

  private refill(): boolean {
    this.at = 0;
    this.length = 0;
    if (this.failure !== undefined) throw this.failure;
    try {
      this.read();
    } catch (error) {
      if (this.length === 0) throw error;
      this.failure = error;
    }
    return this.length > 0;
  }

  /**
   * Fills the columns. The form of the bytes was checked by the scan. Numbers of one and two bytes, nearly all, are read
   * here and not by the cursor.
   */
  protected read(): void {
    const { cursor, type: types, offset: offsets, g, named, seq, stack, ticks } = this;
    const { bytes } = cursor;
    let { pos, running } = this;
    let before = this.ticksBefore[0]!;
    let i = this.length;
    while (i < types.length) {
      const offset = pos;
      if (offset >= this.end) {
        if (this.nextBatch === this.batches.starts.length) break;
        this.openBatch(cursor);
        before = this.ticksBefore[0]!;
        ({ pos } = cursor);
        continue;
      }
      const first = bytes[pos++]!;
      const type = first & TYPE_BITS;
      if (isTimed[type] === 0) {
        cursor.pos = offset;
        skipUntimed(cursor, type);
        ({ pos } = cursor);
        continue;
      }
      let after = 0;
      if (first >= LENGTH_PREFIX) {
        cursor.pos = pos;
        after = cursor.value() + cursor.pos;
        ({ pos } = cursor);
      }
      const values = valuesRead[type]!;
      const context = contextOf[type]!;
      types[i] = type;
      offsets[i] = offset;

      let since = bytes[pos]!;
      if (since < 0x80) pos++;
      else if (bytes[pos + 1]! < 0x80) {
        since = (since & 0x7f) | (bytes[pos + 1]! << 7);
        pos += 2;
      } else {
        cursor.pos = pos;
        since = cursor.value();
        ({ pos } = cursor);
      }
      before += since;
      if (before > Number.MAX_SAFE_INTEGER || before < Number.MIN_SAFE_INTEGER)
        throw longTime(before, offset);
      ticks[i] = before;

      g[i] = running;
      if (values > 1) {
        cursor.pos = pos;
        // The GC's start names nobody, and is the one event of two values whose second is a sequence number.
        const second = cursor.value();
        if (subjectOf[type] === OF_GC) seq[i] = sequence(second, offset);
        else {
          if (second < 0) throw outOfRange("goroutine id", second, offset);
          named[i] = second;
          seq[i] = values > 2 ? sequence(cursor.value(), offset) : seqBefore[type]!;
          if (context === STARTS) running = second;
          if (context === STARTS || context === NAMES) g[i] = second;
        }
        ({ pos } = cursor);
      } else if (context === ENDS) running = 0;

      stack[i] = 0;
      if (hasStack[type] === 1) {
        for (let left = wireArgs[type]! - values - 1; left > 0; left--) while (bytes[pos++]! >= 0x80);
        const id = bytes[pos]!;
        if (id < 0x80) {
          stack[i] = id;
          pos++;
        } else {
          cursor.pos = pos;
          stack[i] = cursor.value();
          ({ pos } = cursor);
        }
      } else {
        for (let left = wireArgs[type]! - values; left > 0; left--) while (bytes[pos++]! >= 0x80);
      }
      if (after !== 0) pos = after;
      if (type === V1.UserLog) {
        cursor.pos = pos;
        cursor.stringRange();
        ({ pos } = cursor);
      }
      this.length = ++i;
    }
    this.pos = pos;
    this.running = running;
    this.ticksBefore[0] = before;
  }

  private openBatch(cursor: V1Cursor): void {
    const index = this.nextBatch++;
    cursor.pos = this.batches.starts[index]! + 1;
    cursor.value();
    this.ticksBefore[0] = cursor.value();
    this.end = this.batches.ends[index]!;
  }
}

/** The CPU samples: like events without conditions, on a P of their own. */
class SampleEvents extends ProcEvents {
  private readonly samples: readonly number[];
  private index = 0;

  constructor(cursor: V1Cursor, samples: readonly number[], ahead: number) {
    super(cursor, { pid: -1, starts: [], ends: [] }, ahead);
    this.samples = samples;
  }

  protected override read(): void {
    const { cursor } = this;
    while (this.length < this.type.length && this.index < this.samples.length) {
      const offset = this.samples[this.index++]!;
      cursor.pos = offset;
      cursor.event();
      const id = cursor.args[3]!;
      if (id < 0) throw outOfRange("goroutine id", id, offset);
      const i = this.length;
      this.type[i] = V1.CPUSample;
      this.offset[i] = offset;
      this.ticks[i] = cursor.args[1]!;
      // The reference keeps the low 32 bits of the P: 2^64−1 is -1, no P.
      this.pid[i] = cursor.args[2]!;
      this.g[i] = id;
      this.stack[i] = cursor.args[wireArgs[V1.CPUSample]! - 1]!;
      this.length = i + 1;
    }
  }
}

/** The events of all Ps, in the order of the scan, and after them the CPU samples. */
export function openEvents(scan: V1Scan): ProcEvents[] {
  const cursor = new V1Cursor(scan.bytes);
  const share = Math.floor(MAX_AHEAD_OF_ALL / Math.max(1, scan.procs.length));
  const ahead = Math.min(MAX_AHEAD, Math.max(MIN_AHEAD, share));
  const all = scan.procs.map((batches) => new ProcEvents(cursor, batches, ahead));
  if (scan.samples.length > 0) all.push(new SampleEvents(cursor, scan.samples, ahead));
  return all;
}

/** Strings are among the events; stacks, the frequency and timer goroutines too; samples are a list of their own. */
function skipUntimed(cursor: V1Cursor, type: number): void {
  if (type !== V1.String) {
    cursor.event();
    return;
  }
  cursor.pos++;
  cursor.value();
  cursor.stringRange();
}

function longTime(ticks: number, offset: number): TraceFormatError {
  return new TraceFormatError("limit", `time of ${ticks} ticks is above 2^53`, { offset });
}

function sequence(seq: number, offset: number): number {
  if (seq < 0 || seq > MAX_SEQ) throw outOfRange("sequence number", seq, offset);
  return seq;
}

function outOfRange(what: string, value: number, offset: number): TraceFormatError {
  return new TraceFormatError("limit", `${what} ${value} is out of range`, { offset });
}
