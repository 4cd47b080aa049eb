import type { Bytes } from "../base/units.ts";
import { bytes } from "../base/units.ts";
import type { RingLimits } from "./options.ts";

/** What the ring needs to know of a generation; times are ns on the trace's own clock. */
export interface Ringable {
  readonly byteLength: number;
  /** Time of the earliest batch. */
  readonly startNs: number;
  /** Time of the latest batch: the ring's "now" at the moment the generation is sealed. */
  readonly endNs: number;
}

/**
 * The last generations of one trace session, kept by the rules of Go's flight recorder
 * (`runtime/trace`, `recorder.endGeneration`, read from Go 1.26):
 *
 * 1. Only whole generations are evicted.
 * 2. The newest complete generation is always kept.
 * 3. Going back from it, an older generation is added as long as what is kept so far neither is larger than
 *    `maxBytes` nor reaches back further than `minAge`: so the generation that crosses a limit stays.
 * 4. Either limit stops it: `maxBytes` outranks `minAge`.
 *
 * One difference: Go measures age up to the clock's now. A remote reader cannot read that clock, so age here is up
 * to the newest batch of the newest generation.
 *
 * The array is replaced, never changed: a snapshot is the array itself.
 */
export class GenerationRing<G extends Ringable> {
  readonly #limits: RingLimits;
  #kept: readonly G[] = [];
  #bytes = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  /** Adds the newest generation. Returns how many older ones that pushed out. */
  append(newest: G): number {
    const before = this.#kept;
    const next = [newest];
    let size = newest.byteLength;
    let oldest = newest;
    for (let i = before.length - 1; i >= 0; i--) {
      const candidate = before[i];
      if (candidate === undefined || this.#reached(size, newest, oldest)) break;
      next.push(candidate);
      size += candidate.byteLength;
      oldest = candidate;
    }
    this.#kept = next.reverse();
    this.#bytes = size;
    return before.length + 1 - next.length;
  }

  /** Whether the ring, as it is, holds as much as its limits ask for. */
  get full(): boolean {
    const oldest = this.#kept[0];
    const newest = this.#kept.at(-1);
    return oldest !== undefined && newest !== undefined && this.#reached(this.#bytes, newest, oldest);
  }

  /** The kept generations, oldest first. Costs nothing and never changes afterwards. */
  snapshot(): readonly G[] {
    return this.#kept;
  }

  get bytes(): Bytes {
    return bytes(this.#bytes);
  }

  /** From the first batch kept to the last, in ns of trace time. */
  get spanNs(): number {
    const oldest = this.#kept[0];
    const newest = this.#kept.at(-1);
    return oldest === undefined || newest === undefined ? 0 : newest.endNs - oldest.startNs;
  }

  #reached(size: number, newest: G, oldest: G): boolean {
    return size > this.#limits.maxBytes || newest.endNs - oldest.startNs > this.#limits.minAge * 1e6;
  }
}
