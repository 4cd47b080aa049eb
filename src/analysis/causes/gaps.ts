/**
 * Starvation by the operating system: goroutines run, and yet nothing at all happens on any thread. The runtime's monitor
 * asks every goroutine that runs for 10 ms to yield, and looks every 10 ms at the latest, so after 25 ms of silence with
 * two goroutines running it did not get to run either: CPU quota used up (throttling), or a host too busy.
 *
 * One goroutine alone may be in code that cannot be preempted, so it counts only where there is no second proc; there
 * the trace cannot tell the two.
 */

import { Worst } from "../worst.ts";

/** Silence from which it counts. */
export const GAP_NS = 25_000_000;
const MAX_TOLD = 20;
/** Period in which Linux accounts CPU quota, by default; what counts as in step with it. */
const QUOTA_PERIOD_NS = 100_000_000;
const IN_STEP = 0.1;

export interface Gap {
  readonly begin_at_ns: number;
  readonly total_ns: number;
  /** Goroutines running meanwhile. */
  readonly running: number;
}

export interface GapsResult {
  readonly count: number;
  readonly total_ns: number;
  /** Of the trace. */
  readonly share: number;
  /** Gaps that begin a multiple of 100 ms (within a tenth) after the one before: a sign of CPU quota. */
  readonly in_quota_step: number;
  /** Longest first. */
  readonly worst: readonly Gap[];
}

export class Gaps {
  #count = 0;
  #total = 0;
  #inStep = 0;
  #lastBegin = NaN;
  readonly #worst = new Worst<Gap>(MAX_TOLD);

  /** Nothing happened from `begin` to `end`; at least `GAP_NS`. */
  add(begin: number, end: number, running: number, procs: number, start: number): void {
    if (running < Math.min(2, Math.max(1, procs))) return;
    this.#count++;
    this.#total += end - begin;
    const periods = (begin - this.#lastBegin) / QUOTA_PERIOD_NS;
    if (periods > 0.5 && Math.abs(periods - Math.round(periods)) <= IN_STEP) this.#inStep++;
    this.#lastBegin = begin;
    this.#worst.add(end - begin, { begin_at_ns: begin - start, total_ns: end - begin, running });
  }

  result(duration: number): GapsResult {
    return {
      count: this.#count,
      total_ns: this.#total,
      share: duration > 0 ? this.#total / duration : 0,
      in_quota_step: this.#inStep,
      worst: this.#worst.items,
    };
  }
}
