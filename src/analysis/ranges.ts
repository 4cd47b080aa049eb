/** Special ranges (mark assist, sweep, stop-the-world) by goroutine, as Go's Summarizer attributes them. */

import type { EventColumns } from "../trace/columns.ts";
import { rangeName } from "../trace/events.ts";
import { Ev, kindOf } from "../trace/spec.ts";
import { Names } from "./names.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";

/** Range names told apart; all but the kinds of stop-the-world (20 in Go 1.27) are known. */
const MAX_RANGES = 256;

const ON_PROC: readonly number[] = [Ev.GCSweepBegin, Ev.GCSweepActive, Ev.GCSweepEnd];

interface OpenRange {
  /** When it began, NaN if it is not in progress. */
  since: number;
  /** ns of those that ended. */
  sum: number;
}

export class RangePass implements Pass {
  readonly types = [
    Ev.STWBegin,
    Ev.STWEnd,
    Ev.GCActive,
    Ev.GCBegin,
    Ev.GCEnd,
    Ev.GCSweepActive,
    Ev.GCSweepBegin,
    Ev.GCSweepEnd,
    Ev.GCMarkAssistActive,
    Ev.GCMarkAssistBegin,
    Ev.GCMarkAssistEnd,
  ];
  readonly #names = new Names(MAX_RANGES, "(other ranges)");
  readonly #begins = new Map<string, number>();
  /** By slot, then range. Only goroutines that were in any. */
  readonly #ofSlot = new Map<number, (OpenRange | undefined)[]>();
  /** Slot of the goroutine that a sweep began on, by proc; with its goroutine's id, since slots are used again. */
  readonly #onProc = new Map<number, { readonly slot: number; readonly id: number }>();

  onRow(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    const type = columns.type[i]!;
    const name = rangeName(columns, i);
    const kind = kindOf(type);
    if (kind === "RangeBegin") this.#begins.set(name, (this.#begins.get(name) ?? 0) + 1);
    if (type === Ev.GCActive || type === Ev.GCBegin || type === Ev.GCEnd) return;
    const time = columns.time[i]!;
    const slot =
      kind === "RangeEnd" ? this.#ending(columns, i, tracker) : this.#beginning(columns, i, tracker);
    if (slot < 0) return;
    const ranges = this.#ofSlot.get(slot);
    const range = this.#names.id(name);
    if (kind === "RangeEnd") {
      const open = ranges?.[range];
      if (open === undefined || Number.isNaN(open.since)) return;
      open.sum += time - open.since;
      open.since = NaN;
      return;
    }
    const list = ranges ?? [];
    if (ranges === undefined) this.#ofSlot.set(slot, list);
    const open = (list[range] ??= { since: NaN, sum: 0 });
    if (kind === "RangeBegin") open.since = time;
    else {
      // In progress since before the generation.
      if (!Number.isNaN(open.since)) open.sum += tracker.syncTime - open.since;
      open.since = tracker.syncTime;
    }
  }

  #beginning(columns: EventColumns, i: number, tracker: GoroutineTracker): number {
    if (!ON_PROC.includes(columns.type[i]!)) return tracker.slots.find(columns.subject[i]!);
    const id = columns.g[i]!;
    const slot = tracker.slots.find(id);
    if (slot >= 0) this.#onProc.set(columns.subject[i]!, { slot, id });
    return slot;
  }

  /** A range of a proc counts for a goroutine only if it ends on the goroutine it began on. */
  #ending(columns: EventColumns, i: number, tracker: GoroutineTracker): number {
    if (!ON_PROC.includes(columns.type[i]!)) return tracker.slots.find(columns.subject[i]!);
    const proc = columns.subject[i]!;
    const began = this.#onProc.get(proc);
    if (began === undefined) return -1;
    this.#onProc.delete(proc);
    return began.id === columns.g[i] && tracker.slots.id(began.slot) === began.id ? began.slot : -1;
  }

  /** A goroutine's ns by range up to `end`; forgets it. Undefined if it was in none. */
  take(slot: number, end: number): Record<string, number> | undefined {
    if (this.#ofSlot.size === 0) return undefined;
    const ranges = this.#ofSlot.get(slot);
    if (ranges === undefined) return undefined;
    this.#ofSlot.delete(slot);
    const byName: Record<string, number> = {};
    ranges.forEach((open, range) => {
      const ns = (open?.sum ?? 0) + (open !== undefined && !Number.isNaN(open.since) ? end - open.since : 0);
      if (ns !== 0) byName[this.#names.text(range)] = ns;
    });
    return byName;
  }

  /** How many ranges began, by name. */
  get begins(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#begins].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
