/**
 * What is known of the traced program's scheduler at a point of the trace, and the row that is being made.
 * The hot loop (order.ts) and the handlers of rarer events (advance/) share it.
 */

import { EventColumns } from "./columns.ts";
import { TraceFormatError } from "./error.ts";
import type { TraceFormatErrorKind, TracePosition } from "./error.ts";
import { emptyGeneration } from "./generation.ts";
import type { DecodedGeneration } from "./generation.ts";
import { At } from "./kernel/layout.ts";
import { LinearMemory, Region } from "./kernel/memory.ts";
import { GoroutineTable, ProcTable, ThreadTable } from "./resources.ts";
import { eventName } from "./spec.ts";
import { TaskTable } from "./tasks.ts";

const TWO_32 = 0x1_0000_0000;
/** Ordinals of generations wrap here, so that ordinal × 2^32 + seq stays below 2^53. */
const ORDINAL_WRAP = 1 << 20;

/** The garbage collector's mark phase. */
export const GcPhase = { undetermined: 0, notRunning: 1, running: 2 } as const;

/** A user region in progress. The name is text, since string ids change with the generation. */
export interface ActiveRegion {
  readonly task: number;
  readonly name: string;
}

/** A stop-the-world or mark assist in progress: the event that begins it, and its kind as text. */
export interface ActiveRange {
  readonly begin: number;
  readonly kind: string;
}

export class Scheduler {
  readonly memory = new LinearMemory();
  readonly goroutines = new GoroutineTable(this.memory);
  readonly procs = new ProcTable(this.memory);
  readonly threads = new ThreadTable(this.memory);
  readonly tasks = new TaskTable(this.memory);
  /** By goroutine id; only goroutines that are in any. */
  readonly regions = new Map<number, ActiveRegion[]>();
  readonly ranges = new Map<number, ActiveRange[]>();
  gcSeq = 0;
  gcPhase: number = GcPhase.undetermined;
  /** No generation came before: things may be seen for the first time. */
  initial = true;
  seqBase = TWO_32;
  #ordinal = 0;
  readonly #strings = new Region(this.memory);
  readonly #stacks = new Region(this.memory);

  generation: DecodedGeneration | undefined;

  /** The rows being made. */
  rows: EventColumns;

  // The event being advanced, set before a handler is called.
  type = 0;
  time = 0;
  thread = -1;
  threadSlot = 0;
  /** Context: goroutine and proc bound to the thread, −1 for none. */
  g = -1;
  p = -1;
  /** Stream offset near the event, for errors. */
  offset = 0;

  /** @param batchRows room for rows in a batch, at most `MAX_ROWS` */
  constructor(batchRows: number) {
    const { memory } = this;
    this.rows = new EventColumns(emptyGeneration(0, 0), batchRows, memory.u8.buffer);
    memory.onGrowth = () => {
      const { generation, length } = this.rows;
      this.rows = new EventColumns(generation, batchRows, memory.u8.buffer);
      this.rows.length = length;
    };
  }

  /** Relative ns of the last row; Go starts at absolute 0. */
  get lastTime(): number {
    return this.memory.f64[At.lastTime >> 3]!;
  }

  set lastTime(time: number) {
    this.memory.f64[At.lastTime >> 3] = time;
  }

