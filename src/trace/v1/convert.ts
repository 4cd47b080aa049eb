/**
 * The ordered v1 events as rows of v2, as Go's reader converts them: one generation, times forced to increase.
 */

import { DEFAULT_BATCH_ROWS, EventColumns } from "../columns.ts";
import { TraceFormatError } from "../error.ts";
import { emptyGeneration } from "../generation.ts";
import type { Generation } from "../generation.ts";
import { Ev, GoState } from "../spec.ts";
import { openEvents } from "./events.ts";
import type { V1Order } from "./order.ts";
import { FAKE_PROC } from "./procs.ts";
import { handlingOf, OF_SUBJECT, rowFrom, rowTo, rowType, SLOW, SYSCALL_BLOCKED } from "./row-transitions.ts";
import { Proc, V1Rows } from "./rows.ts";
import type { V1Scan } from "./scan.ts";
import { V1 } from "./spec.ts";
import { orderedType } from "./transitions.ts";

/** Most rows one v1 event becomes, but for the statuses of runnable goroutines. */
const MAX_ROWS_PER_EVENT = 2;
const MIN_BATCH_ROWS = 16;

export interface V1RowOptions {
  /** Rows in a batch of columns. */
  readonly batchRows?: number;
  /** Give each batch columns of its own, to keep or transfer. Otherwise the same are filled again. */
  readonly freshBatches?: boolean;
}

/** Rows of a v1 trace, batch by batch. */
export class V1Converter extends V1Rows {
  private readonly order: V1Order;
  private readonly procs: readonly Proc[];
  private readonly nsPerTick: number;
  private readonly fresh: boolean;

  /** The next event's row in the order. */
  private position = 0;
  private nextExit = 0;
  private exitTicks: number;

  constructor(order: V1Order, scan: V1Scan, generation: Generation, options: V1RowOptions) {
    const capacity = Math.max(MIN_BATCH_ROWS, options.batchRows ?? DEFAULT_BATCH_ROWS);
    super(scan, generation, new EventColumns(generation, capacity));
    this.order = order;
    this.nsPerTick = 1e9 / scan.ticksPerSecond;
    this.procs = openEvents(scan).map((events) => new Proc(events));
    for (const { events } of this.procs) events.next();
    this.exitTicks = order.exits.ticksOf(0);
    this.fresh = options.freshBatches ?? false;
  }

  /** All rows; each batch is valid until the next is asked for, unless batches are fresh. */
  *batches(): Generator<EventColumns, void, undefined> {
    if (this.order.count > 0) this.sync(-1);
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
        if (this.runnableLeft) this.runnableStatus();
        else if (this.position < this.order.count || this.nextExit < this.order.exits.count)
          this.convertEvents(room);
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
  private convertEvents(room: number): void {
    const { rows, reason, procs, nsPerTick } = this;
    const { timerGoroutines } = this.scan;
    const { procs: order, marks, count: end, start } = this.order;
    // Columns in locals: read through their owners they would be fetched again for every value.
    const { time: outTime, type: outType, g: outG, p: outP, m: outM, stack: outStack } = rows;
    const { subject: outSubject, from: outFrom, to: outTo, arg0: outArg0, arg1: outArg1 } = rows;
    const stackTable = this.generation.stacks.table;
    let { position, lastTime } = this;
    let { length } = rows;
    while (length <= room && position < end) {
      const row = position;
      const proc = procs[order[row]!]!;
      const { events } = proc;
      const at = events.at;
      const ticks = events.ticks[at]!;
      if (this.exitTicks <= ticks && this.exitIsBefore(ticks, row)) {
        rows.length = length;
        this.lastTime = lastTime;
        this.exit();
        length = rows.length;
        lastTime = this.lastTime;
        continue;
      }
      position = row + 1;
      const g = events.g[at]!;
      let kind = orderedType[events.type[at]!]!;
      let pid = events.pid[at]!;
      let { m } = proc;
      if (marks.has(row)) {
        if (kind === V1.GoSysExit) {
          events.next();
          continue;
        }
        if (kind === V1.GoSysCall) kind = SYSCALL_BLOCKED;
        else {
          pid = FAKE_PROC.network;
          m = -1;
        }
      } else if (kind === V1.GoSysExit) {
        pid = FAKE_PROC.syscalls;
        m = -1;
      } else if (timerGoroutines.size > 0 && kind === V1.GoUnblock && timerGoroutines.has(g)) {
        pid = FAKE_PROC.timers;
        m = -1;
      }
      const happened = Math.trunc((ticks - start) * nsPerTick);
      const handling = handlingOf[kind]!;
      if (handling === SLOW || this.starting) {
        rows.length = length;
        this.lastTime = lastTime;
        this.position = position;
        this.time = happened;
        this.p = pid;
        this.m = m;
        this.convert(kind, proc);
        events.next();
        if (this.runnableLeft) return;
        length = rows.length;
        lastTime = this.lastTime;
        continue;
      }
      lastTime = happened > lastTime ? happened : lastTime + 1;
      const to = length++;
      outTime[to] = lastTime;
      outG[to] = g === 0 ? -1 : g;
      outP[to] = pid;
      outM[to] = m;
      outType[to] = rowType[kind]!;
      outFrom[to] = rowFrom[kind]!;
      outTo[to] = rowTo[kind]!;
      outSubject[to] = handling === OF_SUBJECT ? events.named[at]! : g;
      outArg0[to] = reason[kind]!;
      outArg1[to] = 0;
      const stack = events.stack[at]!;
      outStack[to] = stack < stackTable.length ? stackTable[stack]! : this.stackIndex(stack);
      events.next();
    }
    rows.length = length;
    this.lastTime = lastTime;
    this.position = position;
    while (rows.length <= room && this.position === end && this.exitTicks < Infinity) this.exit();
  }

  /** Whether the next exit is told before an event of some later ticks or the same. */
  private exitIsBefore(ticks: number, row: number): boolean {
    return this.exitTicks < ticks || this.order.exits.row[this.nextExit]! < row;
  }

  /** The next syscall exit, at its real time. */
  private exit(): void {
    const { exits, start } = this.order;
    const g = exits.g[this.nextExit]!;
    this.time = Math.trunc((this.exitTicks - start) * this.nsPerTick);
    this.g = g === 0 ? -1 : g;
    this.p = FAKE_PROC.syscalls;
    this.m = -1;
    this.stack = 0;
    this.emit(Ev.GoSyscallEndBlocked, this.g, GoState.Syscall, GoState.Runnable);
    this.exitTicks = exits.ticksOf(++this.nextExit);
  }
}
