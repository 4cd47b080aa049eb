/** CPU profile samples: how many there are by goroutine group and by stack. Only there if a CPU profile ran as well. */

import { Ev } from "../trace/spec.ts";
import type { EventColumns } from "../trace/columns.ts";
import { widen } from "./slots.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";

/** ns between samples of one thread at the runtime's fixed rate of 100 Hz; the trace does not tell the rate. */
export const SAMPLE_PERIOD_NS = 10_000_000;
const TOP_STACKS = 100;

export interface SamplesResult {
  readonly count: number;
  /** Share of the samples that were taken in no goroutine (scheduler, signal handling, C). */
  readonly without_goroutine: number;
  readonly by_group: readonly { readonly name: string; readonly count: number }[];
  /** The most frequent stacks, functions leaf first. */
  readonly top: readonly { readonly stack: readonly string[]; readonly count: number }[];
}

export class SamplePass implements Pass {
  readonly types = [Ev.CPUSample];
  #count = 0;
  #withoutGoroutine = 0;
  /** By stack, and by group. */
  #stacks = new Uint32Array(256);
  #groups = new Uint32Array(256);

  onRow(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    this.#count++;
    const stack = tracker.stacks.of(columns.stack[i]!);
    while (stack >= this.#stacks.length)
      this.#stacks = widen(this.#stacks, new Uint32Array(this.#stacks.length * 2));
    this.#stacks[stack]!++;
    const slot = columns.g[i] === -1 ? -1 : tracker.slots.find(columns.g[i]!);
    if (slot < 0) {
      this.#withoutGoroutine++;
      return;
    }
    const group = tracker.group[slot]!;
    while (group >= this.#groups.length)
      this.#groups = widen(this.#groups, new Uint32Array(this.#groups.length * 2));
    this.#groups[group]!++;
  }

  /** Samples by stack number, for a pprof file. */
  *byStack(): Generator<{ readonly stack: number; readonly count: number }, void, undefined> {
    for (let stack = 0; stack < this.#stacks.length; stack++) {
      if (this.#stacks[stack]! > 0) yield { stack, count: this.#stacks[stack]! };
    }
  }

  result(tracker: GoroutineTracker): SamplesResult {
    const groups = [...this.#groups].map((count, group) => ({ name: tracker.groups.text(group), count }));
    const top = [...this.byStack()].sort((a, b) => b.count - a.count).slice(0, TOP_STACKS);
    return {
      count: this.#count,
      without_goroutine: this.#withoutGoroutine,
      by_group: groups.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count),
      top: top.map(({ stack, count }) => ({
        stack: tracker.stacks.resolve(stack).map(({ func }) => func),
        count,
      })),
    };
  }
}
