/**
 * The events of one P, one by one, read from the file as they are needed. CPU samples, which a thread of the profiler
 * wrote, are a source of their own.
 *
 * A source is an object with a field for each value of its next event: there are as many as Ps, and the merge reads
 * fields faster than columns.
 */

import { TraceFormatError } from "../error.ts";
import { LENGTH_PREFIX, TYPE_BITS } from "./cursor.ts";
import type { V1Cursor } from "./cursor.ts";
import type { IdTable } from "./ids.ts";
import type { ProcBatches, V1Scan } from "./scan.ts";
import { V1, V1_TYPES, wireArgs } from "./spec.ts";
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
  STATUSES,
  statusBefore,
  subjectOf,
} from "./transitions.ts";

/** `subject` of an event without conditions. */
export const UNORDERED = -1;
/** `state` of an event that only needs the goroutine's status, not its sequence number. */
export const ANY_SEQ = -1;
/** Greatest sequence number whose state is exact in a double. */
const MAX_SEQ = Number.MAX_SAFE_INTEGER / STATUSES - 1;
/** The GC has a state and sequence numbers as a goroutine has: it is number 1. Goroutine 0, "none", is number 0. */
const GC_SUBJECT = 1;
const GC_ID = -2;

const isTimed = new Uint8Array(V1_TYPES).map((_, type) =>
  wireArgs[type] !== 0 && type !== V1.CPUSample ? 1 : 0,
);
/** How many values of an event tell its place: its time, the goroutine, the sequence number. */
const valuesRead = new Uint8Array(V1_TYPES).map((_, type) => {
  if (subjectOf[type] === OF_NONE || contextOf[type] === ENDS) return 1;
  return subjectOf[type] !== OF_GC && seqBefore[type] === GIVEN ? 3 : 2;
});

/** What all sources share. */
export interface SourceContext {
  readonly cursor: V1Cursor;
  readonly goroutines: IdTable;
  readonly pids: IdTable;
}

/** Numbers every table begins with. */
export function reserveNumbers(goroutines: IdTable): void {
  goroutines.numberOf(0);
  goroutines.numberOf(GC_ID);
}

/** The next event of a P. `load` reads it. */
export class Source {
  type = 0;
  ticks = 0;
  offset = 0;
  /** Number of the P. */
  proc: number;
  /** Number of the goroutine it is on. */
  g = 0;
  /** Number of the goroutine whose state it changes; UNORDERED if it changes none and can be at any place. */
  subject = UNORDERED;
  /** The state that must be in, of those with a sequence number. */
  state = ANY_SEQ;
  /** The next in a list of waiting sources. */
  nextWaiting: Source | undefined = undefined;

  private readonly context: SourceContext;
  private readonly batches: ProcBatches;
  private nextBatch = 0;
  private pos = 0;
  private end = 0;
  private running = 0;

  constructor(context: SourceContext, batches: ProcBatches) {
    this.context = context;
    this.batches = batches;
    this.proc = context.pids.numberOf(batches.pid);
  }

  /** Reads the next event; false if there is none. The form of the bytes was checked by the scan. */
  load(): boolean {
    const { cursor } = this.context;
    const { bytes } = cursor;
    cursor.pos = this.pos;
    for (;;) {
      if (cursor.pos >= this.end) {
        if (this.nextBatch === this.batches.starts.length) return false;
        this.openBatch(cursor);
      }
      const offset = cursor.pos;
      if (offset >= this.end) continue;
      const first = bytes[offset]!;
      const type = first & TYPE_BITS;
      if (isTimed[type] === 0) {
        skipUntimed(cursor, type);
        continue;
      }
      cursor.pos = offset + 1;
      const after = first >= LENGTH_PREFIX ? cursor.value() + cursor.pos : 0;
      this.type = type;
      this.offset = offset;
      this.readPlace(cursor, type);
      if (after !== 0) cursor.pos = after;
      else cursor.skipValues(wireArgs[type]! - valuesRead[type]!);
      if (type === V1.UserLog) cursor.stringRange();
      this.pos = cursor.pos;
      return true;
    }
  }

