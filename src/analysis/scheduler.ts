/**
 * The scheduler: how long goroutines that could run waited for a proc and why they had become runnable, how many waited
 * at a time, procs that were idle meanwhile, use of each proc, GOMAXPROCS, and goroutines in syscalls.
 */

import { Ev, GoState, ProcState } from "../trace/spec.ts";
import type { TrackedBatch } from "./tracked.ts";
import { Series } from "./series.ts";
import type { SeriesResult } from "./series.ts";
import { Sketch } from "./sketch.ts";
import type { Distribution } from "./sketch.ts";
import { latencyBounds } from "./tasks.ts";
import { SlotTable, widen } from "./slots.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";

/** Buckets of one proc's series, and procs that have one; the busiest are told first. */
const PROC_BUCKETS = 120;
const MAX_PROC_SERIES = 256;
const MAX_GOMAXPROCS_CHANGES = 1024;
const MAX_THREADS = 1 << 16;

/** What made a goroutine runnable. `before` is a wait that began before the trace. */
const causes = ["created", "unblocked", "preempted", "syscall", "before"] as const;
type Cause = (typeof causes)[number];
/** Events that no version makes a goroutine runnable by. */
const OTHER = causes.indexOf("before");
const causeOf = new Map<number, Cause>([
  [Ev.GoCreate, "created"],
  [Ev.GoCreateBlocked, "created"],
  [Ev.GoUnblock, "unblocked"],
  [Ev.GoSwitch, "unblocked"],
  [Ev.GoSwitchDestroy, "unblocked"],
  [Ev.GoStop, "preempted"],
  [Ev.GoSyscallEndBlocked, "syscall"],
  [Ev.GoStatus, "before"],
  [Ev.GoStatusStack, "before"],
]);

export interface SchedulerResult {
  /** Every wait for a proc that ended in the trace. */
  readonly latency: Distribution;
  /** How many waits fall into each bucket of `latencyBounds`. */
  readonly histogram: readonly number[];
  /** The same by what made the goroutine runnable; `preempted` includes runtime.Gosched. */
  readonly by_cause: Readonly<Record<string, Distribution>>;
  /** Goroutines that could run and did not. */
  readonly run_queue: SeriesResult;
  readonly run_queue_mean: number;
  readonly run_queue_max: number;
  /** ns for which more goroutines were runnable than there are procs. */
  readonly overloaded_ns: number;
  /** Proc-ns idle while as many goroutines were runnable: time to wake procs, not lack of them. */
  readonly idle_while_runnable_ns: number;
  readonly running: SeriesResult;
  readonly in_syscall: SeriesResult;
  readonly gomaxprocs: readonly { readonly at_ns: number; readonly procs: number }[];
  readonly procs: readonly ProcRow[];
  /** Threads seen. */
  readonly threads: number;
}

export interface ProcRow {
  readonly proc: number;
  /** ns for which a thread held it. */
  readonly running_ns: number;
  /** Share of the trace. */
  readonly utilization: number;
  /** 0 to 1 over time; null beyond the first 256 procs. */
  readonly running: SeriesResult | null;
}

export class SchedulerPass implements Pass {
  readonly #byCause: readonly Sketch[] = causes.map(() => new Sketch());
  /** Index of a cause by event type. */
  readonly #cause = new Uint8Array(256).fill(OTHER);
  readonly #queue = new Series();
  readonly #running = new Series();
  readonly #syscalls = new Series();
  #runnable = 0;
  #executing = 0;
  #inSyscall = 0;
  #overloaded = 0;
  #idleWhileRunnable = 0;
  /** When runnable or the number of idle procs last changed. */
  #changed = NaN;

  // By proc.
  #procState = new Uint8Array(64);
  #procSince = new Float64Array(64);
  #procTotal = new Float64Array(64);
  readonly #procSeries: Series[] = [];
  #procsSeen = 0;
  #procsRunning = 0;
  #gomaxprocs = 0;
  readonly #changes: { at_ns: number; procs: number }[] = [];
  readonly #threads = new SlotTable();
  #lastThread = -1;

  constructor() {
    for (const [type, cause] of causeOf) this.#cause[type] = causes.indexOf(cause);
  }

