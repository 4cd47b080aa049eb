/**
 * Goroutines in the same state through the whole trace, by stack: what was stuck already when the capture began. From Go
 * 1.23 on the trace has the stack of each; before, of none.
 */

import { GoState } from "../trace/spec.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";

const MAX_STACKS_TOLD = 200;
const MAX_IDS = 10;

export interface StuckRow {
  /** `waiting`, `syscall` or `runnable`. */
  readonly state: "waiting" | "syscall" | "runnable";
  /** Their start function. */
  readonly group: string;
  readonly count: number;
  /** Ids of the first ones. */
  readonly goroutines: readonly number[];
  /** Leaf first; empty if the trace has none. */
  readonly stack: readonly { readonly func: string; readonly file: string; readonly line: number }[];
}

export interface StuckResult {
  readonly count: number;
  /** Most goroutines first. */
  readonly rows: readonly StuckRow[];
}

const states = new Map<number, StuckRow["state"]>([
  [GoState.Waiting, "waiting"],
  [GoState.Syscall, "syscall"],
  [GoState.Runnable, "runnable"],
]);

export class StuckPass implements Pass {
  #count = 0;
  readonly #rows = new Map<
    string,
    { state: number; group: number; stack: number; count: number; ids: number[] }
  >();

  finish(tracker: GoroutineTracker): void {
    const byId = [...tracker.alive()].sort((a, b) => tracker.slots.id(a) - tracker.slots.id(b));
    for (const slot of byId) {
      const state = tracker.state[slot]!;
      // Still in the state it was found in.
      if (tracker.old[slot] === 0 || tracker.since[slot] !== tracker.created[slot] || !states.has(state))
        continue;
      this.#count++;
      const group = tracker.group[slot]!;
      const stack = tracker.ownStack[slot]!;
      const key = `${state} ${group} ${stack}`;
      let row = this.#rows.get(key);
      if (row === undefined) this.#rows.set(key, (row = { state, group, stack, count: 0, ids: [] }));
      row.count++;
      if (row.ids.length < MAX_IDS) row.ids.push(tracker.slots.id(slot));
    }
  }

  result(tracker: GoroutineTracker): StuckResult {
    const rows = [...this.#rows.values()]
      .sort((a, b) => b.count - a.count || a.ids[0]! - b.ids[0]!)
      .slice(0, MAX_STACKS_TOLD);
    return {
      count: this.#count,
      rows: rows.map(({ state, group, stack, count, ids }) => ({
        state: states.get(state)!,
        group: tracker.groups.text(group),
        count,
        goroutines: ids,
        stack: tracker.stacks.resolve(stack).map(({ func, file, line }) => ({ func, file, line })),
      })),
    };
  }
}
