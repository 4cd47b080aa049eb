/** The garbage collector: cycles, stop-the-world pauses by kind, mark assists, sweeping, and the heap over time. */

import type { EventColumns } from "../trace/columns.ts";
import { Ev } from "../trace/spec.ts";
import { Series } from "./series.ts";
import type { SeriesResult } from "./series.ts";
import { Sketch } from "./sketch.ts";
import type { Distribution } from "./sketch.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";
import { Worst } from "./worst.ts";

/** Cycles told one by one: the first ones; all count in `mark` and `cycles`. */
const MAX_CYCLES = 1000;
const MAX_STW_KINDS = 64;
const WORST_PAUSES = 20;
/** A heap goal above this means that there is none (GOGC=off). */
const NO_GOAL = 2 ** 50;

export interface GcCycle {
  /** Null: the mark phase began before the trace. */
  readonly begin_at_ns: number | null;
  /** Null: it was on at the trace's end. */
  readonly end_at_ns: number | null;
}

export interface StwPause {
  readonly kind: string;
  readonly goroutine: number;
  readonly begin_at_ns: number;
  readonly total_ns: number;
}

export interface GcResult {
  /** Mark phases that were seen, wholly or in part. */
  readonly cycle_count: number;
  readonly cycles: readonly GcCycle[];
  /** Mark phases that began and ended in the trace. */
  readonly mark: Distribution;
  /** Of the trace's time, for which a mark phase was on. */
  readonly mark_share: number;
  readonly assist: Distribution;
  readonly sweep: Distribution;
  readonly swept_bytes: number;
  readonly reclaimed_bytes: number;
  /** Pauses by kind, all of them, not the GC's alone. */
  readonly stw: Readonly<Record<string, Distribution>>;
  readonly stw_total_ns: number;
  readonly worst_pauses: readonly StwPause[];
  /** Bytes of objects on the heap. */
  readonly heap: SeriesResult;
  /** The heap size at which the next cycle ends; null where there is none. */
  readonly goal: SeriesResult;
}

export class GcPass implements Pass {
  readonly types = [
    Ev.GCActive,
    Ev.GCBegin,
    Ev.GCEnd,
    Ev.STWBegin,
    Ev.STWEnd,
    Ev.GCMarkAssistBegin,
    Ev.GCMarkAssistEnd,
    Ev.GCSweepBegin,
    Ev.GCSweepEnd,
    Ev.HeapAlloc,
    Ev.HeapGoal,
    Ev.Sync,
  ];
  readonly #cycles: { begin_at_ns: number | null; end_at_ns: number | null }[] = [];
  #cycleCount = 0;
  /** Since when a mark phase is on, NaN if none is; and whether it was seen to begin. */
  #marking = NaN;
  #began = false;
  #markTime = 0;
  readonly #mark = new Sketch();
  readonly #assist = new Sketch();
  readonly #sweep = new Sketch();
  /** When assists began, by goroutine, and sweeps, by proc. */
  readonly #assists = new Map<number, number>();
  readonly #sweeps = new Map<number, number>();
  #swept = 0;
  #reclaimed = 0;
  /** By goroutine: one that stops the world does so once at a time, but several may be at it. */
  readonly #stops = new Map<number, number>();
  readonly #stw = new Map<string, Sketch>();
  #stwTotal = 0;
  readonly #worst = new Worst<StwPause>(WORST_PAUSES);
  readonly #heap = new Series();
  readonly #goal = new Series();

