/**
 * Fan-out: a goroutine waits (sync.WaitGroup, and what is built on it: errgroup) for goroutines it created. The last one
 * makes it wait longest: how much longer than the last but one?
 */

import { widen } from "../slots.ts";
import type { GoroutineTracker } from "../tracker.ts";
import { Worst } from "../worst.ts";

const MAX_PAIRS = 1024;
const MAX_TOLD = 20;
const WORST_JOINS = 3;
/** Children that make a fan-out. */
const MIN_CHILDREN = 2;

/** One wait for children. */
export interface Join {
  readonly goroutine: number;
  readonly begin_at_ns: number;
  readonly wait_ns: number;
  readonly children: number;
  /** The last of them. */
  readonly straggler: number;
  /** Of the wait, what comes after all other children had ended. */
  readonly alone_ns: number;
}

/** All joins of goroutines of one start function for children of another. */
export interface JoinRow {
  readonly parent: string;
  readonly child: string;
  readonly joins: number;
  readonly children: number;
  readonly wait_ns: number;
  /** Sum over the joins. */
  readonly alone_ns: number;
  readonly worst: readonly Join[];
}

interface Pair {
  readonly parent: number;
  readonly child: number;
  joins: number;
  children: number;
  wait: number;
  alone: number;
  readonly worst: Worst<Join>;
}

export class Joins {
  readonly #pairs = new Map<number, Pair>();
  // By slot. Of a child: its creator.
  #parent = new Float64Array(256).fill(-1);
  #parentSlot = new Int32Array(256);
  // Of a parent: children since its last join, and when one ended last.
  #children = new Int32Array(256);
  #ended = new Float64Array(256).fill(NaN);

  reserve(capacity: number): void {
    const known = this.#parent.length;
    if (known >= capacity) return;
    this.#parent = widen(this.#parent, new Float64Array(capacity)).fill(-1, known);
    this.#parentSlot = widen(this.#parentSlot, new Int32Array(capacity));
    this.#children = widen(this.#children, new Int32Array(capacity));
    this.#ended = widen(this.#ended, new Float64Array(capacity)).fill(NaN, known);
  }

  /** A goroutine appears; its creator is −1 if that is not known. */
  appears(slot: number, creator: number, creatorSlot: number): void {
    this.#parent[slot] = creatorSlot < 0 ? -1 : creator;
    this.#parentSlot[slot] = creatorSlot;
    this.#children[slot] = 0;
    this.#ended[slot] = NaN;
    if (creatorSlot >= 0) this.#children[creatorSlot]!++;
  }

  ends(slot: number, time: number, tracker: GoroutineTracker): void {
    const parent = this.#parentSlot[slot]!;
    if (this.#parent[slot] !== -1 && tracker.slots.id(parent) === this.#parent[slot])
      this.#ended[parent] = time;
  }

  /** A wait for a group is over. @param child slot of the goroutine that ended it. @param groups by slot. */
  joined(
    slot: number,
    begin: number,
    end: number,
    child: number,
    groups: Int32Array,
    tracker: GoroutineTracker,
  ): void {
    const children = this.#children[slot]!;
    const last = this.#ended[slot]!;
    this.#children[slot] = 0;
    this.#ended[slot] = NaN;
    const goroutine = tracker.slots.id(slot);
    if (children < MIN_CHILDREN || child < 0 || this.#parent[child] !== goroutine) return;
    const alone = end - (last > begin ? last : begin);
    const key = groups[slot]! * 65_536 + groups[child]!;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      if (this.#pairs.size >= MAX_PAIRS) return;
      pair = {
        parent: groups[slot]!,
        child: groups[child]!,
        joins: 0,
        children: 0,
        wait: 0,
        alone: 0,
        worst: new Worst(WORST_JOINS),
      };
      this.#pairs.set(key, pair);
    }
    pair.joins++;
    pair.children += children;
    pair.wait += end - begin;
    pair.alone += alone;
    if (!pair.worst.takes(alone)) return;
    pair.worst.add(alone, {
      goroutine,
      begin_at_ns: begin - tracker.startTime,
      wait_ns: end - begin,
      children,
      straggler: tracker.slots.id(child),
      alone_ns: alone,
    });
  }

  /** Longest alone first. */
  result(tracker: GoroutineTracker): JoinRow[] {
    return [...this.#pairs.values()]
      .sort((a, b) => b.alone - a.alone)
      .slice(0, MAX_TOLD)
      .map((pair) => ({
        parent: tracker.groups.text(pair.parent),
        child: tracker.groups.text(pair.child),
        joins: pair.joins,
        children: pair.children,
        wait_ns: pair.wait,
        alone_ns: pair.alone,
        worst: pair.worst.items,
      }));
  }
}
