/**
 * The ordered v1 events as rows of v2, as Go's reader converts them: one generation, times forced to increase.
 *
 * Most events have a counterpart. What v1 does not say and the conversion makes up, as the reference does:
 * - the goroutines found when tracing begins get a status; those of them that neither ran nor waited are runnable;
 * - a syscall is a single event of v1: it becomes one of 1 ns, unless it blocked;
 * - threads are known of a P from its ProcStart on.
 */

import { DEFAULT_BATCH_ROWS, EventColumns } from "../columns.ts";
import { TraceFormatError } from "../error.ts";
import { emptyGeneration } from "../generation.ts";
import type { Generation } from "../generation.ts";
import { Ev, GoState, ProcState, ProcStatus } from "../spec.ts";
import { TYPE_BITS, V1Cursor } from "./cursor.ts";
import type { MergedEvents } from "./merge.ts";
import { blockReasons, stopReasons, stwKind } from "./reasons.ts";
import { handlingOf, KINDS, OF_SUBJECT, rowFrom, rowTo, rowType, SLOW } from "./row-transitions.ts";
import type { V1Scan } from "./scan.ts";
import { hasStack, V1, v1Names, wireArgs } from "./spec.ts";
import { messageOf } from "./tables.ts";

/** Most rows one v1 event becomes, but for the statuses of runnable goroutines. */
const MAX_ROWS_PER_EVENT = 2;
const MIN_BATCH_ROWS = 16;
const UNKNOWN_THREAD = -2;
/** Go's NoTask. */
const NO_TASK = -1;

interface Task {
  readonly parent: number;
  readonly name: number;
}

export interface V1RowOptions {
  /** Rows in a batch of columns. */
  readonly batchRows?: number;
  /** Give each batch columns of its own, to keep or transfer. Otherwise the same are filled again. */
  readonly freshBatches?: boolean;
}

/** Rows of a v1 trace, batch by batch. */
export class V1Converter {
  private readonly events: MergedEvents;
  private readonly scan: V1Scan;
  private readonly generation: Generation;
  private readonly cursor: V1Cursor;
  private readonly fresh: boolean;
  private rows: EventColumns;

  private position = 0;
  private lastTime = -1;
  private syncs = 0;

  /** Before the first Gomaxprocs: goroutines are those that exist already. */
  private starting = true;
  private readonly created = new Set<number>();
  /** Goroutine numbers that still get a status of runnable, at this time. */
  private runnable: readonly number[] = [];
  private nextRunnable = 0;
  private runnableTime = 0;

  // By P number.
  private readonly seen: Uint8Array;
  private readonly thread: Float64Array;

  private stwKind = 0;
  private readonly tasks = new Map<number, Task>();
  /** String index of the reason of a block or stop, by v1 type. */
  private readonly reason = new Uint32Array(KINDS);

  // The context of the row being made.
  private time = 0;
  private g = -1;
  private p = -1;
  private m = -1;
  private stack = 0;

  constructor(events: MergedEvents, scan: V1Scan, generation: Generation, options: V1RowOptions) {
    this.events = events;
    this.scan = scan;
    this.generation = generation;
    this.cursor = new V1Cursor(scan.bytes);
    this.fresh = options.freshBatches ?? false;
    this.rows = new EventColumns(
      generation,
      Math.max(MIN_BATCH_ROWS, options.batchRows ?? DEFAULT_BATCH_ROWS),
    );
    this.seen = new Uint8Array(events.pids.size);
    this.thread = new Float64Array(events.pids.size).fill(UNKNOWN_THREAD);
    for (const [type, reason] of [...blockReasons, ...stopReasons]) {
      this.reason[type] = generation.strings.intern(reason);
    }
  }

  /** All rows; each batch is valid until the next is asked for, unless batches are fresh. */
  *batches(): Generator<EventColumns, void, undefined> {
    if (this.events.count > 0) this.sync(-1);
    for (;;) {
      const failure = this.fill();
      if (this.rows.length > 0) yield this.rows;
      if (failure !== undefined) throw failure;
      if (this.rows.length === 0) break;
      this.beginBatch(this.generation);
    }
    this.beginBatch(emptyGeneration(this.scan.version, this.generation.timeBase));
    this.sync(this.lastTime + 1);
    yield this.rows;
  }

