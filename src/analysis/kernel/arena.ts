/** The memory that the tracker's tables and its kernel are in. */

import { LinearMemory } from "../../trace/kernel/memory.ts";
import { trackerKernels } from "./walk.ts";

/** The arrays that a table may be made of. */
export type Table = Float64Array | Int32Array | Uint32Array | Uint8Array;

/** A kernel: from a row of the batch on, up to whatever its file says. */
type Run = (first: number) => number;

export class Arena {
  readonly #memory = new LinearMemory(trackerKernels);
  readonly #holders: (() => void)[] = [];

  constructor() {
    this.#memory.onGrowth = () => {
      for (const holder of this.#holders) holder();
    };
  }

  /** The kernels on this memory, undefined if there are none. They are others after the memory grew. */
  get walk(): Run | undefined {
    return this.#memory.runs?.[0];
  }

  get levels(): Run | undefined {
    return this.#memory.runs?.[1];
  }

  /** Calls whoever holds tables when these have moved: each is then to be replaced by `moved(table)`. */
  onMove(holder: () => void): void {
    this.#holders.push(holder);
  }

  moved<T extends Table>(table: T): T {
    const { constructor } = table as { constructor: unknown };
    const Kind = constructor as new (buffer: ArrayBufferLike, from: number, length: number) => T;
    return new Kind(this.#memory.u8.buffer, table.byteOffset, table.length);
  }

  // The buffer is looked at last: it is another one if the memory had to grow.
  f64(length: number): Float64Array {
    const address = this.#memory.allocate(length * 8);
    return new Float64Array(this.#memory.u8.buffer, address, length);
  }

  i32(length: number): Int32Array {
    const address = this.#memory.allocate(length * 4);
    return new Int32Array(this.#memory.u8.buffer, address, length);
  }

  u8(length: number): Uint8Array {
    const address = this.#memory.allocate(length);
    return new Uint8Array(this.#memory.u8.buffer, address, length);
  }

  /** Tables that have their places before all others. */
  f64At(address: number, length: number): Float64Array {
    return new Float64Array(this.#memory.u8.buffer, address, length);
  }

  i32At(address: number, length: number): Int32Array {
    return new Int32Array(this.#memory.u8.buffer, address, length);
  }

  u8At(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.u8.buffer, address, length);
  }
}
