/**
 * Mutator utilization over time: the share of the procs that the garbage collector leaves to the program. Rules of Go's
 * MutatorUtilizationV2 (internal/trace/gc.go), one function for all procs.
 *
 * Where Go is wrong this is right by default: its count for background workers rises at a worker's GoStart and again at
 * the label that follows, but falls once when the worker stops. From the second time a worker runs its proc counts as
 * collecting forever, and the utilization with the Background option sticks at 0. `compat` repeats that.
 */

import { Ev, GoState } from "../trace/spec.ts";
import type { TrackedBatch } from "./tracked.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";
import { widen } from "./slots.ts";

/** What counts as not left to the program. */
export interface UtilizationOptions {
  /** Stop-the-world of the GC. */
  readonly stw?: boolean;
  /** Background mark workers, but for those that run on idle procs. */
  readonly background?: boolean;
  readonly assist?: boolean;
  readonly sweep?: boolean;
  /** Count as Go does, errors included. */
  readonly compat?: boolean;
}

/** Points a function may have; beyond, neighbours become their mean (`resolution`). */
const MAX_POINTS = 1 << 19;

/** A step function: utilization `values[i]` holds from `times[i]` to `times[i + 1]`; the last point ends it. */
export interface Utilization {
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** ns below which steps were averaged; 0: none were. */
  readonly resolution: number;
}

export class UtilizationPass implements Pass {
  readonly #stw: boolean;
  readonly #background: boolean;
  readonly #assist: boolean;
  readonly #sweep: boolean;
  readonly #compat: boolean;

  #stops = 0;
  #procs = 0;
  /** What collects on each proc; and how many procs that is so for. */
  #collecting = new Int32Array(64);
  #collectingProcs = 0;
  /** By goroutine slot: 1 in a mark assist, 2 a background worker. */
  #role = new Uint8Array(256);
  #syncs = 0;
  /** GOMAXPROCS at each change, for what is found late to have been so from the start. */
  readonly #procChanges: { readonly time: number; readonly procs: number }[] = [];

  #times = new Float64Array(1024);
  #values = new Float64Array(1024);
  #count = 0;
  #resolution = 0;

  constructor(options: UtilizationOptions = {}) {
    this.#stw = options.stw ?? true;
    this.#background = options.background ?? true;
    this.#assist = options.assist ?? true;
    this.#sweep = options.sweep ?? true;
    this.#compat = options.compat ?? false;
  }

