/**
 * The memory that the kernel works on: rows, lists, the columns of goroutines and the tables of a generation. Without
 * WebAssembly it is a plain buffer, and the same is done row by row.
 */

import { signalsKernel } from "./kernel.ts";
import { TABLES } from "./layout.ts";

const PAGE = 65_536;
const FIRST_PAGES = 8;

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  readonly grow: (pages: number) => number;
}
/** Of the two compilations (with the types of a browser and of Node) one knows WebAssembly. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
  readonly Memory: new (limits: { readonly initial: number }) => WasmMemory;
}
type Run = (from: number, length: number) => number;

/** The compiled kernel; undefined before it is first asked for, null if it cannot be had. */
let compiled: object | null | undefined;

function engine(): Wasm | undefined {
  const wasm = (globalThis as { readonly WebAssembly?: Wasm }).WebAssembly;
  if (compiled === undefined) {
    try {
      compiled = wasm === undefined ? null : new wasm.Module(signalsKernel());
    } catch {
      compiled = null;
    }
  }
  return compiled === null ? undefined : wasm;
}

export type Column = Float64Array | Int32Array | Uint8Array;

export class SignalsMemory {
  /** The kernel, if there is one. */
  readonly run: Run | undefined;
  u8!: Uint8Array;
  i32!: Int32Array;
  f64!: Float64Array;
  readonly #wasm: WasmMemory | undefined;
  #end = TABLES;
  /** Called when views of the memory have to be made anew. */
  readonly #onGrowth: (() => void)[] = [];

  /** @param plain without the kernel, for tests. */
  constructor(plain = false) {
    const wasm = plain ? undefined : engine();
    try {
      if (wasm !== undefined) {
        const memory = new wasm.Memory({ initial: FIRST_PAGES });
        const { exports } = new wasm.Instance(compiled!, { env: { memory } });
        this.#wasm = memory;
        this.run = (exports as { readonly run: Run }).run;
      }
    } catch {
      // Each reserves gigabytes of addresses, of which a limit (`ulimit -v`) may leave too few.
      this.#wasm = undefined;
    }
    this.#view(this.#wasm?.buffer ?? new ArrayBuffer(FIRST_PAGES * PAGE));
  }

  /** Whoever has views says so. */
  whenGrown(renew: () => void): void {
    this.#onGrowth.push(renew);
  }

  /** Room of some bytes, all 0, at a multiple of a cache line. Views made before are no longer good after it. */
  allocate(bytes: number): number {
    const address = this.#end;
    this.#end += Math.ceil(bytes / 64) * 64;
    if (this.#end > this.u8.length) {
      const pages = Math.max(Math.ceil(this.#end / PAGE), (this.u8.length / PAGE) * 2);
      if (this.#wasm === undefined) {
        const buffer = new ArrayBuffer(pages * PAGE);
        new Uint8Array(buffer).set(this.u8);
        this.#view(buffer);
      } else {
        this.#wasm.grow(pages - this.u8.length / PAGE);
        this.#view(this.#wasm.buffer);
      }
      for (const renew of this.#onGrowth) renew();
    }
    return address;
  }

  #view(buffer: ArrayBuffer): void {
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
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
