/**
 * User tasks: by type, and the worst ones in detail. A task lives from its first mention to its end; what is kept of one
 * that lives is bounded, and at its end only the worst of a type stay.
 *
 * A task's time is split by what the goroutine that began it did between begin and end: it sums to the latency.
 */

import type { EventColumns } from "../trace/columns.ts";
import type { Generation } from "../trace/generation.ts";
import { Ev } from "../trace/spec.ts";
import { IdSet } from "./idset.ts";
import { NameIndex, Names } from "./names.ts";
import type { TrackedBatch } from "./tracked.ts";
import type { RegionListener } from "./regions.ts";
import { Sketch } from "./sketch.ts";
import type { Distribution } from "./sketch.ts";
import { SlotTable, widen } from "./slots.ts";
import { timeSplit } from "./split.ts";
import type { TimeSplit } from "./split.ts";
import { restrided } from "./goroutine-table.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";
import { Worst } from "./worst.ts";

const MAX_TASK_NAMES = 4096;
/** Kept of one task: logs, regions, children, goroutines; `*_count` says how many there were. */
export const MAX_TASK_DETAILS = 32;

/** Upper bounds of the latency histogram's buckets: 1, 2, 5 × 10^n ns from 1 µs to 100 s. */
export const latencyBounds: readonly number[] = Array.from({ length: 8 }, (_, n) =>
  [1, 2, 5].map((step) => step * 10 ** (n + 3)),
).flat();

export interface TaskLog {
  readonly at_ns: number;
  readonly goroutine: number;
  readonly category: string;
  readonly message: string;
}

export interface TaskRegion {
  readonly name: string;
  readonly goroutine: number;
  readonly begin_at_ns: number;
  readonly total_ns: number;
}

/** One of the worst tasks of a type. Times `…_at_ns` are ns after the trace's start. */
export interface TaskRow extends TimeSplit {
  readonly id: number;
  readonly name: string;
  /** Null for none. */
  readonly parent: number | null;
  readonly begin_at_ns: number;
  /** Null if it was open at the trace's end. */
  readonly end_at_ns: number | null;
  readonly total_ns: number;
  /** The goroutine that began it, whose time is split. */
  readonly goroutine: number;
  /** Of `total_ns`, what comes after that goroutine's end. */
  readonly unknown_ns: number;
  readonly children: readonly number[];
  readonly child_count: number;
  readonly logs: readonly TaskLog[];
  readonly log_count: number;
  /** Those that ended before the task did. */
  readonly regions: readonly TaskRegion[];
  readonly region_count: number;
  readonly goroutines: readonly number[];
  /** At least: beyond the bound of those kept, they cannot be told from those seen. */
  readonly goroutine_count: number;
}

/** All tasks of one type. `count`, `complete`, `total_ns` and `max_ns` are as Go's Summarizer gives them. */
export interface TaskGroup {
  /** "" for tasks that began before the trace, and for the background task. */
  readonly name: string;
  readonly count: number;
  /** Begun and ended in the trace. */
  readonly complete: number;
  /** Of the complete ones. */
  readonly total_ns: number;
  readonly max_ns: number;
  readonly latency: Distribution;
  /** How many complete ones took less than 1 µs, 1–2 µs, 2–5 µs, … 50 s or more: see `latencyBounds`. */
  readonly histogram: readonly number[];
  /** Time of the complete ones by state. */
  readonly split: TimeSplit;
  /** By latency. */
  readonly worst: readonly TaskRow[];
  /** Not ended at the trace's end, oldest first. */
  readonly open: readonly TaskRow[];
}

interface Group {
  count: number;
  complete: number;
  readonly latency: Sketch;
  split: Float64Array;
  readonly worst: Worst<TaskRow>;
  readonly open: Worst<TaskRow>;
}

/** What is kept of a live task beside the numbers. Used again by the next task of the slot. */
interface Details {
  parent: number;
  readonly children: number[];
  childCount: number;
  /** Texts are string indexes of the current generation until it ends. */
  readonly logs: { at: number; goroutine: number; category: string | number; message: string | number }[];
  logCount: number;
  readonly regions: { name: string; goroutine: number; begin: number; total: number }[];
  regionCount: number;
  readonly goroutines: number[];
  goroutineOverflow: number;
}