  private beginBatch(generation: Generation): void {
    if (this.fresh) this.rows = new EventColumns(generation, this.rows.capacity);
    this.rows.generation = generation;
    this.rows.length = 0;
  }

  /** Converts events until the batch is full or they end; returns what ends them before their time. */
  private fill(): TraceFormatError | undefined {
    const { rows } = this;
    const room = rows.capacity - MAX_ROWS_PER_EVENT;
    try {
      while (rows.length <= room) {
        if (this.nextRunnable < this.runnable.length)
          this.runnableStatus(this.runnable[this.nextRunnable++]!);
        else if (this.position < this.events.count) this.convertFrom(this.position, room);
        else break;
      }
    } catch (error) {
      if (error instanceof TraceFormatError) return error;
      throw error;
    }
    return undefined;
  }

  /**
   * The hot loop: nine of ten events are goroutines that start, block, stop or are unblocked. They are written here,
   * column by column; the others are left to `convert`, and so is whatever comes while the trace starts.
   */
  private convertFrom(position: number, room: number): void {
    const { rows, cursor, thread, reason } = this;
    const { bytes } = cursor;
    // Columns in locals: read through their owners they would be fetched again for every value.
    const { type, time, proc, g, subject, offset, count: end } = this.events;
    const goids = this.events.goroutines.ids;
    const pids = this.events.pids.ids;
    const { time: outTime, type: outType, g: outG, p: outP, m: outM, stack: outStack } = rows;
    const { subject: outSubject, from: outFrom, to: outTo, arg0: outArg0, arg1: outArg1 } = rows;
    const stackTable = this.generation.stacks.table;
    let at = position;
    let { length } = rows;
    let { lastTime } = this;
    while (at < end && length <= room) {
      const row = at++;
      const kind = type[row]!;
      const handling = handlingOf[kind]!;
      if (handling === SLOW || this.starting) {
        this.position = at;
        rows.length = length;
        this.lastTime = lastTime;
        this.convert(row);
        if (this.nextRunnable < this.runnable.length) return;
        length = rows.length;
        lastTime = this.lastTime;
        continue;
      }
      const p = proc[row]!;
      const goid = goids[g[row]!]!;
      const pid = pids[p]!;
      const m = thread[p]!;
      const happened = time[row]!;
      lastTime = happened > lastTime ? happened : lastTime + 1;
      outTime[length] = lastTime;
      outG[length] = goid === 0 ? -1 : goid;
      outP[length] = pid;
      outM[length] = pid === -1 || m === UNKNOWN_THREAD ? -1 : m;
      outType[length] = rowType[kind]!;
      outFrom[length] = rowFrom[kind]!;
      outTo[length] = rowTo[kind]!;
      outSubject[length] = handling === OF_SUBJECT ? goids[subject[row]!]! : goid;
      outArg0[length] = reason[kind]!;
      outArg1[length] = 0;
      const from = offset[row]!;
      const wireType = bytes[from]! & TYPE_BITS;
      if (hasStack[wireType] === 1) {
        const id = cursor.valueAt(from, wireArgs[wireType]! - 1);
        outStack[length] = id > 0 && id < stackTable.length ? stackTable[id]! : this.stackIndex(id);
      } else outStack[length] = 0;
      length++;
    }
    this.position = at;
    rows.length = length;
    this.lastTime = lastTime;
  }

  /** One event to its rows. */
  private convert(row: number): void {
    const { type, time, proc, g, offset, pids, goroutines } = this.events;
    const { cursor } = this;
    const kind = type[row]!;
    const p = proc[row]!;
    cursor.pos = offset[row]!;
    const wireType = cursor.bytes[cursor.pos]! & TYPE_BITS;
    cursor.event();

    const id = goroutines.ids[g[row]!]!;
    this.time = time[row]!;
    this.g = id === 0 ? -1 : id;
    this.p = pids.ids[p]!;
    const thread = this.thread[p]!;
    this.m = thread === UNKNOWN_THREAD || this.p === -1 ? -1 : thread;
    this.stack = hasStack[wireType] === 1 ? this.stackIndex(cursor.args[wireArgs[wireType]! - 1]!) : 0;

    if (handlingOf[kind] === SLOW || kind === V1.GoStart) this.convertScheduling(kind, p);
    else {
      const subject = handlingOf[kind] === OF_SUBJECT ? cursor.args[1] : this.g;
      this.emit(rowType[kind]!, subject!, rowFrom[kind], rowTo[kind], this.reason[kind]);
    }
  }

