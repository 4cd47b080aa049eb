/**
 * Goroutine analysis: time by state, summed by start function as Go's Summarizer does, with what its page lacks:
 * how that time is distributed over the goroutines and over the single intervals, and the worst goroutines.
 */

import { GoState } from "../trace/spec.ts";
import type { TrackedBatch } from "./tracked.ts";
import { Sketch } from "./sketch.ts";
import type { Distribution } from "./sketch.ts";
import { widen } from "./slots.ts";
import { timeName, timeSplit } from "./split.ts";
import type { TimeSplit } from "./split.ts";
import type { RangePass } from "./ranges.ts";
import { Time } from "./goroutine-table.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";
import { Worst } from "./worst.ts";

/** One goroutine. Times are ns after the trace's start; `end_at_ns` is null if it is alive at the trace's end. */
export interface GoroutineRow extends TimeSplit {
  readonly id: number;
  readonly start_at_ns: number;
  /** It is older than the trace. */
  readonly began_before: boolean;
  readonly end_at_ns: number | null;
  readonly total_ns: number;
  readonly range_ns: Readonly<Record<string, number>>;
}

/** What the worst goroutines of a group are chosen by. */
type WorstBy = "total" | "exec" | "sched_wait" | "blocked";

/** All goroutines of one start function. The first nine fields are Go's own numbers, sums over the goroutines. */
export interface GoroutineGroup extends TimeSplit {
  /** Start function; "" where no stack says it. */
  readonly name: string;
  readonly count: number;
  readonly range_ns: Readonly<Record<string, number>>;
  readonly total_ns: number;
  /** A runtime goroutine, by Go's rule: no name, or one that begins with `runtime.` and is not `runtime.main`. */
  readonly system: boolean;
  /** Alive at the trace's end. */
  readonly alive: number;
  /** By kind of time (and `total`): over the goroutines that spent any, how much each spent. */
  readonly per_goroutine: Readonly<Record<string, Distribution>>;
  /** By kind of time: over single uninterrupted intervals that ended in the trace. */
  readonly per_interval: Readonly<Record<string, Distribution>>;
  readonly worst: Readonly<Record<WorstBy, readonly GoroutineRow[]>>;
}

interface Group {
  count: number;
  alive: number;
  total: number;
  sums: Float64Array;
  readonly totals: Sketch;
  readonly perGoroutine: (Sketch | undefined)[];
  readonly ranges: Map<string, number>;
  readonly byTotal: Worst<GoroutineRow>;
  readonly byExec: Worst<GoroutineRow>;
  readonly bySched: Worst<GoroutineRow>;
  readonly byBlocked: Worst<GoroutineRow>;
}

export class GoroutinePass implements Pass {
  readonly #groups: (Group | undefined)[] = [];
  readonly #ranges: RangePass;
  readonly #worst: number;
  #scratch = new Float64Array(64);

  /** @param worst goroutines kept of each group, for each of `WorstBy`. */
  constructor(ranges: RangePass, worst: number) {
    this.#ranges = ranges;
    this.#worst = worst;
  }

  onBatch(_batch: TrackedBatch, tracker: GoroutineTracker): void {
    for (let k = 0; k < tracker.deathCount; k++) {
      const dead = tracker.deaths[k]!;
      this.#add(dead, tracker.ended[dead]!, false, tracker);
    }
  }

  finish(tracker: GoroutineTracker): void {
    for (const slot of tracker.alive()) {
      // One that was not mentioned after a gap in the trace is gone since then.
      const lost = tracker.state[slot] === GoState.Undetermined;
      this.#add(slot, lost ? tracker.since[slot]! : tracker.lastTime, !lost, tracker);
    }
  }

