/**
 * The scheduler: how long goroutines that could run waited for a proc and why they had become runnable, how many waited
 * at a time, procs that were idle meanwhile, use of each proc, GOMAXPROCS, and goroutines in syscalls.
 */

import type { EventColumns } from "../trace/columns.ts";
import { Ev, GoState, ProcState } from "../trace/spec.ts";
import type { TrackedBatch } from "./tracked.ts";
import { Level, LEVELS, THREAD_MASK, THREADS, WAITS } from "./kernel/layout.ts";
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

/** Whether a row that is no transition means something else than a proc's start or stop: it comes a few times a second. */
function isRare({ type, arg0 }: EventColumns, i: number): boolean {
  return type[i] === Ev.ProcsChange || (type[i] === Ev.Sync && arg0[i] === 1);
}

/** Hands what the kernel made of a level to its series; gives the level. */
function fold(series: Series, at: Float64Array, from: number, time: number): number {
  const level = at[from]!;
  series.fold(time, level, at[from + 1]!, at[from + 2]!, at[from + 3]!);
  return level;
}

export class SchedulerPass implements Pass {
  readonly #byCause: readonly Sketch[] = causes.map(() => new Sketch());
  /** Index of a cause by event type. */
  readonly #cause = new Uint8Array(256).fill(OTHER);
  /** Address of a cause's tally, once it has one. */
  readonly #tallyOf: (number | undefined)[] = [];
  /** Their buckets are the same: time is told to all of them at once. */
  readonly #levels = [new Series(), new Series(), new Series()] as const;
  readonly #queue = this.#levels[0];
  #runnable = 0;
  #executing = 0;
  #inSyscall = 0;
  #overloaded = 0;
  #idleWhileRunnable = 0;
  /** When any of these, or what a proc does, last changed. */
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
  /** One number, in an array since it changes with every other row: a double in a field is an allocation. */
  readonly #lastThread = new Float64Array([-1]);

  constructor() {
    for (const [type, cause] of causeOf) this.#cause[type] = causes.indexOf(cause);
  }