  private convertScheduling(kind: number, p: number): void {
    const { args } = this.cursor;
    switch (kind) {
      case V1.GoStart:
        if (this.starting) this.status(args[1]!, GoState.Running);
        else this.emit(Ev.GoStart, args[1]!, GoState.Runnable, GoState.Running);
        break;
      case V1.GoStartLabel:
        this.contextWithoutDefaults(p);
        this.emit(Ev.GoStart, args[1]!, GoState.Runnable, GoState.Running);
        this.emit(Ev.GoLabel, this.g, 0, 0, this.stringIndex(args[3]!));
        break;
      case V1.GoCreate:
        if (this.starting) this.created.add(args[1]!);
        else this.emit(Ev.GoCreate, args[1]!, GoState.NotExist, GoState.Runnable, this.stackIndex(args[2]!));
        break;
      case V1.GoSysCall:
        this.contextWithoutDefaults(p);
        this.emit(Ev.GoSyscallBegin, this.g, GoState.Running, GoState.Syscall);
        this.time++;
        this.stack = 0;
        this.emit(Ev.GoSyscallEnd, this.g, GoState.Syscall, GoState.Running);
        break;
      case V1.GoSysBlock:
        // Said already: the syscall before it began as one that blocks.
        break;
      case V1.GoWaiting:
        this.status(args[1]!, GoState.Waiting);
        break;
      case V1.GoInSyscall:
        this.status(args[1]!, GoState.Syscall);
        break;
      default:
        this.convertProc(kind, p);
    }
  }

  private convertProc(kind: number, p: number): void {
    const { args } = this.cursor;
    switch (kind) {
      case V1.Gomaxprocs:
        if (this.starting) this.endStart();
        else this.emit(Ev.ProcsChange, -1, 0, 0, args[1]);
        break;
      case V1.ProcStart:
        this.thread[p] = args[1]!;
        this.m = this.p === -1 ? -1 : args[1]!;
        this.procChange(p, Ev.ProcStart, ProcState.Idle, ProcState.Running);
        break;
      case V1.ProcStop:
        this.procChange(p, Ev.ProcStop, ProcState.Running, ProcState.Idle);
        this.thread[p] = UNKNOWN_THREAD;
        break;
      case V1.CPUSample:
        this.m = -1;
        this.emit(Ev.CPUSample, -1);
        break;
      case V1.HeapAlloc:
        this.emit(Ev.HeapAlloc, -1, 0, 0, args[1]);
        break;
      case V1.HeapGoal:
        this.emit(Ev.HeapGoal, -1, 0, 0, args[1]);
        break;
      default:
        this.convertRange(kind);
    }
  }

  private convertRange(kind: number): void {
    const { args } = this.cursor;
    switch (kind) {
      case V1.GCStart:
        this.emit(Ev.GCBegin, -1, 0, 0, args[1]);
        break;
      case V1.GCDone:
        this.emit(Ev.GCEnd, -1);
        break;
      case V1.STWStart:
        this.stwKind = this.generation.strings.intern(stwKind(this.scan.version, args[1]!));
        this.emit(Ev.STWBegin, this.g, 0, 0, this.stwKind);
        break;
      case V1.STWDone:
        this.emit(Ev.STWEnd, this.g, 0, 0, this.stwKind);
        break;
      case V1.GCSweepStart:
        this.emit(Ev.GCSweepBegin, this.p);
        break;
      case V1.GCSweepDone:
        this.emit(Ev.GCSweepEnd, this.p, 0, 0, args[1], args[2]);
        break;
      case V1.GCMarkAssistStart:
        this.emit(Ev.GCMarkAssistBegin, this.g);
        break;
      case V1.GCMarkAssistDone:
        this.emit(Ev.GCMarkAssistEnd, this.g);
        break;
      default:
        this.convertUser(kind);
    }
  }