export class TaskPass implements Pass, RegionListener {
  readonly types = [Ev.UserTaskBegin, Ev.UserTaskEnd, Ev.UserLog];
  readonly #names = new Names(MAX_TASK_NAMES, "(other tasks)", [""]);
  readonly #index = new NameIndex(this.#names);
  readonly #groups: (Group | undefined)[] = [];
  readonly #worst: number;
  readonly #ended = new IdSet();
  #generation: Generation | undefined;

  readonly #slots = new SlotTable();
  // By slot of a task.
  #begin = new Float64Array(256);
  #name = new Int32Array(256);
  #owner = new Float64Array(256);
  /** Slot of the goroutine that began it, −1 once that is gone. */
  #ownerSlot = new Int32Array(256);
  #times: Float64Array = new Float64Array(256 * 12);
  #stride = 12;
  readonly #details: Details[] = [];
  /** Tasks begun by a goroutine that are open, by goroutine slot. */
  #owned = new Int32Array(256);
  #scratch = new Float64Array(64);

  constructor(worst: number) {
    this.#worst = worst;
  }

  onGeneration(generation: Generation): void {
    // The texts of live tasks' logs go with the old generation's tables.
    for (let slot = 0; slot < this.#slots.used; slot++) if (this.#slots.id(slot) !== -1) this.#resolve(slot);
    this.#generation = generation;
    this.#index.enter(generation);
  }

  onRow(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    const id = columns.subject[i]!;
    const goroutine = columns.g[i]!;
    switch (columns.type[i]) {
      case Ev.UserTaskBegin: {
        const slot = this.#mention(id, goroutine);
        if (slot < 0) return;
        this.#name[slot] = this.#index.of(columns.arg1[i]!);
        this.#begin[slot] = columns.time[i]!;
        this.#own(slot, goroutine, columns.time[i]!, tracker);
        this.#adopt(slot, columns.arg0[i]!);
        break;
      }
      case Ev.UserTaskEnd: {
        const slot = this.#mention(id, goroutine);
        if (slot < 0) return;
        this.#name[slot] = this.#index.of(columns.arg1[i]!);
        this.#adopt(slot, columns.arg0[i]!);
        this.#end(slot, columns.time[i]!, true, tracker);
        break;
      }
      default: {
        const slot = this.#mention(id, goroutine);
        if (slot < 0) return;
        const details = this.#details[slot]!;
        details.logCount++;
        if (details.logs.length < MAX_TASK_DETAILS) {
          details.logs.push({
            at: columns.time[i]!,
            goroutine,
            category: columns.arg0[i]!,
            message: columns.arg1[i]!,
          });
        }
      }
    }
  }

  regionBegan(task: number, goroutine: number): void {
    const slot = this.#mention(task, goroutine);
    if (slot >= 0) this.#details[slot]!.regionCount++;
  }

  regionEnded(task: number, goroutine: number, name: string, begin: number, end: number): void {
    const slot = this.#slots.find(task);
    if (slot < 0) return;
    const { regions } = this.#details[slot]!;
    if (regions.length < MAX_TASK_DETAILS) regions.push({ name, goroutine, begin, total: end - begin });
  }

  onBatch(_batch: TrackedBatch, tracker: GoroutineTracker): void {
    if (this.#owned.length < tracker.capacity)
      this.#owned = widen(this.#owned, new Int32Array(tracker.capacity));
    for (let k = 0; k < tracker.deathCount; k++) {
      const goroutine = tracker.deaths[k]!;
      if (this.#owned[goroutine] === 0) continue;
      // It ended before tasks it began did: their split ends here.
      for (let slot = 0; slot < this.#slots.used; slot++) {
        if (this.#slots.id(slot) === -1 || this.#ownerSlot[slot] !== goroutine) continue;
        this.#settle(slot, tracker.ended[goroutine]!, tracker);
        this.#ownerSlot[slot] = -1;
      }
      this.#owned[goroutine] = 0;
    }
  }

  finish(tracker: GoroutineTracker): void {
    for (let slot = 0; slot < this.#slots.used; slot++) {
      if (this.#slots.id(slot) !== -1) this.#end(slot, tracker.lastTime, false, tracker);
    }
  }

  /** The slot of a task that an event names; −1 for one that is over. */
  #mention(id: number, goroutine: number): number {
    if (id < 0) return -1;
    let slot = this.#slots.find(id);
    if (slot < 0) {
      if (this.#ended.has(id)) return -1;
      slot = this.#slots.insert(id);
      if (slot >= this.#begin.length) this.#grow(this.#slots.capacity);
      this.#begin[slot] = NaN;
      this.#name[slot] = 0;
      this.#owner[slot] = -1;
      this.#ownerSlot[slot] = -1;
      this.#clear(slot);
    }
    if (goroutine === -1) return slot;
    const details = this.#details[slot]!;
    const { goroutines } = details;
    if (goroutines.at(-1) === goroutine || goroutines.includes(goroutine)) return slot;
    if (goroutines.length < MAX_TASK_DETAILS) goroutines.push(goroutine);
    else details.goroutineOverflow++;
    return slot;
  }

  #clear(slot: number): void {
    const known = this.#details[slot];
    if (known === undefined) {
      this.#details[slot] = {
        parent: -1,
        children: [],
        childCount: 0,
        logs: [],
        logCount: 0,
        regions: [],
        regionCount: 0,
        goroutines: [],
        goroutineOverflow: 0,
      };
      return;
    }
    known.parent = -1;
    known.childCount = 0;
    known.logCount = 0;
    known.regionCount = 0;
    known.goroutineOverflow = 0;
    for (const list of [known.children, known.logs, known.regions, known.goroutines])
      if (list.length > 0) list.length = 0;
  }

  /** The goroutine that begins a task: its time from now on is the task's. */
  #own(slot: number, goroutine: number, time: number, tracker: GoroutineTracker): void {
    const owner = tracker.slots.find(goroutine);
    this.#owner[slot] = goroutine;
    this.#ownerSlot[slot] = owner;
    if (owner < 0) return;
    if (this.#stride < tracker.stride) {
      this.#times = restrided(this.#times, this.#stride, tracker.stride, this.#begin.length);
      this.#stride = tracker.stride;
    }
    if (this.#owned.length < tracker.capacity)
      this.#owned = widen(this.#owned, new Int32Array(tracker.capacity));
    this.#owned[owner]!++;
    // Kept negative: what is added at the end makes it the difference.
    const at = slot * this.#stride;
    tracker.snapshot(owner, time, this.#times, at);
    for (let kind = 0; kind < this.#stride; kind++) this.#times[at + kind] = -this.#times[at + kind]!;
  }

  /** Adds the owner's time up to `time`. */
  #settle(slot: number, time: number, tracker: GoroutineTracker): void {
    if (this.#scratch.length < tracker.stride) this.#scratch = new Float64Array(tracker.stride);
    if (this.#stride < tracker.stride) {
      this.#times = restrided(this.#times, this.#stride, tracker.stride, this.#begin.length);
      this.#stride = tracker.stride;
    }
    tracker.snapshot(this.#ownerSlot[slot]!, time, this.#scratch, 0);
    const at = slot * this.#stride;
    for (let kind = 0; kind < this.#stride; kind++) this.#times[at + kind]! += this.#scratch[kind]!;
  }

  #adopt(slot: number, parent: number): void {
    const details = this.#details[slot]!;
    if (parent === -1 || details.parent !== -1) return;
    details.parent = parent;
    const parentSlot = this.#mention(parent, -1);
    if (parentSlot < 0) return;
    const { children } = this.#details[parentSlot]!;
    this.#details[parentSlot]!.childCount++;
    if (children.length < MAX_TASK_DETAILS) children.push(this.#slots.id(slot));
  }

  /** A task is over, or the trace is. */
  #end(slot: number, time: number, ended: boolean, tracker: GoroutineTracker): void {
    const id = this.#slots.id(slot);
    const begin = this.#begin[slot]!;
    const group = (this.#groups[this.#name[slot]!] ??= {
      count: 0,
      complete: 0,
      latency: new Sketch(),
      split: new Float64Array(12),
      worst: new Worst<TaskRow>(this.#worst),
      open: new Worst<TaskRow>(this.#worst),
    });
    group.count++;
    if (begin === begin) {
      const owner = this.#ownerSlot[slot]!;
      if (owner >= 0) {
        this.#settle(slot, time, tracker);
        this.#owned[owner]!--;
      }
      const total = time - begin;
      if (ended) {
        group.complete++;
        group.latency.add(total);
        if (group.split.length < this.#stride)
          group.split = widen(group.split, new Float64Array(this.#stride));
        const at = slot * this.#stride;
        const kinds = Math.min(tracker.timeKinds, this.#stride);
        for (let kind = 0; kind < kinds; kind++) group.split[kind]! += this.#times[at + kind]!;
      }
      const worst = ended ? group.worst : group.open;
      if (worst.takes(total)) worst.add(total, this.#row(slot, time, ended, tracker));
    }
    if (ended) this.#ended.add(id);
    this.#slots.remove(slot);
  }

  #row(slot: number, time: number, ended: boolean, tracker: GoroutineTracker): TaskRow {
    this.#resolve(slot);
    const details = this.#details[slot]!;
    const begin = this.#begin[slot]!;
    const at = slot * this.#stride;
    const times = this.#times.subarray(at, at + this.#stride);
    const start = tracker.startTime;
    const total = time - begin;
    return {
      id: this.#slots.id(slot),
      name: this.#names.text(this.#name[slot]!),
      parent: details.parent === -1 ? null : details.parent,
      begin_at_ns: begin - start,
      end_at_ns: ended ? time - start : null,
      total_ns: total,
      goroutine: this.#owner[slot]!,
      ...timeSplit(times, 0, tracker),
      unknown_ns:
        this.#ownerSlot[slot]! >= 0 ? 0 : Math.max(0, total - times.reduce((sum, ns) => sum + ns, 0)),
      children: [...details.children],
      child_count: details.childCount,
      logs: details.logs.map(({ at: logged, goroutine, category, message }) => ({
        at_ns: logged - start,
        goroutine,
        category: String(category),
        message: String(message),
      })),
      log_count: details.logCount,
      regions: details.regions.map((region) => ({
        name: region.name,
        goroutine: region.goroutine,
        begin_at_ns: region.begin - start,
        total_ns: region.total,
      })),
      region_count: details.regionCount,
      goroutines: [...details.goroutines],
      goroutine_count: details.goroutines.length + (details.goroutineOverflow > 0 ? 1 : 0),
    };
  }

  /** Log texts of a task from the generation they are in. */
  #resolve(slot: number): void {
    if (this.#generation === undefined) return;
    const { strings } = this.#generation;
    for (const log of this.#details[slot]!.logs) {
      if (typeof log.category === "number") log.category = strings.get(log.category);
      if (typeof log.message === "number") log.message = strings.get(log.message);
    }
  }

  #grow(length: number): void {
    this.#begin = widen(this.#begin, new Float64Array(length));
    this.#name = widen(this.#name, new Int32Array(length));
    this.#owner = widen(this.#owner, new Float64Array(length));
    this.#ownerSlot = widen(this.#ownerSlot, new Int32Array(length));
    this.#times = widen(this.#times, new Float64Array(length * this.#stride));
  }

  result(tracker: GoroutineTracker): TaskGroup[] {
    return this.#groups
      .flatMap((group, id): TaskGroup[] => {
        if (group === undefined) return [];
        return [
          {
            name: this.#names.text(id),
            count: group.count,
            complete: group.complete,
            total_ns: group.latency.sum,
            max_ns: group.latency.max,
            latency: group.latency.distribution(),
            histogram: group.latency.histogram(latencyBounds),
            split: timeSplit(group.split, 0, tracker),
            worst: group.worst.items,
            open: group.open.items,
          },
        ];
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
