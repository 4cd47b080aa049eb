/** Regions that have begun and not ended: a list for each goroutine, innermost first, in columns with a free list. */

import type { GoroutineColumns } from "./goroutine-columns.ts";
import { widened } from "./id-slots.ts";

export class OpenRegions {
  readonly #limit: number;
  readonly #goroutines: GoroutineColumns;
  #began = new Float64Array(64);
  #outer = new Int32Array(64);
  #used = 0;
  /** First of the entries that are free, each with the next as its outer one; −1 for none. */
  #free = -1;
  #open = 0;
  dropped = 0;

  constructor(goroutines: GoroutineColumns, limit: number) {
    this.#goroutines = goroutines;
    this.#limit = limit;
  }

  begin(goroutine: number, time: number): void {
    const { region, regionsMissed } = this.#goroutines;
    // Once one is missed, those inside it are too: ends come innermost first.
    if (regionsMissed[goroutine]! > 0 || this.#open >= this.#limit) {
      regionsMissed[goroutine]!++;
      this.dropped++;
      return;
    }
    let entry = this.#free;
    if (entry >= 0) this.#free = this.#outer[entry]!;
    else {
      entry = this.#used++;
      if (entry === this.#began.length) {
        this.#began = widened(this.#began, entry * 2);
        this.#outer = widened(this.#outer, entry * 2);
      }
    }
    this.#open++;
    this.#began[entry] = time;
    this.#outer[entry] = region[goroutine]!;
    region[goroutine] = entry;
  }

  /** When the goroutine's innermost region began; NaN if that was not seen. */
  end(goroutine: number): number {
    const { region, regionsMissed } = this.#goroutines;
    if (regionsMissed[goroutine]! > 0) {
      regionsMissed[goroutine]!--;
      return Number.NaN;
    }
    const entry = region[goroutine]!;
    if (entry < 0) return Number.NaN;
    region[goroutine] = this.#outer[entry]!;
    this.#release(entry);
    return this.#began[entry]!;
  }

  /** The goroutine is gone, and its regions with it. */
  drop(goroutine: number): void {
    const { region } = this.#goroutines;
    for (let entry = region[goroutine]!; entry >= 0;) {
      const outer = this.#outer[entry]!;
      this.#release(entry);
      entry = outer;
    }
    region[goroutine] = -1;
  }

  clear(): void {
    this.#used = 0;
    this.#free = -1;
    this.#open = 0;
  }

  #release(entry: number): void {
    this.#outer[entry] = this.#free;
    this.#free = entry;
    this.#open--;
  }
}
