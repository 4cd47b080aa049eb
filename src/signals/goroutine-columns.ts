/** What is kept of each goroutine from event to event and from generation to generation, as columns by slot. */

import { IdSlots } from "./id-slots.ts";
import { At } from "./kernel/layout.ts";
import { Table, type SignalsMemory } from "./kernel/memory.ts";

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
  readonly #state: Table<Uint8Array>;
  readonly #since: Table<Float64Array>;
  readonly #exact: Table<Uint8Array>;
  readonly #reason: Table<Int32Array>;
  readonly #site: Table<Int32Array>;
  readonly #start: Table<Int32Array>;
  readonly #assisting: Table<Uint8Array>;
  readonly #requestSince: Table<Float64Array>;
  readonly #requestSeen: Table<Uint8Array>;
  readonly #requestName: Table<Int32Array>;
  readonly #region: Table<Int32Array>;
  readonly #regionsMissed: Table<Int32Array>;
  /** `GoState` now. */
  get state(): Uint8Array {
    return this.#state.view;
  }
  /** Relative ns at which it got into that state. */
  get since(): Float64Array {
    return this.#since.view;
  }
  /** 1 if `since` is when it happened, 0 if it is only when it was first seen so. */
  get exact(): Uint8Array {
    return this.#exact.view;
  }
  /** Number of the reason it waits for. */
  get reason(): Int32Array {
    return this.#reason.view;
  }
  /** Where it waits or calls the system: a stack of this generation, or −1 − the number of the function's name. */
  get site(): Int32Array {
    return this.#site.view;
  }
  /** Number of the name of the function it started in; −1 while not known. */
  get start(): Int32Array {
    return this.#start.view;
  }
  /** 1 while in mark assist. */
  get assisting(): Uint8Array {
    return this.#assisting.view;
  }
  /** Relative ns at which its request began, NaN outside one; `RequestSeen`; name's number or −1. */
  get requestSince(): Float64Array {
    return this.#requestSince.view;
  }
  get requestSeen(): Uint8Array {
    return this.#requestSeen.view;
  }
  get requestName(): Int32Array {
    return this.#requestName.view;
  }
  /** First of its open regions, innermost first, −1 for none. */
  get region(): Int32Array {
    return this.#region.view;
  }
  /** Regions begun beyond the bound and not ended yet. */
  get regionsMissed(): Int32Array {
    return this.#regionsMissed.view;
  }

  constructor(memory: SignalsMemory, limit: number) {
    this.#state = new Table(memory, Uint8Array, At.state);
    this.#since = new Table(memory, Float64Array, At.since);
    this.#exact = new Table(memory, Uint8Array, At.exact);
    this.#reason = new Table(memory, Int32Array, At.reason);
    this.#site = new Table(memory, Int32Array, At.site);
    this.#start = new Table(memory, Int32Array, At.start);
    this.#assisting = new Table(memory, Uint8Array, At.assisting);
    this.#requestSince = new Table(memory, Float64Array, At.requestSince);
    this.#requestSeen = new Table(memory, Uint8Array, At.requestSeen);
    this.#requestName = new Table(memory, Int32Array, At.requestName);
    this.#region = new Table(memory, Int32Array, At.region);
    this.#regionsMissed = new Table(memory, Int32Array, At.regionsMissed);
    this.slots = new IdSlots(memory, limit, (capacity) => this.#grow(capacity), true);
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
    this.#state.ensure(capacity);
    this.#since.ensure(capacity);
    this.#exact.ensure(capacity);
    this.#reason.ensure(capacity);
    this.#site.ensure(capacity);
    this.#start.ensure(capacity);
    this.#assisting.ensure(capacity);
    this.#requestSince.ensure(capacity);
    this.#requestSeen.ensure(capacity);
    this.#requestName.ensure(capacity);
    this.#region.ensure(capacity);
    this.#regionsMissed.ensure(capacity);
  }
}