  private convertUser(kind: number): void {
    const { args } = this.cursor;
    const task = args[1]!;
    switch (kind) {
      case V1.UserTaskCreate: {
        const parent = args[2]!;
        const name = this.stringIndex(args[3]!);
        this.tasks.set(task, { parent, name });
        this.emit(Ev.UserTaskBegin, task, 0, 0, parent === 0 ? NO_TASK : parent, name);
        break;
      }
      case V1.UserTaskEnd: {
        // The parent as it was on the wire: 0 for none here, where the begin says NoTask. So does the reference.
        const { parent, name } = this.tasks.get(task) ?? { parent: NO_TASK, name: 0 };
        this.tasks.delete(task);
        this.emit(Ev.UserTaskEnd, task, 0, 0, parent, name);
        break;
      }
      case V1.UserRegion:
        this.emit(
          args[2] === 0 ? Ev.UserRegionBegin : Ev.UserRegionEnd,
          task,
          0,
          0,
          this.stringIndex(args[3]!),
        );
        break;
      case V1.UserLog: {
        const message = this.generation.strings.intern(messageOf(this.cursor.stringRange()));
        this.emit(Ev.UserLog, task, 0, 0, this.stringIndex(args[2]!), message);
        break;
      }
      default:
        throw new TraceFormatError("corrupt", `unexpected event type ${v1Names[kind]}`, {
          offset: this.events.offset[this.position - 1],
        });
    }
  }

  /** The first mention of a P is a status, not a change. */
  private procChange(p: number, type: number, from: number, to: number): void {
    if (this.seen[p] === 1) {
      this.emit(type, this.p, from, to);
      return;
    }
    this.seen[p] = 1;
    const status = to === ProcState.Running ? ProcStatus.Running : ProcStatus.Idle;
    this.emit(Ev.ProcStatus, this.p, ProcState.Undetermined, to, status);
  }

  /** The first mention of a goroutine that existed before the trace. */
  private status(goroutine: number, state: number): void {
    this.created.delete(goroutine);
    this.emit(Ev.GoStatus, goroutine, GoState.Undetermined, state, -1);
  }

  /** The first Gomaxprocs: all goroutines there were have been told. Those without a status of their own are runnable. */
  private endStart(): void {
    this.starting = false;
    this.runnable = [...this.created];
    this.runnableTime = this.time;
    this.created.clear();
  }

  private runnableStatus(goroutine: number): void {
    this.time = this.runnableTime;
    this.g = -1;
    this.p = -1;
    this.m = -1;
    this.stack = 0;
    this.emit(Ev.GoStatus, goroutine, GoState.Undetermined, GoState.Runnable, -1);
  }

  /** The reference gives these rows the raw goroutine, and thread 0 where the P has none. */
  private contextWithoutDefaults(p: number): void {
    if (this.g === -1) this.g = 0;
    const thread = this.thread[p]!;
    this.m = thread === UNKNOWN_THREAD ? 0 : thread;
  }

  private sync(time: number): void {
    const { lastTime } = this;
    this.lastTime = -Infinity;
    this.time = time;
    this.g = -1;
    this.p = -1;
    this.m = -1;
    this.stack = 0;
    this.emit(Ev.Sync, ++this.syncs);
    this.lastTime = lastTime;
  }

  /** Adds a row with the current context. */
  private emit(type: number, subject: number, from = 0, to = 0, arg0 = 0, arg1 = 0): void {
    const { rows } = this;
    // No two rows have one time.
    const time = this.time > this.lastTime ? this.time : this.lastTime + 1;
    this.lastTime = time;
    const i = rows.length++;
    rows.time[i] = time;
    rows.type[i] = type;
    rows.g[i] = this.g;
    rows.p[i] = this.p;
    rows.m[i] = this.m;
    rows.stack[i] = this.stack;
    rows.subject[i] = subject;
    rows.from[i] = from;
    rows.to[i] = to;
    rows.arg0[i] = arg0;
    rows.arg1[i] = arg1;
  }

  /** The reference keeps the low 32 bits of a stack id, and 0 for a stack that is not there. */
  private stackIndex(id: number): number {
    return Math.max(0, this.generation.stacks.find(id >>> 0));
  }

  private stringIndex(id: number): number {
    return Math.max(0, this.generation.strings.find(id));
  }
}
