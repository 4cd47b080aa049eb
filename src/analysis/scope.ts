/**
 * Which goroutines are inside a chosen task or region at a row. Tasks and regions begin and end while their goroutine
 * runs, so a wait or syscall of it lies wholly inside or wholly outside.
 *
 * A goroutine is in a task while a region of the task is open on it, from when it began the task until that ends, and
 * for life if it was created by a goroutine that was in it. It is in a region while one of the name is open on it.
 */

import type { EventColumns } from "../trace/columns.ts";
import { Ev } from "../trace/spec.ts";
import { widen } from "./slots.ts";
import type { GoroutineTracker } from "./tracker.ts";

export interface Scope {
  /** A task's type, or its id. */
  readonly task?: string | number;
  /** A region's name. */
  readonly region?: string;
}

export class ScopeTracker {
  readonly #task: string | number | undefined;
  readonly #region: string | undefined;
  /** How many matching tasks, and regions, hold each goroutine; by slot. */
  #tasks = new Int32Array(256);
  #regions = new Int32Array(256);
  /** For each open region of a goroutine, innermost last: 1 if it matches the task, 2 if the region. */
  readonly #open = new Map<number, number[]>();
  /** Matching tasks by id, with the slot of the goroutine that began each. */
  readonly #live = new Map<number, { readonly slot: number; readonly goroutine: number }>();

  constructor(scope: Scope) {
    this.#task = scope.task;
    this.#region = scope.region;
  }

  /** Whether there is anything to be in. */
  get active(): boolean {
    return this.#task !== undefined || this.#region !== undefined;
  }

  reserve(tracker: GoroutineTracker): void {
    if (this.#tasks.length >= tracker.capacity) return;
    this.#tasks = widen(this.#tasks, new Int32Array(tracker.capacity));
    this.#regions = widen(this.#regions, new Int32Array(tracker.capacity));
  }

  has(slot: number): boolean {
    if (this.#task !== undefined && this.#tasks[slot] === 0) return false;
    return this.#region === undefined || this.#regions[slot] !== 0;
  }

  forget(slot: number): void {
    this.#tasks[slot] = 0;
    this.#regions[slot] = 0;
    this.#open.delete(slot);
  }

  /** Sees a row that may change who is inside. */
  row(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    const slot = tracker.slots.find(columns.g[i]!);
    if (slot < 0) return;
    const subject = columns.subject[i]!;
    switch (columns.type[i]) {
      case Ev.GoCreate:
      case Ev.GoCreateBlocked:
      case Ev.GoCreateSyscall: {
        const created = tracker.slots.find(subject);
        if (created >= 0 && this.#tasks[slot]! > 0) this.#tasks[created]!++;
        return;
      }
      case Ev.UserTaskBegin:
        if (this.#task !== subject && this.#task !== columns.generation.strings.get(columns.arg1[i]!)) return;
        this.#tasks[slot]!++;
        this.#live.set(subject, { slot, goroutine: columns.g[i]! });
        return;
      case Ev.UserTaskEnd: {
        const live = this.#live.get(subject);
        if (live === undefined) return;
        this.#live.delete(subject);
        if (tracker.slots.id(live.slot) === live.goroutine) this.#tasks[live.slot]!--;
        return;
      }
      case Ev.UserRegionBegin: {
        const inTask = this.#task === subject || this.#live.has(subject) ? 1 : 0;
        const inRegion = this.#region === columns.generation.strings.get(columns.arg0[i]!) ? 2 : 0;
        const list = this.#open.get(slot);
        if (list === undefined) this.#open.set(slot, [inTask | inRegion]);
        else list.push(inTask | inRegion);
        if (inTask !== 0) this.#tasks[slot]!++;
        if (inRegion !== 0) this.#regions[slot]!++;
        return;
      }
      case Ev.UserRegionEnd: {
        const matches = this.#open.get(slot)?.pop() ?? 0;
        if ((matches & 1) !== 0) this.#tasks[slot]!--;
        if ((matches & 2) !== 0) this.#regions[slot]!--;
        return;
      }
      default:
    }
  }
}

/** Rows `ScopeTracker.row` wants to see. */
export const scopeTypes: Uint8Array = new Uint8Array(256);
for (const type of [
  Ev.GoCreate,
  Ev.GoCreateBlocked,
  Ev.GoCreateSyscall,
  Ev.UserTaskBegin,
  Ev.UserTaskEnd,
  Ev.UserRegionBegin,
  Ev.UserRegionEnd,
]) {
  scopeTypes[type] = 1;
}
