/**
 * The memory that the kernel works on: rows, lists, the columns of goroutines and the tables of a generation. Without
 * WebAssembly it is a plain buffer, and the same is done row by row.
 */

import { KernelSource, LinearMemory } from "../../trace/kernel/memory.ts";
import { signalsKernel } from "./kernel.ts";
import { TABLES } from "./layout.ts";

const withKernel = new KernelSource([signalsKernel], TABLES);
const withoutKernel = new KernelSource([], TABLES);

export type Column = Float64Array | Int32Array | Uint8Array;

/** `run(from, length)` is another one after the memory grew, undefined if there is no kernel. */
export class SignalsMemory extends LinearMemory {
  readonly #holders: (() => void)[] = [];

  /** @param plain without the kernel, for tests. */
  constructor(plain = false) {
    super(plain ? withoutKernel : withKernel);
    this.onGrowth = () => {
      for (const renew of this.#holders) renew();
    };
  }

  /** Whoever has views says so: they have to be made anew when the memory grew. */
  whenGrown(renew: () => void): void {
    this.#holders.push(renew);
  }
}

/** A table that is made anew, larger, when it is outgrown; its `view` is good until the memory grows. */
export class Table<A extends Column> {
  readonly #memory: SignalsMemory;
  readonly #type: new (buffer: ArrayBufferLike, at: number, length: number) => A;
  readonly #width: number;
  readonly #pointer: number | undefined;
  #address = 0;
  #capacity = 0;
  view: A;

  /** @param pointer where the kernel finds its address. */
  constructor(
    memory: SignalsMemory,
    type: (new (buffer: ArrayBufferLike, at: number, length: number) => A) & {
      readonly BYTES_PER_ELEMENT: number;
    },
    pointer?: number,
  ) {
    this.#memory = memory;
    this.#type = type;
    this.#width = type.BYTES_PER_ELEMENT;
    this.#pointer = pointer;
    this.view = this.#renewed();
    memory.whenGrown(() => (this.view = this.#renewed()));
  }

  /** Makes it at least this long; what is in it is kept. */
  ensure(capacity: number): void {
    if (capacity <= this.#capacity) return;
    const address = this.#memory.allocate(capacity * this.#width);
    const bytes = this.#capacity * this.#width;
    this.#memory.u8.copyWithin(address, this.#address, this.#address + bytes);
    this.#address = address;
    this.#capacity = capacity;
    if (this.#pointer !== undefined) this.#memory.i32[this.#pointer >> 2] = address;
    this.view = this.#renewed();
  }

  /** Empties it, with room for `length`. */
  clear(length: number): void {
    if (length > this.#capacity) this.ensure(length * 2);
    this.view.fill(0);
  }

  #renewed(): A {
    return new this.#type(this.#memory.u8.buffer, this.#address, this.#capacity);
  }
}
