/** The wake graph: which goroutine groups end the waits of which. A picture of how the service is put together. */

import { widen } from "../slots.ts";
import type { GoroutineTracker } from "../tracker.ts";

const MAX_EDGES = 4096;
const MAX_TOLD = 200;

export interface WakeEdge {
  /** Start function; null: nobody (the network poller, a timer). */
  readonly waker: string | null;
  readonly woken: string;
  readonly count: number;
  /** How long the woken ones had waited. */
  readonly wait_ns: number;
  /** From the wakes until they ran. */
  readonly delay_ns: number;
  readonly max_delay_ns: number;
}

export class Wakes {
  #edges = 0;
  readonly #ofKey = new Map<number, number>();
  #waker = new Int32Array(64);
  #woken = new Int32Array(64);
  #count = new Float64Array(64);
  #wait = new Float64Array(64);
  #delay = new Float64Array(64);
  #maxDelay = new Float64Array(64);
  /** By slot: edge + 1 of its last wake. Most are woken by the same ones again and again. */
  #last = new Int32Array(256);
  notTold = 0;

  reserve(capacity: number): void {
    if (this.#last.length < capacity) this.#last = widen(this.#last, new Int32Array(capacity));
  }

  forget(slot: number): void {
    this.#last[slot] = 0;
  }

  /** @param waker group, −1 for nobody. @param begins when each slot's wait began. */
  woken(
    slot: number,
    waker: number,
    woken: number,
    begins: Float64Array,
    ends: Float64Array,
    row: number,
  ): void {
    let edge = this.#last[slot]! - 1;
    if (edge < 0 || this.#waker[edge] !== waker || this.#woken[edge] !== woken) {
      edge = this.#edge(waker, woken);
      this.#last[slot] = edge + 1;
      if (edge < 0) return;
    }
    this.#count[edge]!++;
    this.#wait[edge]! += ends[row]! - begins[slot]!;
  }

  /** One that was woken runs. */
  runs(slot: number, begins: Float64Array, ends: Float64Array, row: number): void {
    const edge = this.#last[slot]! - 1;
    if (edge < 0) return;
    const delay = ends[row]! - begins[slot]!;
    this.#delay[edge]! += delay;
    if (delay > this.#maxDelay[edge]!) this.#maxDelay[edge] = delay;
  }

  #edge(waker: number, woken: number): number {
    const key = (waker + 1) * 65_537 + woken;
    const known = this.#ofKey.get(key);
    if (known !== undefined) return known;
    if (this.#edges >= MAX_EDGES) {
      this.notTold++;
      return -1;
    }
    const edge = this.#edges++;
    if (edge === this.#waker.length) {
      this.#waker = widen(this.#waker, new Int32Array(edge * 2));
      this.#woken = widen(this.#woken, new Int32Array(edge * 2));
      this.#count = widen(this.#count, new Float64Array(edge * 2));
      this.#wait = widen(this.#wait, new Float64Array(edge * 2));
      this.#delay = widen(this.#delay, new Float64Array(edge * 2));
      this.#maxDelay = widen(this.#maxDelay, new Float64Array(edge * 2));
    }
    this.#waker[edge] = waker;
    this.#woken[edge] = woken;
    this.#ofKey.set(key, edge);
    return edge;
  }

  /** Most waiting relieved first. */
  result(tracker: GoroutineTracker): WakeEdge[] {
    return Array.from({ length: this.#edges }, (_, edge) => ({
      waker: this.#waker[edge] === -1 ? null : tracker.groups.text(this.#waker[edge]!),
      woken: tracker.groups.text(this.#woken[edge]!),
      count: this.#count[edge]!,
      wait_ns: this.#wait[edge]!,
      delay_ns: this.#delay[edge]!,
      max_delay_ns: this.#maxDelay[edge]!,
    }))
      .sort((a, b) => b.wait_ns - a.wait_ns)
      .slice(0, MAX_TOLD);
  }
}
