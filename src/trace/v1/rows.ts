/**
 * The rows one v1 event becomes, where that is not just one transition of a goroutine.
 *
 * What v1 does not say and the conversion makes up, as the reference does:
 * - the goroutines found when tracing begins get a status; those of them that neither ran nor waited are runnable;
 * - a syscall is a single event of v1: it becomes one of 1 ns, unless it blocked;
 * - threads are known of a P from its ProcStart on.
 */

import type { EventColumns } from "../columns.ts";
import { TraceFormatError } from "../error.ts";
import type { Generation } from "../generation.ts";
import { Ev, GoState, ProcState, ProcStatus } from "../spec.ts";
import { V1Cursor } from "./cursor.ts";
import type { ProcEvents } from "./events.ts";
import { FAKE_PROC } from "./procs.ts";
import { blockReasons, stopReasons, stwKind } from "./reasons.ts";
import { handlingOf, KINDS, OF_SUBJECT, rowFrom, rowTo, rowType, SLOW } from "./row-transitions.ts";
import type { V1Scan } from "./scan.ts";
import { V1, v1Names } from "./spec.ts";
import { messageOf } from "./tables.ts";

const UNKNOWN_THREAD = -2;
/** Go's NoTask. */
const NO_TASK = -1;

interface Task {
  readonly parent: number;
  readonly name: number;
}

/** A P: its events, and what is known of it so far. */
export class Proc {
  readonly events: ProcEvents;
  /** The thread that has it, as its ProcStart says. */
  thread = UNKNOWN_THREAD;
  /** The same as rows tell it. */
  m = -1;
  /** It was mentioned by a ProcStart or ProcStop. */
  seen = false;

  constructor(events: ProcEvents) {
    this.events = events;
  }

  changeThread(thread: number): void {
    this.thread = thread;
    this.m = thread === UNKNOWN_THREAD || this.events.pid[0] === -1 ? -1 : thread;
  }
}

/** Makes rows, and keeps what they need of the events before. */
export class V1Rows {
  protected readonly scan: V1Scan;
  protected readonly generation: Generation;
  protected rows: EventColumns;
  private readonly cursor: V1Cursor;

  protected lastTime = -1;
  private syncs = 0;

  /** Before the first Gomaxprocs: goroutines are those that exist already. */
  protected starting = true;
  private readonly created = new Set<number>();
  /** Ids of goroutines that still get a status of runnable, at this time. */
  private runnable: readonly number[] = [];
  private nextRunnable = 0;
  private runnableTime = 0;

  private stwKind = 0;
  private readonly tasks = new Map<number, Task>();
  /** String index of the reason of a block or stop, by v1 type. */
  protected readonly reason = new Uint32Array(KINDS);

  // The context of the row being made.
  private offset = 0;
  protected time = 0;
  protected g = -1;
  protected p = -1;
  protected m = -1;
  protected stack = 0;

  constructor(scan: V1Scan, generation: Generation, rows: EventColumns) {
    this.scan = scan;
    this.generation = generation;
    this.rows = rows;
    this.cursor = new V1Cursor(scan.bytes);
    for (const [type, reason] of [...blockReasons, ...stopReasons]) {
      this.reason[type] = generation.strings.intern(reason);
    }
  }

  /** One event to its rows; its time, P and thread are known. */
  protected convert(kind: number, proc: Proc): void {
    const { cursor } = this;
    const { at, g, offset, stack } = proc.events;
    this.offset = offset[at]!;
    cursor.pos = this.offset;
    cursor.event();
    this.g = g[at] === 0 ? -1 : g[at]!;
    this.stack = this.stackIndex(stack[at]!);

    if (handlingOf[kind] === SLOW || kind === V1.GoStart) this.convertScheduling(kind, proc);
    else {
      const subject = handlingOf[kind] === OF_SUBJECT ? cursor.args[1] : this.g;
      this.emit(rowType[kind]!, subject!, rowFrom[kind], rowTo[kind], this.reason[kind]);
    }
  }

  private convertScheduling(kind: number, proc: Proc): void {
    const { args } = this.cursor;
    switch (kind) {
      case V1.GoStart:
        if (this.starting) this.status(args[1]!, GoState.Running);
        else this.emit(Ev.GoStart, args[1]!, GoState.Runnable, GoState.Running);
        break;
      case V1.GoStartLabel:
        this.contextWithoutDefaults(proc);
        this.emit(Ev.GoStart, args[1]!, GoState.Runnable, GoState.Running);
        this.emit(Ev.GoLabel, this.g, 0, 0, this.stringIndex(args[3]!));
        break;
      case V1.GoCreate:
        if (this.starting) this.created.add(args[1]!);
        else this.emit(Ev.GoCreate, args[1]!, GoState.NotExist, GoState.Runnable, this.stackIndex(args[2]!));
        break;
      case V1.GoSysCall:
        this.contextWithoutDefaults(proc);
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
        this.convertProc(kind, proc);
    }
  }

  private convertProc(kind: number, proc: Proc): void {
    const { args } = this.cursor;
    switch (kind) {
      case V1.Gomaxprocs:
        if (this.starting) this.endStart();
        else this.emit(Ev.ProcsChange, -1, 0, 0, args[1]);
        break;
      case V1.ProcStart:
        proc.changeThread(args[1]!);
        this.m = proc.m;
        this.procChange(proc, Ev.ProcStart, ProcState.Idle, ProcState.Running);
        break;
      case V1.ProcStop:
        this.procChange(proc, Ev.ProcStop, ProcState.Running, ProcState.Idle);
        proc.changeThread(UNKNOWN_THREAD);
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
        this.p = FAKE_PROC.gc;
        this.m = -1;
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
          offset: this.offset,
        });
    }
  }

  /** The first mention of a P is a status, not a change. */
  private procChange(proc: Proc, type: number, from: number, to: number): void {
    if (proc.seen) {
      this.emit(type, this.p, from, to);
      return;
    }
    proc.seen = true;
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

  /** Whether a status of runnable is to be told first. */
  protected get runnableLeft(): boolean {
    return this.nextRunnable < this.runnable.length;
  }

  protected runnableStatus(): void {
    const goroutine = this.runnable[this.nextRunnable++]!;
    this.time = this.runnableTime;
    this.g = -1;
    this.p = -1;
    this.m = -1;
    this.stack = 0;
    this.emit(Ev.GoStatus, goroutine, GoState.Undetermined, GoState.Runnable, -1);
  }

  /** The reference gives these rows the raw goroutine, and thread 0 where the P has none. */
  private contextWithoutDefaults(proc: Proc): void {
    if (this.g === -1) this.g = 0;
    this.m = proc.thread === UNKNOWN_THREAD ? 0 : proc.thread;
  }

  protected sync(time: number): void {
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
  protected emit(type: number, subject: number, from = 0, to = 0, arg0 = 0, arg1 = 0): void {
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
  protected stackIndex(id: number): number {
    return Math.max(0, this.generation.stacks.find(id >>> 0));
  }

  private stringIndex(id: number): number {
    return Math.max(0, this.generation.strings.find(id));
  }
}