  /** A goroutine is over, or the trace is: its times go to its group. */
  #add(slot: number, end: number, alive: boolean, tracker: GoroutineTracker): void {
    tracker.intervals?.settle(slot, tracker.group[slot]!);
    const group = this.#groups[tracker.group[slot]!] ?? this.#group(tracker.group[slot]!);
    const { stride, timeKinds } = tracker;
    if (this.#scratch.length < stride) this.#scratch = new Float64Array(stride * 2);
    const times = this.#scratch;
    if (group.sums.length < stride) group.sums = widen(group.sums, new Float64Array(stride));
    const { sums, perGoroutine } = group;
    if (alive) {
      tracker.goSnapshot(slot, end, times);
      for (let kind = 0; kind < timeKinds; kind++) sums[kind]! += times[kind]!;
    }
    tracker.snapshot(slot, end, times, 0);
    const total = end - tracker.created[slot]!;
    let blocked = times[Time.syscallBlock]!;
    for (let kind = 0; kind < timeKinds; kind++) {
      const ns = times[kind]!;
      if (ns === 0) continue;
      if (!alive) sums[kind]! += ns;
      if (kind >= Time.wait) blocked += ns;
      (perGoroutine[kind] ??= new Sketch()).addFrom(times, kind);
    }
    group.totals.add(total);
    group.total += total;
    group.count++;
    if (alive) group.alive++;
    const ranges = this.#ranges.take(slot, end);
    if (ranges !== undefined) {
      for (const [name, ns] of Object.entries(ranges))
        group.ranges.set(name, (group.ranges.get(name) ?? 0) + ns);
    }
    const exec = times[Time.exec]!;
    const sched = times[Time.sched]!;
    const { byTotal, byExec, bySched, byBlocked } = group;
    const takes =
      byTotal.takes(total) ||
      (exec > 0 && byExec.takes(exec)) ||
      (sched > 0 && bySched.takes(sched)) ||
      (blocked > 0 && byBlocked.takes(blocked));
    if (!takes) return;
    const row: GoroutineRow = {
      id: tracker.slots.id(slot),
      start_at_ns: tracker.created[slot]! - tracker.startTime,
      began_before: tracker.old[slot] === 1,
      end_at_ns: alive ? null : end - tracker.startTime,
      ...timeSplit(times, 0, tracker),
      total_ns: total,
      range_ns: ranges ?? {},
    };
    byTotal.add(total, row);
    if (exec > 0) byExec.add(exec, row);
    if (sched > 0) bySched.add(sched, row);
    if (blocked > 0) byBlocked.add(blocked, row);
  }

  #group(id: number): Group {
    return (this.#groups[id] = {
      count: 0,
      alive: 0,
      total: 0,
      sums: new Float64Array(12),
      totals: new Sketch(),
      perGoroutine: [],
      ranges: new Map(),
      byTotal: new Worst(this.#worst),
      byExec: new Worst(this.#worst),
      bySched: new Worst(this.#worst),
      byBlocked: new Worst(this.#worst),
    });
  }

  /** The groups by name. */
  result(tracker: GoroutineTracker): GoroutineGroup[] {
    const rows: GoroutineGroup[] = [];
    this.#groups.forEach((group, id) => {
      if (group === undefined || group.count === 0) return;
      const name = tracker.groups.text(id);
      const distributions = (sketches: readonly (Sketch | undefined)[]): Record<string, Distribution> => {
        const byName: Record<string, Distribution> = {};
        sketches.forEach((sketch, kind) => {
          if (sketch !== undefined) byName[timeName(kind, tracker)] = sketch.distribution();
        });
        return byName;
      };
      rows.push({
        name,
        count: group.count,
        ...timeSplit(group.sums, 0, tracker),
        range_ns: Object.fromEntries(group.ranges),
        total_ns: group.total,
        system: isSystemGoroutine(name),
        alive: group.alive,
        per_goroutine: { total: group.totals.distribution(), ...distributions(group.perGoroutine) },
        per_interval: distributions(tracker.intervals?.of(id) ?? []),
        worst: {
          total: group.byTotal.items,
          exec: group.byExec.items,
          sched_wait: group.bySched.items,
          blocked: group.byBlocked.items,
        },
      });
    });
    return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** Go's IsSystemGoroutine: by its start function. */
export function isSystemGoroutine(name: string): boolean {
  return name === "" || (name !== "runtime.main" && name.startsWith("runtime."));
}