  /** A generation begins; `initial` if no state carries over to it. */
  enter(generation: DecodedGeneration, initial: boolean): void {
    this.generation = generation;
    this.initial = initial;
    this.#ordinal = (this.#ordinal % ORDINAL_WRAP) + 1;
    this.seqBase = this.#ordinal * TWO_32;
    this.memory.f64[At.seqBase >> 3] = this.seqBase;
    for (const [table, region, address, count] of [
      [generation.strings.table, this.#strings, At.strings, At.stringCount],
      [generation.stacks.table, this.#stacks, At.stacks, At.stackCount],
    ] as const) {
      region.ensure(table.byteLength);
      this.memory.i32.set(table, region.address >>> 2);
      this.memory.i32[address >> 2] = region.address;
      this.memory.i32[count >> 2] = table.length;
    }
  }

  /** Forgets everything but the time of the last row. */
  reset(): void {
    this.goroutines.clear();
    this.procs.clear();
    this.threads.clear();
    this.tasks.clear();
    this.regions.clear();
    this.ranges.clear();
    this.gcSeq = 0;
    this.gcPhase = GcPhase.undetermined;
  }

  /** Writes a row in the context of the event. Time is forced to rise, as Go does. */
  emit(
    type: number,
    subject: number,
    from: number,
    to: number,
    arg0: number,
    arg1: number,
    stack: number,
  ): void {
    this.emitIn(this.g, this.p, this.thread, type, subject, from, to, arg0, arg1, stack);
  }

  /** Writes a row in a given context. */
  emitIn(
    g: number,
    p: number,
    thread: number,
    type: number,
    subject: number,
    from: number,
    to: number,
    arg0: number,
    arg1: number,
    stack: number,
  ): void {
    const out = this.rows;
    const i = out.length++;
    const time = this.time <= this.lastTime ? this.lastTime + 1 : this.time;
    this.lastTime = time;
    out.time[i] = time;
    out.type[i] = type;
    out.g[i] = g;
    out.p[i] = p;
    out.m[i] = thread;
    out.stack[i] = stack;
    out.subject[i] = subject;
    out.from[i] = from;
    out.to[i] = to;
    out.arg0[i] = arg0;
    out.arg1[i] = arg1;
  }

  /** Index of a stack id; corrupt if the generation has no such stack. */
  stack(id: number): number {
    const index = this.generation!.stacks.find(id);
    if (index < 0) throw this.absent(`found invalid stack ID ${id} for event ${eventName(this.type)}`);
    return index;
  }

  /** Index of a string id; corrupt if the generation has no such string. */
  string(id: number): number {
    const index = this.generation!.strings.find(id);
    if (index < 0) throw this.absent(`found invalid string ID ${id} for event ${eventName(this.type)}`);
    return index;
  }

  /** Binds to the event's thread, unless there is none. */
  bindProc(proc: number): void {
    if (this.threadSlot !== 0) this.threads.setProc(this.threadSlot, proc);
  }

  bindGoroutine(id: number, slot: number): void {
    if (this.threadSlot === 0) return;
    this.threads.setGoroutine(this.threadSlot, id, slot);
  }

  /** Requires a thread and a proc. */
  requireProc(): void {
    if (this.thread === -1) throw this.fail("expected a thread but didn't have one");
    if (this.p === -1) throw this.fail("expected a proc but didn't have one");
  }

  /** Requires a thread, a proc and a goroutine: user code, or close to it. */
  requireUser(): void {
    this.requireProc();
    if (this.g === -1) throw this.fail("expected a goroutine but didn't have one");
  }

  /** Why the current context does not do for an event: which part is missing, or there when it must not be. */
  contextError(wantProc: boolean | undefined, wantGoroutine: boolean | undefined): TraceFormatError {
    if (this.thread === -1) return this.fail("expected a thread but didn't have one");
    if (wantProc === true && this.p === -1) return this.fail("expected a proc but didn't have one");
    if (wantProc === false && this.p !== -1) return this.fail("expected no proc but had one");
    if (wantGoroutine === true && this.g === -1) return this.fail("expected a goroutine but didn't have one");
    return this.fail("expected no goroutine but had one");
  }

  notTimed(): TraceFormatError {
    return eventName(this.type).startsWith("Invalid")
      ? this.fail(`found invalid event type: ${this.type}`)
      : this.fail(`found event without a timestamp: type=${this.type}`);
  }

  overrun(): TraceFormatError {
    return this.fail("found invalid uvarint: the event runs over the end of its batch");
  }

  tooLong(): TraceFormatError {
    return this.fail("the trace is longer than 104 days or its clock is broken", "limit");
  }

  /** An error at the current event. */
  fail(detail: string, kind: TraceFormatErrorKind = "corrupt"): TraceFormatError {
    return new TraceFormatError(kind, `${detail} [${eventName(this.type)}]`, this.#position());
  }

  /** An error at the current event: something it needs is not in the generation. */
  absent(detail: string): TraceFormatError {
    return new TraceFormatError("corrupt", detail, { ...this.#position(), missing: true });
  }

  #position(): TracePosition {
    return {
      offset: this.generation === undefined ? undefined : this.generation.raw.offset + this.offset,
      generation: this.generation?.number,
      version: this.generation?.version,
      thread: this.thread,
    };
  }
}
