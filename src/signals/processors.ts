/**
 * What the Ps do while goroutines want to run, and whether the machine lets them: idle Ps beside runnable goroutines, and
 * gaps in which the whole process makes no event.
 */

import { ProcState } from "../trace/spec.ts";
import { At, WORTH_A_LOOK_NS } from "./kernel/layout.ts";
import { Table, type SignalsMemory } from "./kernel/memory.ts";

/**
 * A goroutine that computes makes no event for so long at most: the scheduler's monitor sleeps up to 10 ms before it first
 * sees it running, lets it have a time slice of 10 ms from then (forcePreemptNS in Go's runtime), and may sleep 10 ms
 * before it sees that the slice is over. Up to 28 ms were measured; 5 ms are for the signal and the switch.
 */
const LONGEST_SILENT_RUN_NS = 35e6;
/** Ps above are not followed: more than machines have. */
const MAX_PROCS = 1 << 12;

export class Processors {
  /** By P: relative ns since when it runs a goroutine of the program, Infinity if it does not. */
  readonly #runningSince: Table<Float64Array>;
  /** By P: 1 while idle. */
  readonly #idle = new Uint8Array(MAX_PROCS);
  #idleCount = 0;
  /** Stop-the-worlds in progress: nothing may run then, so nothing is kept waiting by the scheduler. */
  #stopped = 0;
  /** Since when a P is idle while a goroutine is runnable, −1 if that is not so. */
  #bothSince = -1;
  #bothNs = 0;
  /** Whether `settle` has anything to do: a P is idle, or was while it was last asked. */
  mayWait = false;

  constructor(memory: SignalsMemory) {
    this.#runningSince = new Table(memory, Float64Array, At.runningSince);
    this.#runningSince.ensure(MAX_PROCS);
    memory.i32[At.procCount >> 2] = MAX_PROCS;
    this.runningSince.fill(Number.POSITIVE_INFINITY);
  }

  get runningSince(): Float64Array {
    return this.#runningSince.view;
  }

  transition(proc: number, state: number, runnable: number, time: number): void {
    if (proc < 0 || proc >= MAX_PROCS) return;
    const idle = state === ProcState.Idle ? 1 : 0;
    this.#idleCount += idle - this.#idle[proc]!;
    this.#idle[proc] = idle;
    if (idle === 1) this.runningSince[proc] = Number.POSITIVE_INFINITY;
    this.settle(runnable, time);
  }

  /** GOMAXPROCS is now `count`: higher Ps are no more. */
  limit(count: number, runnable: number, time: number): void {
    for (let proc = Math.max(0, count); proc < this.#idle.length; proc++) {
      this.#idleCount -= this.#idle[proc]!;
      this.#idle[proc] = 0;
      this.runningSince[proc] = Number.POSITIVE_INFINITY;
    }
    this.settle(runnable, time);
  }

  stopTheWorld(change: 1 | -1, runnable: number, time: number): void {
    this.#stopped = Math.max(0, this.#stopped + change);
    this.settle(runnable, time);
  }

  /** To be called when `runnable` becomes 0 or stops being 0. */
  settle(runnable: number, time: number): void {
    const both = runnable > 0 && this.#idleCount > 0 && this.#stopped === 0;
    if (both) {
      if (this.#bothSince < 0) this.#bothSince = time;
    } else if (this.#bothSince >= 0) {
      this.#bothNs += time - this.#bothSince;
      this.#bothSince = -1;
    }
    this.mayWait = this.#idleCount > 0 || this.#bothSince >= 0;
  }

  runs(proc: number, time: number): void {
    if (proc < 0 || proc >= MAX_PROCS) return;
    this.runningSince[proc] = time;
  }

  /** Whatever runs there is none of the program's goroutines. */
  pauses(proc: number): void {
    if (proc >= 0 && proc < MAX_PROCS) this.runningSince[proc] = Number.POSITIVE_INFINITY;
  }

  /**
   * Whether a gap between two events can only be the machine's: some goroutine ran into it that would have been
   * preempted, visibly, before its end.
   */
  isStarved(gapStart: number, gapEnd: number): boolean {
    if (gapEnd - gapStart < WORTH_A_LOOK_NS || this.#stopped > 0) return false;
    const { runningSince } = this;
    for (let proc = 0; proc < runningSince.length; proc++) {
      if (runningSince[proc]! + LONGEST_SILENT_RUN_NS < gapEnd) return true;
    }
    return false;
  }

  /** Ns a P was idle while a goroutine was runnable, since the last call. */
  takeIdleWhileRunnable(time: number): number {
    let total = this.#bothNs;
    this.#bothNs = 0;
    if (this.#bothSince >= 0) {
      total += time - this.#bothSince;
      this.#bothSince = time;
    }
    return total;
  }

  clear(): void {
    this.runningSince.fill(Number.POSITIVE_INFINITY);
    this.#idle.fill(0);
    this.#idleCount = 0;
    this.#stopped = 0;
    this.#bothSince = -1;
    this.#bothNs = 0;
    this.mayWait = false;
  }
}
