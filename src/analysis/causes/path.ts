/**
 * The critical path of a task: what it waited for at each of its instants, walked backwards from its end.
 *
 * - A goroutine that runs, waits for a proc, is in a syscall, or is woken by nobody (the network poller, a timer) stands
 *   for itself.
 * - A wait that another goroutine ended is that goroutine's time, as far back as the wait's beginning and no further
 *   (Felix Geisendörfer's rule in golang/go#57175): contention leads into another request, but does not wander off in it.
 * - Before its creation a goroutine's time is its creator's.
 * - On a goroutine that did not begin the task, and has it handed over by a wake, the time before is the waker's, whatever it did.
 *
 * Steps meet without gap or overlap, so they sum to the task's latency exactly.
 */

import { Kind } from "./kinds.ts";
import { Mark, NO_RECORD } from "./history.ts";
import type { History } from "./history.ts";

/** One step of a path, by the numbers of the tracker. In a walk the latest comes first. */
export interface Step {
  readonly goroutine: number;
  readonly group: number;
  readonly kind: number;
  readonly stack: number;
  readonly begin: number;
  readonly end: number;
  /** Wakes between the task's own goroutine and this one. */
  readonly hops: number;
  /** Who ended it, −1: nobody that is known. */
  readonly waker: number;
}

/** Kinds of a step beside those of intervals. */
export const PathKind = {
  /** The history does not reach so far back. */
  notKept: 250,
  /** There were more steps than are walked. */
  notWalked: 251,
} as const;

/** Steps walked of one path. */
const MAX_STEPS = 1 << 15;
/** Wakes followed one into the other. */
const MAX_HOPS = 32;

/** Where a walk begins: a goroutine that runs at `end`, with its last record and where it is. */
export interface PathEnd {
  readonly goroutine: number;
  readonly group: number;
  readonly past: number;
  /** What it does: a kind. */
  readonly kind: number;
  readonly stack: number;
  readonly end: number;
}

/** A wait in which a waker's time is told. */
interface Frame {
  readonly goroutine: number;
  readonly group: number;
  /** The record to go on with, and when it and the walk in the waker meet. */
  readonly record: number;
  readonly floor: number;
}

export class PathWalk {
  readonly #history: History;
  /** Whether goroutines of a group are the runtime's: their wakes are not followed. */
  readonly #isSystem: (group: number) => boolean;
  #steps: Step[] = [];

  constructor(history: History, isSystem: (group: number) => boolean) {
    this.#history = history;
    this.#isSystem = isSystem;
  }

  /** Steps from `from.end` back to `begin`, latest first. @param owner the goroutine that began the task. */
  walk(from: PathEnd, begin: number, owner: number): Step[] {
    this.#steps = [];
    const h = this.#history;
    const frames: Frame[] = [];
    let { goroutine, group, kind, stack, past } = from;
    let time = from.end;
    let floor = begin;
    // A running interval that is not over yet, up to `time`; its beginning is where the record before ended.
    let open = true;
    while (time > begin) {
      if (this.#steps.length >= MAX_STEPS) {
        this.#step(goroutine, group, PathKind.notWalked, 0, begin, time, frames.length, -1);
        break;
      }
      const at = h.at(past);
      if (open) {
        const since = past === NO_RECORD ? floor : at < 0 ? NaN : Math.max(floor, h.end[at]!);
        if (since !== since)
          this.#step(goroutine, group, PathKind.notKept, 0, floor, time, frames.length, -1);
        else this.#step(goroutine, group, kind, stack, since, time, frames.length, -1);
        time = since === since ? since : floor;
        open = false;
      } else if (past === NO_RECORD || at < 0 || h.kind[at] === Mark.found) {
        this.#step(goroutine, group, PathKind.notKept, 0, floor, time, frames.length, -1);
        time = floor;
      } else if (h.kind[at] === Mark.created) {
        const waker = h.waker[at]!;
        if (waker === -1) {
          this.#step(goroutine, group, PathKind.notKept, 0, floor, time, frames.length, -1);
          time = floor;
        } else {
          goroutine = waker;
          group = h.wakerGroup[at]!;
          past = h.wakerPast[at]!;
          kind = Kind.running;
          stack = h.wakeStack[at]!;
          open = true;
        }
      } else {
        const since = Math.max(floor, h.begin[at]!);
        const waker = h.waker[at]!;
        const follow =
          waker !== -1 && frames.length < MAX_HOPS && time > since && !this.#isSystem(h.wakerGroup[at]!);
        if (follow) {
          // Handed over by this wake: what the goroutine did before has nothing to do with the task.
          const handed = frames.length === 0 && goroutine !== owner;
          if (!handed) {
            frames.push({ goroutine, group, record: h.previous[at]!, floor });
            floor = since;
          }
          goroutine = waker;
          group = h.wakerGroup[at]!;
          past = h.wakerPast[at]!;
          kind = Kind.running;
          stack = h.wakeStack[at]!;
          open = true;
        } else {
          this.#step(goroutine, group, h.kind[at]!, h.stack[at]!, since, time, frames.length, waker);
          time = since;
          past = h.previous[at]!;
        }
      }
      // The wait's beginning: back to who waited.
      while (time <= floor && frames.length > 0) {
        const frame = frames.pop()!;
        ({ goroutine, group, floor } = frame);
        past = frame.record;
        open = false;
      }
    }
    return this.#steps;
  }

  #step(
    goroutine: number,
    group: number,
    kind: number,
    stack: number,
    begin: number,
    end: number,
    hops: number,
    waker: number,
  ): void {
    if (end > begin) this.#steps.push({ goroutine, group, kind, stack, begin, end, hops, waker });
  }
}
