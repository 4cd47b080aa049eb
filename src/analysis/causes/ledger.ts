/** Tasks and requests that are over: the budget of each type, and the critical paths of its worst ones. */

import { Names } from "../names.ts";
import type { GoroutineTracker } from "../tracker.ts";
import { Worst } from "../worst.ts";
import { Budget } from "./budget.ts";
import type { Band, GrowthRow, SlowSite } from "./budget.ts";
import type { History } from "./history.ts";
import type { Kinds } from "./kinds.ts";
import { PathWalk } from "./path.ts";
import type { PathEnd } from "./path.ts";
import { keep, tellPath } from "./paths.ts";
import type { CriticalPath, WalkedPath } from "./paths.ts";
import type { Sites } from "./sites.ts";
import type { Units } from "./units.ts";

/** Types told apart. */
const MAX_TYPES = 256;
/** Critical paths of each type. */
const WORST_PATHS = 3;
/** Before a type's name: a request found in stacks. No task's name begins so. */
const REQUEST = "\0";
/** Ids of requests begin here; tasks' ids are small. */
export const FIRST_REQUEST = 2 ** 40;

/** All tasks, or requests found in stacks, of one type that began and ended in the trace. */
export interface UnitGroup {
  readonly kind: "task" | "request";
  /** The task's type, or the request's handler. */
  readonly name: string;
  readonly count: number;
  readonly total_ns: number;
  /** Up to the median, to p90, to p99, and beyond. */
  readonly bands: readonly Band[];
  /** The slowest twentieth, at least one. */
  readonly slow: Band;
  /** From p40 to p60. */
  readonly typical: Band;
  /** By what slow ones spend most on. */
  readonly growth: readonly GrowthRow[];
  /** Where slow ones wait, longest first. */
  readonly sites: readonly SlowSite[];
  /** Of the worst ones, worst first. */
  readonly paths: readonly CriticalPath[];
}

interface Type {
  readonly budget: Budget;
  readonly worst: Worst<WalkedPath>;
}

export class Ledger {
  readonly #names = new Names(MAX_TYPES, "(other types)");
  readonly #types: Type[] = [];
  readonly #kinds: Kinds;
  readonly #sites: Sites;
  readonly #history: History;
  readonly #system: (boolean | undefined)[] = [];

  constructor(kinds: Kinds, sites: Sites, history: History) {
    this.#kinds = kinds;
    this.#sites = sites;
    this.#history = history;
  }

  taskType(name: string): number {
    return this.#names.id(name);
  }

  requestType(handler: string): number {
    return this.#names.id(REQUEST + handler);
  }

  /** A unit is over; `from` is where its path ends, undefined if that is not known. */
  ends(units: Units, unit: number, time: number, from: PathEnd | undefined, tracker: GoroutineTracker): void {
    const latency = time - units.begin[unit]!;
    const type = (this.#types[units.type[unit]!] ??= {
      budget: new Budget(),
      worst: new Worst<WalkedPath>(WORST_PATHS),
    });
    type.budget.add(units, unit, latency);
    if (from === undefined || !type.worst.takes(latency)) return;
    const walk = new PathWalk(this.#history, (group) => this.#isSystem(group, tracker));
    const begin = units.begin[unit]!;
    const owner = units.owner[unit]!;
    const id = units.slots.id(unit);
    const path = { id, isRequest: id >= FIRST_REQUEST, owner, begin, end: time };
    type.worst.add(latency, keep(walk.walk(from, begin, owner), path, this.#sites, tracker.stacks));
  }

  #isSystem(group: number, tracker: GoroutineTracker): boolean {
    const name = tracker.groups.text(group);
    return (this.#system[group] ??= name.startsWith("runtime.") && name !== "runtime.main");
  }

  /** Those that took most time in all first. */
  result(tracker: GoroutineTracker): UnitGroup[] {
    const groups: UnitGroup[] = [];
    this.#types.forEach((type, id) => {
      const text = this.#names.text(id);
      const isRequest = text.startsWith(REQUEST);
      const name = isRequest ? text.slice(REQUEST.length) : text;
      groups.push({
        kind: isRequest ? "request" : "task",
        name,
        count: type.budget.count,
        total_ns: type.budget.total,
        bands: type.budget.bands(this.#kinds),
        ...type.budget.cohorts(this.#kinds, this.#sites, tracker.stacks),
        paths: type.worst.items.map((path) => tellPath(path, name, this.#kinds, this.#sites, tracker)),
      });
    });
    return groups.sort((a, b) => b.total_ns - a.total_ns);
  }
}
