/**
 * How long single intervals in a state are, by group of goroutines and kind of time. The kernel counts most of them in
 * tallies; the others come here row by row.
 */

import { GoState } from "../trace/spec.ts";
import { Time, timeKind } from "./goroutine-table.ts";
import type { Arena } from "./kernel/arena.ts";
import { TALLY_KINDS_BITS } from "./kernel/layout.ts";
import { Sketch } from "./sketch.ts";
import { widen } from "./slots.ts";
import type { Tallies } from "./tally.ts";
import type { TrackedBatch } from "./tracked.ts";

/** Intervals of one goroutine that are kept until it has a name; with more it counts as having none. */
const MAX_UNNAMED = 16;

export class Intervals {
  readonly #arena: Arena;
  readonly #tallies: Tallies;
  readonly #sketches: (Sketch | undefined)[][] = [];
  /** Intervals of goroutines that have no name yet, by slot. */
  readonly #unnamed = new Map<number, { readonly kind: number; readonly ns: number }[]>();
  /** Addresses of tallies by group and kind, for the kernel. */
  #addresses: Int32Array;

  constructor(arena: Arena, tallies: Tallies) {
    this.#arena = arena;
    this.#tallies = tallies;
    this.#addresses = arena.i32(64 << TALLY_KINDS_BITS);
    arena.onMove(() => (this.#addresses = arena.moved(this.#addresses)));
  }

  get addresses(): Int32Array {
    return this.#addresses;
  }

  /** The interval that ends in row i, of a goroutine whose group is 0 as long as it has no name. */
  end(batch: TrackedBatch, i: number, group: number): void {
    if (group === 0 || this.#unnamed.size > 0) {
      this.#endUnnamed(batch, i, group);
      if (group === 0) return;
    }
    const { since, reason, procLost, columns } = batch;
    const { from, time } = columns;
    const state = from[i]!;
    if (state === GoState.Syscall) {
      const lost = procLost[i]!;
      if (lost === lost) {
        this.#sketch(group, Time.syscallBlock).addSpan(procLost, time, i);
        this.#sketch(group, Time.syscall).addSpan(since, procLost, i);
        return;
      }
    }
    const kind = timeKind(state, state === GoState.Waiting ? reason[i]! : 0);
    const sketch = this.#sketch(group, kind);
    sketch.addSpan(since, time, i);
    if (!sketch.isExact) this.#tally(group, kind, sketch);
  }

  /** A goroutine is over: its intervals that wait for a name wait no longer. */
  settle(slot: number, group: number): void {
    if (this.#unnamed.size === 0) return;
    const waiting = this.#unnamed.get(slot);
    if (waiting !== undefined) this.#name(slot, group, waiting);
  }

  /** By kind of time, those of a group. After `tallies.settle`. */
  of(group: number): readonly (Sketch | undefined)[] {
    return this.#sketches[group] ?? [];
  }

  #sketch(group: number, kind: number): Sketch {
    return ((this.#sketches[group] ??= [])[kind] ??= new Sketch());
  }

  #tally(group: number, kind: number, sketch: Sketch): void {
    const at = (group << TALLY_KINDS_BITS) + kind;
    if (at < this.#addresses.length && this.#addresses[at] !== 0) return;
    const address = this.#tallies.give(sketch);
    if (address === 0) return;
    if (at >= this.#addresses.length) {
      const length = Math.max((group + 1) << TALLY_KINDS_BITS, this.#addresses.length * 2);
      this.#addresses = widen(this.#addresses, this.#arena.i32(length));
    }
    this.#addresses[at] = address;
  }

  /** An interval of a goroutine without a name waits for one; when there is one, so do no longer those that waited. */
  #endUnnamed(batch: TrackedBatch, i: number, group: number): void {
    const slot = batch.slot[i]!;
    const waiting = this.#unnamed.get(slot);
    if (group !== 0) {
      if (waiting !== undefined) this.#name(slot, group, waiting);
      return;
    }
    const { from, time } = batch.columns;
    const lost = from[i] === GoState.Syscall ? batch.procLost[i]! : NaN;
    const end = time[i]!;
    const list = waiting ?? [];
    if (waiting === undefined) this.#unnamed.set(slot, list);
    const begin = batch.since[i]!;
    if (lost === lost)
      list.push({ kind: Time.syscallBlock, ns: end - lost }, { kind: Time.syscall, ns: lost - begin });
    else list.push({ kind: timeKind(from[i]!, batch.reason[i]!), ns: end - begin });
    // Never to be named, as it seems.
    if (list.length > MAX_UNNAMED) this.#name(slot, 0, list);
  }

  /** Intervals of a goroutine go to its group. */
  #name(
    slot: number,
    group: number,
    intervals: readonly { readonly kind: number; readonly ns: number }[],
  ): void {
    for (const { kind, ns } of intervals) this.#sketch(group, kind).add(ns);
    this.#unnamed.delete(slot);
  }
}