  onRow(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    const time = columns.time[i]!;
    const subject = columns.subject[i]!;
    switch (columns.type[i]) {
      case Ev.GCActive:
      case Ev.GCBegin:
        this.#begin(columns.type[i] === Ev.GCBegin, time, tracker);
        break;
      case Ev.GCEnd:
        this.#end(time, true, tracker);
        break;
      case Ev.STWBegin:
        this.#stops.set(columns.g[i]!, time);
        break;
      case Ev.STWEnd:
        this.#started(columns, i, time, tracker);
        break;
      case Ev.GCMarkAssistBegin:
        this.#assists.set(subject, time);
        break;
      case Ev.GCMarkAssistEnd:
        close(this.#assists, subject, time, this.#assist);
        break;
      case Ev.GCSweepBegin:
        this.#sweeps.set(subject, time);
        break;
      case Ev.GCSweepEnd:
        close(this.#sweeps, subject, time, this.#sweep);
        this.#swept += columns.arg0[i]!;
        this.#reclaimed += columns.arg1[i]!;
        break;
      case Ev.HeapAlloc:
        this.#heap.set(time, columns.arg0[i]!);
        break;
      case Ev.HeapGoal:
        this.#goal.set(time, columns.arg0[i]! > NO_GOAL ? NaN : columns.arg0[i]!);
        break;
      default:
        this.#sync(columns, i, tracker);
    }
  }

  #sync(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    if (Number.isNaN(this.#heap.level)) {
      this.#heap.begin(tracker.startTime);
      this.#goal.begin(tracker.startTime);
    }
    if (columns.arg0[i] !== 1) return;
    // Events are missing: nothing that was in progress is known to have ended.
    if (!Number.isNaN(this.#marking)) this.#end(columns.time[i]!, false, tracker);
    this.#assists.clear();
    this.#sweeps.clear();
    this.#stops.clear();
  }

  #begin(began: boolean, time: number, tracker: GoroutineTracker): void {
    if (!Number.isNaN(this.#marking)) return;
    this.#began = began;
    this.#marking = began ? time : tracker.syncTime;
    this.#cycleCount++;
    if (this.#cycles.length >= MAX_CYCLES) return;
    this.#cycles.push({ begin_at_ns: began ? time - tracker.startTime : null, end_at_ns: null });
  }

  #end(time: number, ended: boolean, tracker: GoroutineTracker): void {
    if (Number.isNaN(this.#marking)) return;
    this.#markTime += time - this.#marking;
    if (this.#began && ended) this.#mark.add(time - this.#marking);
    if (ended && this.#cycleCount === this.#cycles.length)
      this.#cycles.at(-1)!.end_at_ns = time - tracker.startTime;
    this.#marking = NaN;
  }

  #started(columns: EventColumns, i: number, time: number, tracker: GoroutineTracker): void {
    const goroutine = columns.g[i]!;
    const begin = this.#stops.get(goroutine);
    if (begin === undefined) return;
    this.#stops.delete(goroutine);
    let kind = columns.generation.strings.get(columns.arg0[i]!);
    if (!this.#stw.has(kind) && this.#stw.size >= MAX_STW_KINDS) kind = "(other kinds)";
    let sketch = this.#stw.get(kind);
    if (sketch === undefined) this.#stw.set(kind, (sketch = new Sketch()));
    const total = time - begin;
    sketch.add(total);
    this.#stwTotal += total;
    if (!this.#worst.takes(total)) return;
    this.#worst.add(total, { kind, goroutine, begin_at_ns: begin - tracker.startTime, total_ns: total });
  }

  finish(tracker: GoroutineTracker): void {
    if (!Number.isNaN(this.#marking)) this.#end(tracker.lastTime, false, tracker);
  }

  result(tracker: GoroutineTracker): GcResult {
    const duration = tracker.lastTime - tracker.startTime;
    return {
      cycle_count: this.#cycleCount,
      cycles: this.#cycles,
      mark: this.#mark.distribution(),
      mark_share: duration > 0 ? this.#markTime / duration : 0,
      assist: this.#assist.distribution(),
      sweep: this.#sweep.distribution(),
      swept_bytes: this.#swept,
      reclaimed_bytes: this.#reclaimed,
      stw: Object.fromEntries([...this.#stw].map(([kind, sketch]) => [kind, sketch.distribution()])),
      stw_total_ns: this.#stwTotal,
      worst_pauses: this.#worst.items,
      heap: this.#heap.result(tracker),
      goal: this.#goal.result(tracker),
    };
  }
}

function close(open: Map<number, number>, key: number, time: number, into: Sketch): void {
  const begin = open.get(key);
  if (begin === undefined) return;
  open.delete(key);
  into.add(time - begin);
}
