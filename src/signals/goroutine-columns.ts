/** What is kept of each goroutine from event to event and from generation to generation, as columns by slot. */

import { IdSlots, widened } from "./id-slots.ts";

/** What was seen of the request that a goroutine serves. */
export const RequestSeen = {
  /** Nothing: it may be none. */
  not: 0,
  /** It was in a handler, and began in the trace. */
  whole: 1,
  /** It was in a handler, and began before: how long it takes in all is not known. */
  late: 2,
} as const;

export class GoroutineColumns {
  readonly slots: IdSlots;
  /** `GoState` now. */
  state = new Uint8Array(0);
  /** Relative ns at which it got into that state. */
  since = new Float64Array(0);
  /** 1 if `since` is when it happened, 0 if it is only when it was first seen so. */
  exact = new Uint8Array(0);
  /** Number of the reason it waits for. */
  reason = new Int32Array(0);
  /** Where it waits or calls the system: a stack of this generation, or −1 − the number of the function's name. */
  site = new Int32Array(0);
  /** Number of the name of the function it started in; −1 while not known. */
  start = new Int32Array(0);
  /** 1 while in mark assist. */
  assisting = new Uint8Array(0);
  /** Relative ns at which its request began, NaN outside one; `RequestSeen`; name's number or −1. */
  requestSince = new Float64Array(0);
  requestSeen = new Uint8Array(0);
  requestName = new Int32Array(0);
  /** First of its open regions, innermost first, −1 for none. */
  region = new Int32Array(0);
  /** Regions begun beyond the bound and not ended yet. */
  regionsMissed = new Int32Array(0);

  constructor(limit: number) {
    this.slots = new IdSlots(limit, (capacity) => this.#grow(capacity));
  }

  /** A goroutine seen for the first time, in a state since `since`; −1 at the limit. */
  insert(id: number, state: number, since: number, exact: boolean): number {
    const slot = this.slots.insert(id);
    if (slot < 0) return slot;
    this.state[slot] = state;
    this.since[slot] = since;
    this.exact[slot] = exact ? 1 : 0;
    this.reason[slot] = 0;
    this.site[slot] = -1;
    this.start[slot] = -1;
    this.assisting[slot] = 0;
    this.requestSince[slot] = Number.NaN;
    this.requestSeen[slot] = 0;
    this.requestName[slot] = -1;
    this.region[slot] = -1;
    this.regionsMissed[slot] = 0;
    return slot;
  }

  #grow(capacity: number): void {
    this.state = widened(this.state, capacity);
    this.since = widened(this.since, capacity);
    this.exact = widened(this.exact, capacity);
    this.reason = widened(this.reason, capacity);
    this.site = widened(this.site, capacity);
    this.start = widened(this.start, capacity);
    this.assisting = widened(this.assisting, capacity);
    this.requestSince = widened(this.requestSince, capacity);
    this.requestSeen = widened(this.requestSeen, capacity);
    this.requestName = widened(this.requestName, capacity);
    this.region = widened(this.region, capacity);
    this.regionsMissed = widened(this.regionsMissed, capacity);
  }
}