  onBatch(batch: TrackedBatch, tracker: GoroutineTracker): void {
    const { slot, columns } = batch;
    const { length, type, from, to, time, p } = columns;
    if (this.#role.length < tracker.capacity)
      this.#role = widen(this.#role, new Uint8Array(tracker.capacity));
    for (let i = 0; i < length; i++) {
      const s = slot[i]!;
      if (s >= 0) {
        if (this.#role[s] === 0 || this.#procs === 0) continue;
        const was = from[i] === GoState.Running || from[i] === GoState.Syscall;
        const is = to[i] === GoState.Running || to[i] === GoState.Syscall;
        if (was === is) continue;
        this.#collect(p[i]!, is ? 1 : -1);
        this.#point(time[i]!);
        continue;
      }
      const kind = type[i]!;
      if (kind >= Ev.STWBegin && kind <= Ev.GoLabel) this.#rare(batch, i, kind, tracker);
      else if (kind === Ev.ProcsChange) this.#setProcs(columns.arg0[i]!, time[i]!);
      else if (kind === Ev.Sync) this.#syncs++;
    }
    for (let k = 0; k < tracker.deathCount; k++) this.#role[tracker.deaths[k]!] = 0;
  }

  /** Ranges and labels. */
  #rare(batch: TrackedBatch, i: number, kind: number, tracker: GoroutineTracker): void {
    if (this.#procs === 0) return;
    const { columns } = batch;
    const time = columns.time[i]!;
    const proc = columns.p[i]!;
    switch (kind) {
      case Ev.STWBegin:
      case Ev.STWEnd:
        if (!this.#stw || !columns.generation.strings.get(columns.arg0[i]!).includes("GC")) return;
        this.#stops += kind === Ev.STWBegin ? 1 : -1;
        break;
      case Ev.GCSweepActive:
        if (!this.#sweep || this.#syncs > 1) return;
        this.#sinceStart();
        this.#collect(this.#compat ? proc : columns.subject[i]!, 1);
        break;
      case Ev.GCSweepBegin:
      case Ev.GCSweepEnd:
        if (!this.#sweep) return;
        this.#collect(proc, kind === Ev.GCSweepBegin ? 1 : -1);
        break;
      case Ev.GCMarkAssistActive: {
        if (!this.#assist || this.#syncs > 1) return;
        const subject = tracker.slots.find(columns.subject[i]!);
        // A goroutine that waits in an assist does not run on a proc.
        const state = subject < 0 ? 0 : this.#stateAt(batch, i, subject, tracker);
        if (subject >= 0) this.#role[subject]! |= 1;
        const executing = state === GoState.Running || state === GoState.Syscall;
        if (executing) this.#sinceStart();
        // Go counts the proc that tells of a waiting one, too.
        else if (!this.#compat) return;
        this.#collect(proc, 1);
        break;
      }
      case Ev.GCMarkAssistBegin:
      case Ev.GCMarkAssistEnd: {
        if (!this.#assist) return;
        this.#collect(proc, kind === Ev.GCMarkAssistBegin ? 1 : -1);
        const subject = tracker.slots.find(columns.subject[i]!);
        if (subject < 0) break;
        if (kind === Ev.GCMarkAssistBegin) this.#role[subject]! |= 1;
        else this.#role[subject]! &= ~1;
        break;
      }
      case Ev.GoLabel: {
        if (!this.#background) return;
        const label = columns.generation.strings.get(columns.arg0[i]!);
        if (!label.startsWith("GC ") || label === "GC (idle)") {
          if (!this.#compat) this.#unlabel(proc, tracker.slots.find(columns.g[i]!));
          break;
        }
        const worker = tracker.slots.find(columns.g[i]!);
        const known = worker >= 0 && (this.#role[worker]! & 2) !== 0;
        if (worker >= 0) this.#role[worker]! |= 2;
        if (!known || this.#compat) this.#collect(proc, 1);
        break;
      }
      default:
        return;
    }
    this.#point(time);
  }

  /** A worker that is started on an idle proc this time: that takes nothing from the program. */
  #unlabel(proc: number, worker: number): void {
    if (worker < 0 || (this.#role[worker]! & 2) === 0) return;
    this.#role[worker]! &= ~2;
    this.#collect(proc, -1);
  }

  /** The state of a goroutine at a row, from the rows of the batch before it. */
  #stateAt(batch: TrackedBatch, row: number, slot: number, tracker: GoroutineTracker): number {
    for (let i = row + 1; i < batch.columns.length; i++)
      if (batch.slot[i] === slot) return batch.columns.from[i]!;
    return tracker.state[slot]!;
  }

  #collect(proc: number, change: 1 | -1): void {
    if (proc < 0) return;
    if (proc >= this.#collecting.length) {
      this.#collecting = widen(
        this.#collecting,
        new Int32Array(Math.max(proc + 1, this.#collecting.length * 2)),
      );
    }
    const was = this.#collecting[proc]! > 0;
    this.#collecting[proc]! += change;
    const is = this.#collecting[proc]! > 0;
    if (was !== is && proc < this.#procs) this.#collectingProcs += is ? 1 : -1;
  }

  #setProcs(procs: number, time: number): void {
    if (procs !== this.#procs) this.#procChanges.push({ time, procs });
    for (let proc = procs; proc < this.#procs; proc++)
      if (proc < this.#collecting.length) this.#collecting[proc] = 0;
    const first = this.#procs === 0;
    this.#procs = procs;
    this.#collectingProcs = 0;
    for (let proc = 0; proc < Math.min(procs, this.#collecting.length); proc++) {
      if (this.#collecting[proc]! > 0) this.#collectingProcs++;
    }
    if (first) this.#push(time, 1);
    this.#point(time);
  }

  /** What is found now has been so from the start: each point so far had one proc less. */
  #sinceStart(): void {
    let change = 0;
    for (let i = 0; i < this.#count; i++) {
      while (change < this.#procChanges.length - 1 && this.#procChanges[change + 1]!.time < this.#times[i]!)
        change++;
      this.#values[i] = Math.max(0, this.#values[i]! - 1 / this.#procChanges[change]!.procs);
    }
  }

  #point(time: number): void {
    const busy = this.#stops > 0 ? this.#procs : this.#collectingProcs;
    const value = 1 - busy / this.#procs;
    if (value !== this.#values[this.#count - 1]) this.#push(time, value);
  }

  #push(time: number, value: number): void {
    if (this.#count === this.#times.length) {
      if (this.#count >= MAX_POINTS) this.#coarsen();
      else {
        this.#times = widen(this.#times, new Float64Array(this.#count * 2));
        this.#values = widen(this.#values, new Float64Array(this.#count * 2));
      }
    }
    this.#times[this.#count] = time;
    this.#values[this.#count++] = value;
  }

  /** Halves the points by making steps shorter than a resolution one step of their mean. */
  #coarsen(): void {
    const span = this.#times[this.#count - 1]! - this.#times[0]!;
    this.#resolution = Math.max(this.#resolution * 2, Math.ceil((span / this.#count) * 2));
    while (this.#count > MAX_POINTS / 2) {
      let kept = 0;
      for (let i = 0; i < this.#count - 1;) {
        const begin = this.#times[i]!;
        let area = 0;
        let end = begin;
        while (i < this.#count - 1 && end - begin < this.#resolution) {
          area += this.#values[i]! * (this.#times[i + 1]! - this.#times[i]!);
          end = this.#times[++i]!;
        }
        this.#times[kept] = begin;
        this.#values[kept++] = area / (end - begin);
      }
      this.#times[kept] = this.#times[this.#count - 1]!;
      this.#values[kept++] = this.#values[this.#count - 1]!;
      this.#count = kept;
      if (this.#count > MAX_POINTS / 2) this.#resolution *= 2;
    }
  }

  /** The function up to the trace's end; undefined if GOMAXPROCS was never told. */
  result(tracker: GoroutineTracker): Utilization | undefined {
    if (this.#count === 0) return undefined;
    const count = this.#count;
    // Go leaves out what follows the last change if that was to 0.
    const last =
      this.#values[count - 1] === 0 && (this.#compat || this.#times[count - 1]! >= tracker.lastTime);
    const times = new Float64Array(last ? count : count + 1);
    const values = new Float64Array(times.length);
    times.set(this.#times.subarray(0, count));
    values.set(this.#values.subarray(0, count));
    if (!last) times[count] = tracker.lastTime;
    return { times, values, resolution: this.#resolution };
  }
}
