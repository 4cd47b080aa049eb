/**
 * Who had the processors while others waited for one. Let W(t) be the waiters' time up to t (the integral of how many
 * wait). A goroutine that ran from a to b stood in the way of W(b) − W(a) of it: two reads, no search, whatever the number
 * of waiters. Divided by the sum over all who had a proc, or kept one idle, it is a share of the waiting.
 */

import { widen } from "../slots.ts";
import type { GoroutineTracker } from "../tracker.ts";

const MAX_TOLD = 20;
/** Procs whose idle time is followed. */
const MAX_PROCS = 4096;

export interface OccupantRow {
  /** Start function; `idle procs`: they had not been woken yet. */
  readonly group: string;
  /** Of the waiting. */
  readonly share: number;
  /** That share of the waiting time. */
  readonly wait_ns: number;
}

export interface Occupants {
  /** Waiting for a proc, all of it. */
  readonly wait_ns: number;
  /** Greatest first. */
  readonly by_group: readonly OccupantRow[];
}

/** Which waiters: goroutines with a task or request in progress, or all. Places in a pair. */
const UNITS = 0;
const ALL = 1;
const SETS = [UNITS, ALL] as const;

/** How a goroutine waits for a proc. */
const NOT = 0;
const WAITS = 1;
const WAITS_WITH_UNIT = 2;

export class OccupantCount {
  /** Waiters of each set, and W(t) up to `#time`. */
  #waitersOfUnits = 0;
  #waiters = 0;
  #ofUnits = 0;
  #ofAll = 0;
  #time = NaN;
  /** How it waits, by slot; and both W when it began to run. */
  #waits = new Uint8Array(256);
  #started = new Float64Array(256 * 2);
  /** Both W when the proc went idle, NaN if it is not. */
  #idleSince = new Float64Array(64 * 2).fill(NaN);
  /** ns in the way of each set, by group. */
  #inTheWay = new Float64Array(64 * 2);
  readonly #idle = new Float64Array(2);

  reserve(capacity: number): void {
    if (this.#waits.length >= capacity) return;
    this.#waits = widen(this.#waits, new Uint8Array(capacity));
    this.#started = widen(this.#started, new Float64Array(capacity * 2));
  }

  reset(): void {
    this.#waiters = 0;
    this.#waitersOfUnits = 0;
    this.#waits.fill(NOT);
  }

  /** Time goes on to a row's: before anything is told of it. */
  advance(times: Float64Array, row: number): void {
    const time = times[row]!;
    if (this.#waiters > 0) {
      const ns = time - this.#time;
      this.#ofAll += this.#waiters * ns;
      this.#ofUnits += this.#waitersOfUnits * ns;
    }
    this.#time = time;
  }

  waits(slot: number, hasUnit: boolean): void {
    this.#waiters++;
    if (hasUnit) this.#waitersOfUnits++;
    this.#waits[slot] = hasUnit ? WAITS_WITH_UNIT : WAITS;
  }

  waited(slot: number): void {
    const how = this.#waits[slot]!;
    if (how === NOT) return;
    this.#waiters--;
    if (how === WAITS_WITH_UNIT) this.#waitersOfUnits--;
    this.#waits[slot] = NOT;
  }

  runs(slot: number): void {
    this.#started[slot * 2] = this.#ofUnits;
    this.#started[slot * 2 + 1] = this.#ofAll;
  }

  stops(slot: number, group: number): void {
    const ns = this.#ofAll - this.#started[slot * 2 + 1]!;
    // Nobody waited, so nobody with a task did.
    if (ns === 0) return;
    while (group * 2 >= this.#inTheWay.length)
      this.#inTheWay = widen(this.#inTheWay, new Float64Array(this.#inTheWay.length * 2));
    this.#inTheWay[group * 2]! += this.#ofUnits - this.#started[slot * 2]!;
    this.#inTheWay[group * 2 + 1]! += ns;
  }

  proc(proc: number, isIdle: boolean): void {
    if (proc < 0 || proc >= MAX_PROCS) return;
    while (proc * 2 >= this.#idleSince.length) {
      const length = this.#idleSince.length;
      this.#idleSince = widen(this.#idleSince, new Float64Array(length * 2)).fill(NaN, length);
    }
    this.#endIdle(proc);
    if (!isIdle) return;
    this.#idleSince[proc * 2] = this.#ofUnits;
    this.#idleSince[proc * 2 + 1] = this.#ofAll;
  }

  #endIdle(proc: number): void {
    if (Number.isNaN(this.#idleSince[proc * 2]!)) return;
    this.#idle[UNITS]! += this.#ofUnits - this.#idleSince[proc * 2]!;
    this.#idle[ALL]! += this.#ofAll - this.#idleSince[proc * 2 + 1]!;
    this.#idleSince[proc * 2] = NaN;
  }

  result(tracker: GoroutineTracker): { readonly units: Occupants; readonly all: Occupants } {
    for (let proc = 0; proc * 2 < this.#idleSince.length; proc++) this.#endIdle(proc);
    const [units, all] = SETS.map((set) => this.#tell(set, tracker));
    return { units: units!, all: all! };
  }

  #tell(set: typeof UNITS | typeof ALL, tracker: GoroutineTracker): Occupants {
    const integral = set === UNITS ? this.#ofUnits : this.#ofAll;
    const inTheWay = this.#inTheWay.filter((_, i) => i % 2 === set);
    const idle = this.#idle[set]!;
    const sum = inTheWay.reduce((total, ns) => total + ns, idle);
    const row = (group: string, ns: number): OccupantRow => ({
      group,
      share: sum > 0 ? ns / sum : 0,
      wait_ns: sum > 0 ? Math.round((integral * ns) / sum) : 0,
    });
    const rows = Array.from(inTheWay, (ns, group) => row(tracker.groups.text(group), ns));
    rows.push(row("idle procs", idle));
    return {
      wait_ns: integral,
      by_group: rows
        .filter(({ share }) => share > 0)
        .sort((a, b) => b.share - a.share)
        .slice(0, MAX_TOLD),
    };
  }
}
