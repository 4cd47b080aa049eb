/**
 * Finds the order of all events and checks them in it, before the first is told.
 *
 * The reference merges, restores the real times of syscall exits, and checks the rules of the scheduler, each over the
 * whole trace; what it refuses a trace for is the first failure in this order. Here the three go along with the merge,
 * an event at a time, and a failure waits until those before it are ruled out.
 */

import { TraceFormatError } from "../error.ts";
import { MAX_RELATIVE_NS } from "../time.ts";
import { Checker, TIMERS } from "./check.ts";
import { Marks } from "./marks.ts";
import { V1Merger } from "./merge.ts";
import type { EventOrder, MergedChunk } from "./merge.ts";
import type { V1Scan } from "./scan.ts";
import { V1 } from "./spec.ts";
import { ExitTimes, MovedExits, outOfOrder, relativeNanoseconds } from "./times.ts";

/** The events of a trace in order: what to read next, and what their bytes do not say. */
export interface V1Order {
  readonly count: number;
  readonly procs: EventOrder;
  readonly marks: Marks;
  readonly exits: MovedExits;
  /** Ticks of the first event. */
  readonly start: number;
}

/** Orders and checks the events. Throws `corrupt` if no order is consistent, or at the first broken rule. */
export function orderEvents(scan: V1Scan): V1Order {
  return new Orderer(scan).run();
}

/** An exit whose real time is after its place: it is checked when that has come. */
interface LaterExit {
  readonly row: number;
  readonly g: number;
  readonly ticks: number;
  readonly offset: number;
}

class Orderer {
  private readonly scan: V1Scan;
  private readonly count: number;
  private readonly merger: V1Merger;
  private readonly checker: Checker;
  private readonly marks: Marks;
  private readonly times: ExitTimes;
  private readonly exits = new MovedExits();
  /** By time. Empty but for clocks that disagree: an exit happens before it is recorded. */
  private readonly later: LaterExit[] = [];

  private start = 0;
  /** Ticks of the latest event so far, as recorded and as happened. */
  private last = 0;
  private latest = 0;
  private sorted = true;
  private exitFailure: TraceFormatError | undefined;
  private failure: TraceFormatError | undefined;

  constructor(scan: V1Scan) {
    this.scan = scan;
    this.count = scan.events + scan.samples.length;
    this.merger = new V1Merger(scan);
    this.marks = new Marks(this.count);
    this.times = new ExitTimes(scan, this.count);
    this.checker = new Checker(scan, this.count, this.merger.goroutines, this.marks);
  }

  run(): V1Order {
    const { count, marks, exits } = this;
    const procs = this.merger.merge((row, chunk) => {
      this.noteTimes(row, chunk);
      this.restoreExits(row, chunk);
      this.check(row, chunk);
    });
    if (!this.sorted) throw outOfOrder();
    if (this.exitFailure !== undefined) throw this.exitFailure;
    this.requireExactTimes();
    if (this.failure !== undefined) throw this.failure;
    this.checkLater(Infinity);
    exits.seal();
    return { count, procs, marks, exits, start: this.start };
  }

  private noteTimes(first: number, { ticks, length }: MergedChunk): void {
    if (first === 0 && length > 0) this.start = this.last = ticks[0]!;
    let { last } = this;
    for (let i = 0; i < length; i++) {
      const now = ticks[i]!;
      if (now < last) this.sorted = false;
      last = now;
    }
    this.last = last;
    this.latest = Math.max(this.latest, last);
  }

  /** Gives exits their real times. Those that happened later than they were recorded leave the chunk. */
  private restoreExits(first: number, chunk: MergedChunk): void {
    if (this.exitFailure !== undefined) return;
    const { kind, g, ticks, offset, length } = chunk;
    try {
      for (let i = 0; i < length; i++) {
        if (kind[i] === V1.GoSysBlock || kind[i] === V1.GoInSyscall) this.times.block(g[i]!, ticks[i]!);
        else if (kind[i] === V1.GoSysExit) {
          const happened = this.times.exit(g[i]!, offset[i]!);
          if (happened === undefined) continue;
          this.marks.set(first + i);
          this.exits.add(first + i, happened, this.merger.goroutines.ids[g[i]!]!);
          this.latest = Math.max(this.latest, happened);
          if (happened > ticks[i]!) {
            this.postpone({ row: first + i, g: g[i]!, ticks: happened, offset: offset[i]! });
            kind[i] = V1.None;
          } else ticks[i] = happened;
        }
      }
    } catch (error) {
      this.exitFailure = formatError(error);
    }
  }

  private check(first: number, chunk: MergedChunk): void {
    // A failure ends the checks but not the merge, whose own failures come first.
    if (this.failure !== undefined) return;
    const { kind, proc, g, subject, ticks, offset, length } = chunk;
    const { checker, later } = this;
    const { ids } = this.merger.goroutines;
    const { timerGoroutines } = this.scan;
    try {
      for (let i = 0; i < length; i++) {
        if (later.length > 0) this.checkLater(ticks[i]!);
        if (kind[i] === V1.None) continue;
        const byTimers =
          timerGoroutines.size > 0 && kind[i] === V1.GoUnblock && timerGoroutines.has(ids[g[i]!]!);
        const p = byTimers ? TIMERS : proc[i]!;
        checker.check(first + i, kind[i]!, p, g[i]!, subject[i]!, ticks[i]!, offset[i]!);
      }
    } catch (error) {
      this.failure = formatError(error);
    }
  }

  private postpone(exit: LaterExit): void {
    const after = this.later.findLastIndex((other) => other.ticks <= exit.ticks);
    this.later.splice(after + 1, 0, exit);
  }

  /** Checks the exits that happened before some time. */
  private checkLater(ticks: number): void {
    while (this.later.length > 0 && this.later[0]!.ticks <= ticks) {
      const exit = this.later.shift()!;
      this.checker.check(exit.row, V1.GoSysExit, 0, exit.g, exit.g, exit.ticks, exit.offset);
    }
  }

  private requireExactTimes(): void {
    const length = relativeNanoseconds(this.latest, this.start, this.scan);
    // With room for rows of one time, which are moved up by 1 ns each.
    if (length + 2 * this.count > MAX_RELATIVE_NS) {
      throw new TraceFormatError("limit", `a trace of ${length} ns is too long to keep its times exactly`);
    }
  }
}

function formatError(error: unknown): TraceFormatError {
  if (error instanceof TraceFormatError) return error;
  throw error;
}
