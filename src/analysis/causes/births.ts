/** Who creates goroutines, how many of them end, and where those wait that do not: a leak is what only grows. */

import { GoState } from "../../trace/spec.ts";
import { widen } from "../slots.ts";
import type { GoroutineTracker } from "../tracker.ts";
import { told } from "./sites.ts";
import type { Sites, ToldFrame } from "./sites.ts";

/** Creating stacks told apart. */
const MAX_PLACES = 4096;
const MAX_TOLD = 50;
const MAX_IDS = 10;
/** Waiting as long at the trace's end, a goroutine does not seem to go on. */
export const STALE_NS = 100_000_000;

export interface BirthRow {
  /** Start function. */
  readonly group: string;
  /** The function that creates them. */
  readonly creator: string;
  readonly created: number;
  readonly ended: number;
  readonly first_at_ns: number;
  readonly last_at_ns: number;
  /** Of those alive at the end, how many have waited for at least 100 ms. */
  readonly stale: number;
  /** How most of these wait, and some of their ids. */
  readonly stale_function: string;
  readonly stale_stack: readonly ToldFrame[];
  readonly goroutines: readonly number[];
  readonly create_stack: readonly ToldFrame[];
}

interface Place {
  readonly stack: number;
  group: number;
  created: number;
  ended: number;
  readonly first: number;
  last: number;
  stale: number;
  readonly staleStacks: Map<number, number>;
  readonly ids: number[];
}

export class Births {
  readonly #places: Place[] = [];
  readonly #ofStack = new Map<number, number>();
  /** By slot: place + 1. */
  #place = new Int32Array(256);

  reserve(capacity: number): void {
    if (this.#place.length < capacity) this.#place = widen(this.#place, new Int32Array(capacity));
  }

  /** One that is older than the trace, or whose creator is not told. */
  unknown(slot: number): void {
    this.#place[slot] = 0;
  }

  born(slot: number, stack: number, group: number, time: number): void {
    let place = this.#ofStack.get(stack);
    if (place === undefined) {
      if (this.#places.length >= MAX_PLACES) {
        this.#place[slot] = 0;
        return;
      }
      place = this.#places.length;
      this.#places.push({
        stack,
        group,
        created: 0,
        ended: 0,
        first: time,
        last: time,
        stale: 0,
        staleStacks: new Map(),
        ids: [],
      });
      this.#ofStack.set(stack, place);
    }
    const row = this.#places[place]!;
    row.created++;
    row.last = time;
    this.#place[slot] = place + 1;
  }

  ends(slot: number): void {
    const place = this.#place[slot]! - 1;
    if (place >= 0) this.#places[place]!.ended++;
    this.#place[slot] = 0;
  }

  /** The trace is over. */
  finish(tracker: GoroutineTracker): void {
    const byId = [...tracker.alive()].sort((a, b) => tracker.slots.id(a) - tracker.slots.id(b));
    for (const slot of byId) {
      const row = this.#places[(this.#place[slot] ?? 0) - 1];
      if (row === undefined) continue;
      if (tracker.state[slot] !== GoState.Waiting || tracker.lastTime - tracker.since[slot]! < STALE_NS)
        continue;
      row.stale++;
      row.staleStacks.set(tracker.ownStack[slot]!, (row.staleStacks.get(tracker.ownStack[slot]!) ?? 0) + 1);
      if (row.ids.length < MAX_IDS) row.ids.push(tracker.slots.id(slot));
    }
  }

  /** Most that wait first. */
  result(sites: Sites, tracker: GoroutineTracker): BirthRow[] {
    return this.#places
      .toSorted((a, b) => b.stale - a.stale || b.created - a.created)
      .slice(0, MAX_TOLD)
      .map((place) => {
        const [stale] = [...place.staleStacks].sort(([, a], [, b]) => b - a)[0] ?? [0];
        return {
          group: tracker.groups.text(place.group),
          creator: sites.names.text(sites.of(place.stack, tracker.stacks)),
          created: place.created,
          ended: place.ended,
          first_at_ns: place.first - tracker.startTime,
          last_at_ns: place.last - tracker.startTime,
          stale: place.stale,
          stale_function: sites.names.text(sites.of(stale, tracker.stacks)),
          stale_stack: told(stale, tracker.stacks),
          goroutines: place.ids,
          create_stack: told(place.stack, tracker.stacks),
        };
      });
  }
}
