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

/** The integrals for one set of waiters. */
class Waiting {
  waiters = 0;
  /** W(t), up to `#time`. */
  integral = 0;
  #time = NaN;
  /** W when the goroutine began to run, by slot; and when the proc went idle. */
  #started = new Float64Array(256);
  #idleSince = new Float64Array(64).fill(NaN);
  /** By group. */
  #inTheWay = new Float64Array(64);
  #idle = 0;

  reserve(capacity: number): void {
    if (this.#started.length < capacity) this.#started = widen(this.#started, new Float64Array(capacity));
  }

  advance(time: number): void {
    if (this.waiters > 0) this.integral += this.waiters * (time - this.#time);
    this.#time = time;
  }

  runs(slot: number): void {
    this.#started[slot] = this.integral;
  }

  stops(slot: number, group: number): void {
    const ns = this.integral - this.#started[slot]!;
    if (ns === 0) return;
    while (group >= this.#inTheWay.length)
      this.#inTheWay = widen(this.#inTheWay, new Float64Array(this.#inTheWay.length * 2));
    this.#inTheWay[group]! += ns;
  }

  idles(proc: number): void {
    while (proc >= this.#idleSince.length) {
      const length = this.#idleSince.length;
      this.#idleSince = widen(this.#idleSince, new Float64Array(length * 2)).fill(NaN, length);
    }
    this.#idleSince[proc] = this.integral;
  }

  works(proc: number): void {
    const since = this.#idleSince[proc] ?? NaN;
    if (since !== since) return;
    this.#idle += this.integral - since;
    this.#idleSince[proc] = NaN;
  }

  result(tracker: GoroutineTracker): Occupants {
    this.#idleSince.forEach((since) => {
      if (since === since) this.#idle += this.integral - since;
    });
    this.#idleSince.fill(NaN);
    const all = this.#inTheWay.reduce((sum, ns) => sum + ns, this.#idle);
    const row = (group: string, ns: number): OccupantRow => ({
      group,
      share: all > 0 ? ns / all : 0,
      wait_ns: all > 0 ? Math.round((this.integral * ns) / all) : 0,
    });
    const rows = Array.from(this.#inTheWay, (ns, group) => row(tracker.groups.text(group), ns));
    rows.push(row("idle procs", this.#idle));
    return {
      wait_ns: this.integral,
      by_group: rows
        .filter(({ share }) => share > 0)
        .sort((a, b) => b.share - a.share)
        .slice(0, MAX_TOLD),
    };
  }
}

/** Both sets: goroutines with a task or request in progress, and all. */
export class OccupantCount {
  readonly #ofUnits = new Waiting();
  readonly #ofAll = new Waiting();
  /** By slot: 1 waits, 3 waits with a unit. */
  #waits = new Uint8Array(256);

  reserve(capacity: number): void {
    if (this.#waits.length < capacity) this.#waits = widen(this.#waits, new Uint8Array(capacity));
    this.#ofUnits.reserve(capacity);
    this.#ofAll.reserve(capacity);
  }

  reset(time: number): void {
    for (const each of [this.#ofUnits, this.#ofAll]) {
      each.advance(time);
      each.waiters = 0;
    }
    this.#waits.fill(0);
  }

  waits(slot: number, hasUnit: boolean, time: number): void {
    this.#ofAll.advance(time);
    this.#ofAll.waiters++;
    this.#waits[slot] = 1;
    if (!hasUnit) return;
    this.#ofUnits.advance(time);
    this.#ofUnits.waiters++;
    this.#waits[slot] = 3;
  }

  waited(slot: number, time: number): void {
    const waits = this.#waits[slot]!;
    if (waits === 0) return;
    this.#ofAll.advance(time);
    this.#ofAll.waiters--;
    if (waits === 3) {
      this.#ofUnits.advance(time);
      this.#ofUnits.waiters--;
    }
    this.#waits[slot] = 0;
  }

  runs(slot: number, time: number): void {
    this.#ofAll.advance(time);
    this.#ofUnits.advance(time);
    this.#ofAll.runs(slot);
    this.#ofUnits.runs(slot);
  }

  stops(slot: number, group: number, time: number): void {
    this.#ofAll.advance(time);
    this.#ofUnits.advance(time);
    this.#ofAll.stops(slot, group);
    this.#ofUnits.stops(slot, group);
  }

  proc(proc: number, isIdle: boolean, time: number): void {
    if (proc < 0 || proc >= MAX_PROCS) return;
    for (const each of [this.#ofAll, this.#ofUnits]) {
      each.advance(time);
      if (isIdle) each.idles(proc);
      else each.works(proc);
    }
  }

  result(tracker: GoroutineTracker): { readonly units: Occupants; readonly all: Occupants } {
    return { units: this.#ofUnits.result(tracker), all: this.#ofAll.result(tracker) };
  }
}