  private openBatch(cursor: V1Cursor): void {
    const index = this.nextBatch++;
    cursor.pos = this.batches.starts[index]! + 1;
    cursor.value();
    this.ticks = cursor.value();
    this.end = this.batches.ends[index]!;
  }

  /** Reads what orders the event: its time, the goroutine it names, its sequence number. */
  private readPlace(cursor: V1Cursor, type: number): void {
    const ticks = this.ticks + cursor.value();
    if (ticks > Number.MAX_SAFE_INTEGER || ticks < Number.MIN_SAFE_INTEGER) {
      throw new TraceFormatError("limit", `time of ${ticks} ticks is above 2^53`, { offset: this.offset });
    }
    this.ticks = ticks;
    const context = contextOf[type]!;
    const { running } = this;
    if (valuesRead[type] === 1) {
      // It is on the goroutine that runs: a block or a preemption changes its state.
      this.g = running;
      this.subject = subjectOf[type] === OF_SELF ? running : UNORDERED;
      this.state = ANY_SEQ;
      if (context === ENDS) this.running = 0;
      return;
    }
    const named = subjectOf[type] === OF_GC ? GC_SUBJECT : this.goroutine(cursor.value());
    const rule = seqBefore[type]!;
    if (rule === ANY) this.state = ANY_SEQ;
    else {
      const seq = rule === GIVEN ? cursor.value() : rule;
      if (seq < 0 || seq > MAX_SEQ) throw outOfRange("sequence number", seq, this.offset);
      this.state = seq * STATUSES + statusBefore[type]!;
    }
    this.subject = named;
    this.g = context === STARTS || context === NAMES ? named : running;
    if (context === STARTS) this.running = named;
  }

  private goroutine(id: number): number {
    if (id < 0) throw outOfRange("goroutine id", id, this.offset);
    return this.context.goroutines.numberOf(id);
  }
}

/** The next CPU sample: as a `Source`, of events without conditions. */
export class SampleSource extends Source {
  private readonly shared: SourceContext;
  private readonly samples: readonly number[];
  private index = 0;

  constructor(context: SourceContext, samples: readonly number[]) {
    super(context, { pid: -1, starts: [], ends: [] });
    this.shared = context;
    this.samples = samples;
  }

  override load(): boolean {
    const offset = this.samples[this.index++];
    if (offset === undefined) return false;
    const { cursor, goroutines, pids } = this.shared;
    cursor.pos = offset;
    cursor.event();
    const id = cursor.args[3]!;
    if (id < 0) throw outOfRange("goroutine id", id, offset);
    this.type = V1.CPUSample;
    this.offset = offset;
    this.ticks = cursor.args[1]!;
    // The reference keeps the low 32 bits of the P: 2^64−1 is -1, no P.
    this.proc = pids.numberOf(cursor.args[2]! | 0);
    this.g = goroutines.numberOf(id);
    return true;
  }
}

/** All sources of a trace. */
export function openSources(scan: V1Scan, context: SourceContext): Source[] {
  const sources: Source[] = scan.procs.map((batches) => new Source(context, batches));
  if (scan.samples.length > 0) sources.push(new SampleSource(context, scan.samples));
  return sources;
}

/** Strings are among the events; stacks, the frequency and timer goroutines too; samples have their own source. */
function skipUntimed(cursor: V1Cursor, type: number): void {
  if (type !== V1.String) {
    cursor.event();
    return;
  }
  cursor.pos++;
  cursor.value();
  cursor.stringRange();
}

function outOfRange(what: string, value: number, offset: number): TraceFormatError {
  return new TraceFormatError("limit", `${what} ${value} is out of range`, { offset });
}
