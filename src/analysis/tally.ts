/**
 * Tallies: what the kernel counts durations with. A tally is what a `Sketch` is once it has buckets (the same buckets),
 * at an address. A sketch that has outgrown its exact values gets one; in the end the tally is put into it.
 */

import type { Arena } from "./kernel/arena.ts";
import { Tally } from "./kernel/layout.ts";
import { BUCKETS } from "./sketch.ts";
import type { Sketch } from "./sketch.ts";

/** Tallies at most, 14 KB each: 7 MB. Sketches beyond are counted row by row, more slowly. */
const MAX_TALLIES = 512;

export class Tallies {
  readonly #arena: Arena;
  readonly #tallies: { readonly address: number; readonly sketch: Sketch }[] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** The address of a tally for a sketch; 0 if it has no need of one, or there is none left. */
  give(sketch: Sketch): number {
    if (sketch.isExact || this.#tallies.length >= MAX_TALLIES) return 0;
    const address = this.#arena.u8(Tally.counts + BUCKETS * 4).byteOffset;
    this.#arena.f64At(address + Tally.min, 1)[0] = Infinity;
    this.#tallies.push({ address, sketch });
    return address;
  }

  /** Puts what was counted into the sketches. */
  settle(): void {
    for (const { address, sketch } of this.#tallies) {
      const [sum, min, max] = this.#arena.f64At(address + Tally.sum, 3);
      const [zeros] = this.#arena.i32At(address + Tally.zeros, 1);
      const counts = this.#arena.i32At(address + Tally.counts, BUCKETS);
      sketch.absorb({ sum: sum!, min: min!, max: max!, zeros: zeros! >>> 0, counts });
      this.#arena.u8At(address, Tally.counts + BUCKETS * 4).fill(0);
      this.#arena.f64At(address + Tally.min, 1)[0] = Infinity;
    }
  }
}