  onBatch(batch: TrackedBatch, tracker: GoroutineTracker): void {
    const { slot, since, beganBy, columns } = batch;
    const { length, type, from, to, time, m } = columns;
    if (Number.isNaN(this.#changed)) {
      this.#changed = tracker.startTime;
      for (const series of [this.#queue, this.#running, this.#syscalls]) series.begin(tracker.startTime);
    }
    for (let i = 0; i < length; i++) {
      const thread = m[i]!;
      if (thread !== this.#lastThread) this.#seeThread(thread);
      if (slot[i]! >= 0) {
        const left = from[i]!;
        const entered = to[i]!;
        const at = time[i]!;
        if (left === GoState.Runnable) {
          const wait = at - since[i]!;
          this.#byCause[this.#cause[beganBy[i]!]!]!.add(wait);
          this.#settle(at);
          this.#queue.set(at, --this.#runnable);
        } else if (left === GoState.Running) this.#running.set(at, --this.#executing);
        else if (left === GoState.Syscall) this.#syscalls.set(at, --this.#inSyscall);
        if (entered === GoState.Runnable) {
          this.#settle(at);
          this.#queue.set(at, ++this.#runnable);
        } else if (entered === GoState.Running) this.#running.set(at, ++this.#executing);
        else if (entered === GoState.Syscall) this.#syscalls.set(at, ++this.#inSyscall);
        continue;
      }
      const kind = type[i]!;
      if (kind >= Ev.ProcStart && kind <= Ev.ProcStatus) {
        if (from[i] !== to[i]) this.#proc(columns.subject[i]!, to[i]!, time[i]!);
      } else if (kind === Ev.ProcsChange) this.#setProcs(columns.arg0[i]!, time[i]!, tracker);
      else if (kind === Ev.Sync && columns.arg0[i] === 1) this.#reset(time[i]!);
    }
  }

  #seeThread(thread: number): void {
    this.#lastThread = thread;
    if (thread === -1 || this.#threads.find(thread) >= 0) return;
    if (this.#threads.count < MAX_THREADS) this.#threads.insert(thread);
  }

  /** Adds what was so since the last change. */
  #settle(time: number): void {
    const ns = time - this.#changed;
    this.#changed = time;
    const procs = this.#gomaxprocs === 0 ? this.#procsSeen : this.#gomaxprocs;
    if (this.#runnable > procs) this.#overloaded += ns;
    const idle = procs - this.#procsRunning;
    if (idle > 0 && this.#runnable > 0) this.#idleWhileRunnable += ns * Math.min(idle, this.#runnable);
  }

  #proc(proc: number, to: number, time: number): void {
    if (proc >= this.#procState.length) {
      const length = Math.max(proc + 1, this.#procState.length * 2);
      this.#procState = widen(this.#procState, new Uint8Array(length));
      this.#procSince = widen(this.#procSince, new Float64Array(length));
      this.#procTotal = widen(this.#procTotal, new Float64Array(length));
    }
    if (proc >= this.#procsSeen) this.#procsSeen = proc + 1;
    const known = this.#procState[proc]!;
    if (known === to) return;
    this.#settle(time);
    if (known === ProcState.Running) {
      this.#procTotal[proc]! += time - this.#procSince[proc]!;
      this.#procsRunning--;
    }
    if (to === ProcState.Running) this.#procsRunning++;
    this.#procState[proc] = to;
    this.#procSince[proc] = time;
    if (proc >= MAX_PROC_SERIES) return;
    let series = this.#procSeries[proc];
    if (series === undefined) {
      series = new Series(PROC_BUCKETS);
      this.#procSeries[proc] = series;
    }
    series.set(time, to === ProcState.Running ? 1 : 0);
  }

  #setProcs(procs: number, time: number, tracker: GoroutineTracker): void {
    if (procs === this.#gomaxprocs) return;
    this.#settle(time);
    this.#gomaxprocs = procs;
    if (this.#changes.length < MAX_GOMAXPROCS_CHANGES)
      this.#changes.push({ at_ns: time - tracker.startTime, procs });
  }

  /** After a gap all is mentioned anew. */
  #reset(time: number): void {
    this.#settle(time);
    this.#runnable = 0;
    this.#executing = 0;
    this.#inSyscall = 0;
    for (const series of [this.#queue, this.#running, this.#syscalls]) series.set(time, 0);
    for (let proc = 0; proc < this.#procsSeen; proc++)
      if (this.#procState[proc] !== 0) this.#proc(proc, 0, time);
  }

  finish(tracker: GoroutineTracker): void {
    if (Number.isNaN(this.#changed)) return;
    this.#settle(tracker.lastTime);
    for (let proc = 0; proc < this.#procsSeen; proc++) {
      if (this.#procState[proc] !== ProcState.Running) continue;
      this.#procTotal[proc]! += tracker.lastTime - this.#procSince[proc]!;
      this.#procSince[proc] = tracker.lastTime;
    }
  }

  result(tracker: GoroutineTracker): SchedulerResult {
    const duration = tracker.lastTime - tracker.startTime;
    const procs: ProcRow[] = [];
    for (let proc = 0; proc < this.#procsSeen; proc++) {
      const running = this.#procTotal[proc]!;
      procs.push({
        proc,
        running_ns: running,
        utilization: duration > 0 ? running / duration : 0,
        running: this.#procSeries[proc]?.result(tracker) ?? null,
      });
    }
    const queue = this.#queue.result(tracker);
    const latency = new Sketch();
    for (const sketch of this.#byCause) latency.merge(sketch);
    return {
      latency: latency.distribution(),
      histogram: latency.histogram(latencyBounds),
      by_cause: Object.fromEntries(causes.map((cause, i) => [cause, this.#byCause[i]!.distribution()])),
      run_queue: queue,
      run_queue_mean: this.#queue.mean(),
      run_queue_max: this.#queue.max(),
      overloaded_ns: this.#overloaded,
      idle_while_runnable_ns: this.#idleWhileRunnable,
      running: this.#running.result(tracker),
      in_syscall: this.#syscalls.result(tracker),
      gomaxprocs: this.#changes,
      procs,
      threads: this.#threads.count,
    };
  }
}