  onBatch(batch: TrackedBatch, tracker: GoroutineTracker): void {
    const { columns } = batch;
    const { length, time } = columns;
    if (Number.isNaN(this.#changed)) {
      this.#changed = tracker.startTime;
      for (const series of this.#levels) series.begin(tracker.startTime);
      tracker.arena.f64At(THREADS, THREAD_MASK + 1).fill(NaN);
    }
    for (let i = 0; i < length;) {
      const at = time[i]!;
      if (at >= this.#queue.bucketEnd) {
        this.#settle(at);
        for (const series of this.#levels) series.hold(at);
      }
      let end = length;
      if (tracker.hasKernel && this.#queue.isKnown && this.#levels[1].isKnown) {
        i = this.#regular(i, tracker);
        // One row that is not regular, and on with the kernel.
        end = Math.min(length, i + 1);
      }
      i = this.#within(batch, i, end, tracker);
      if (i < end && time[i]! < this.#queue.bucketEnd) this.#rare(columns, i++, tracker);
    }
  }

  /** The same with the kernel (kernel/levels.ts), up to a row that is not regular. */
  #regular(first: number, { arena }: GoroutineTracker): number {
    const [queue, running, syscalls] = this.#levels;
    const at = arena.f64At(LEVELS, Level.inSyscall / 8 + 2);
    at[Level.bucketEnd / 8] = queue.bucketEnd;
    at[Level.changed / 8] = this.#changed;
    at[Level.overloaded / 8] = 0;
    at[Level.idleWhileRunnable / 8] = 0;
    at[Level.procs / 8] = this.#procs;
    at[Level.idle / 8] = this.#procs - this.#procsRunning;
    at.set([this.#runnable, 0, Infinity, -Infinity], Level.runnable / 8);
    at.set([this.#executing, 0, Infinity, -Infinity], Level.executing / 8);
    at.set([this.#inSyscall, 0], Level.inSyscall / 8);
    const stop = arena.levels!(first);
    if (stop === first) return stop;
    const changed = at[Level.changed / 8]!;
    this.#changed = changed;
    this.#overloaded += at[Level.overloaded / 8]!;
    this.#idleWhileRunnable += at[Level.idleWhileRunnable / 8]!;
    this.#runnable = fold(queue, at, Level.runnable / 8, changed);
    this.#executing = fold(running, at, Level.executing / 8, changed);
    syscalls.fold(changed, this.#inSyscall, at[Level.inSyscall / 8 + 1]!, Infinity, -Infinity);
    return stop;
  }

  /**
   * The rows from `first` on, up to the next bucket of the series or the next rare row; gives where it stopped. The hot
   * loop: sums are in locals, and go to the series at its end.
   */
  #within(batch: TrackedBatch, first: number, end: number, tracker: GoroutineTracker): number {
    const { slot, since, beganBy, columns } = batch;
    const { type, from, to, time, m, subject } = columns;
    const [queue, running, syscalls] = this.#levels;
    const { bucketEnd } = queue;
    let [runnable, executing, inSyscall] = [this.#runnable, this.#executing, this.#inSyscall];
    let [procs, idle] = [this.#procs, this.#procs - this.#procsRunning];
    let changed = this.#changed;
    let overloaded = 0;
    let idleWhileRunnable = 0;
    let [queueArea, runningArea, syscallArea] = [0, 0, 0];
    let [leastQueue, leastRunning, leastSyscalls] = [Infinity, Infinity, Infinity];
    let [mostQueue, mostRunning, mostSyscalls] = [-Infinity, -Infinity, -Infinity];
    const last = this.#lastThread;
    let i = first;
    for (; i < end; i++) {
      const at = time[i]!;
      const kind = type[i]!;
      const isTransition = slot[i]! >= 0;
      if (at >= bucketEnd || (!isTransition && isRare(columns, i))) break;
      if (m[i] !== last[0]) this.#seeThread(m, i, tracker);
      const left = from[i]!;
      const entered = to[i]!;
      if (!isTransition && (kind < Ev.ProcStart || kind > Ev.ProcStatus || left === entered)) continue;
      const ns = at - changed;
      changed = at;
      runningArea += executing * ns;
      syscallArea += inSyscall * ns;
      if (runnable > 0) {
        queueArea += runnable * ns;
        if (runnable > procs) overloaded += ns;
        if (idle > 0) idleWhileRunnable += ns * (idle < runnable ? idle : runnable);
      }
      if (!isTransition) {
        this.#proc(subject[i]!, entered, time, i);
        [procs, idle] = [this.#procs, this.#procs - this.#procsRunning];
        continue;
      }
      switch (left) {
        case GoState.Runnable:
          this.#waited(beganBy[i]!, since, time, i, tracker);
          if (--runnable < leastQueue) leastQueue = runnable;
          break;
        case GoState.Running:
          if (--executing < leastRunning) leastRunning = executing;
          break;
        case GoState.Syscall:
          if (--inSyscall < leastSyscalls) leastSyscalls = inSyscall;
          break;
        default:
      }
      switch (entered) {
        case GoState.Runnable:
          if (++runnable === 1 && !queue.isKnown) queue.setAt(time, i, 1);
          if (runnable > mostQueue) mostQueue = runnable;
          break;
        case GoState.Running:
          if (++executing === 1 && !running.isKnown) running.setAt(time, i, 1);
          if (executing > mostRunning) mostRunning = executing;
          break;
        case GoState.Syscall:
          if (++inSyscall === 1 && !syscalls.isKnown) syscalls.setAt(time, i, 1);
          if (inSyscall > mostSyscalls) mostSyscalls = inSyscall;
          break;
        default:
      }
    }
    this.#changed = changed;
    this.#overloaded += overloaded;
    this.#idleWhileRunnable += idleWhileRunnable;
    [this.#runnable, this.#executing, this.#inSyscall] = [runnable, executing, inSyscall];
    queue.fold(changed, runnable, queueArea, leastQueue, mostQueue);
    running.fold(changed, executing, runningArea, leastRunning, mostRunning);
    syscalls.fold(changed, inSyscall, syscallArea, leastSyscalls, mostSyscalls);
    return i;
  }

  /** Another number of procs, or a gap in the trace. */
  #rare(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    const time = columns.time[i]!;
    this.#seeThread(columns.m, i, tracker);
    this.#settle(time);
    for (const series of this.#levels) series.hold(time);
    if (columns.type[i] === Ev.Sync) this.#reset(columns.time, i);
    else this.#setProcs(columns.arg0[i]!, time, tracker);
  }

  /** A wait for a proc is over that a row of this type began. */
  #waited(
    beganBy: number,
    since: Float64Array,
    times: Float64Array,
    row: number,
    tracker: GoroutineTracker,
  ): void {
    const cause = this.#cause[beganBy]!;
    const sketch = this.#byCause[cause]!;
    sketch.addSpan(since, times, row);
    if (!tracker.hasKernel || sketch.isExact) return;
    const addresses = tracker.arena.i32At(WAITS, 256);
    if (addresses[beganBy] !== 0) return;
    const address = (this.#tallyOf[cause] ??= tracker.tallies.give(sketch));
    tracker.arena.i32At(WAITS, 256)[beganBy] = address;
  }

  #seeThread(threads: Float64Array, row: number, { hasKernel, arena }: GoroutineTracker): void {
    const thread = threads[row]!;
    this.#lastThread[0] = thread;
    if (hasKernel) arena.f64At(THREADS, THREAD_MASK + 1)[thread & THREAD_MASK] = thread;
    if (thread === -1 || this.#threads.findIn(threads, row) >= 0) return;
    if (this.#threads.count < MAX_THREADS) this.#threads.insert(thread);
  }

  /** GOMAXPROCS, or the procs seen where it is not told. */
  get #procs(): number {
    return this.#gomaxprocs === 0 ? this.#procsSeen : this.#gomaxprocs;
  }

  /** Adds what was so since the last change. */
  #settle(time: number): void {
    const ns = time - this.#changed;
    this.#changed = time;
    if (this.#runnable > this.#procs) this.#overloaded += ns;
    const idle = this.#procs - this.#procsRunning;
    if (idle > 0 && this.#runnable > 0) this.#idleWhileRunnable += ns * Math.min(idle, this.#runnable);
  }

  #proc(proc: number, to: number, times: Float64Array, row: number): void {
    const time = times[row]!;
    if (proc >= this.#procState.length) {
      const length = Math.max(proc + 1, this.#procState.length * 2);
      this.#procState = widen(this.#procState, new Uint8Array(length));
      this.#procSince = widen(this.#procSince, new Float64Array(length));
      this.#procTotal = widen(this.#procTotal, new Float64Array(length));
    }
    if (proc >= this.#procsSeen) this.#procsSeen = proc + 1;
    const known = this.#procState[proc]!;
    if (known === to) return;
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
    this.#gomaxprocs = procs;
    if (this.#changes.length < MAX_GOMAXPROCS_CHANGES)
      this.#changes.push({ at_ns: time - tracker.startTime, procs });
  }

  /** After a gap all is mentioned anew. */
  #reset(times: Float64Array, row: number): void {
    this.#runnable = 0;
    this.#executing = 0;
    this.#inSyscall = 0;
    for (const series of this.#levels) series.setAt(times, row, 0);
    for (let proc = 0; proc < this.#procsSeen; proc++)
      if (this.#procState[proc] !== 0) this.#proc(proc, 0, times, row);
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
      running: this.#levels[1].result(tracker),
      in_syscall: this.#levels[2].result(tracker),
      gomaxprocs: this.#changes,
      procs,
      threads: this.#threads.count,
    };
  }
}
