/**
 * The one memory that the scheduler's tables, the bytes of the open batches and the rows being made are in, so that the
 * kernel reaches all of them. Where WebAssembly is not to be had (a page's security policy, `--jitless`) it is a plain
 * buffer and the kernel is missing: the same events, several times slower.
 *
 * It only grows, to a multiple: what is allocated stays at its address, what was outgrown is not used again.
 */

import { kernelModule } from "./kernel.ts";
import { TABLES } from "./layout.ts";

const PAGE = 65_536;
/** Pages at first: the rows' columns, and tables of a small trace. */
const FIRST_PAGES = 8;

/** Of the two compilations (with the types of a browser and of Node) one knows WebAssembly. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
  readonly Memory: new (limits: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
}

/** The compiled kernel; undefined before it is first asked for, null if it cannot be had. */
let compiled: object | null | undefined;

function engine(): Wasm | undefined {
  const wasm = (globalThis as { readonly WebAssembly?: Wasm }).WebAssembly;
  if (compiled === undefined) {
    try {
      compiled = wasm === undefined ? null : new wasm.Module(kernelModule());
    } catch {
      compiled = null;
    }
  }
  return compiled === null ? undefined : wasm;
}

export class LinearMemory {
  u8!: Uint8Array;
  i32!: Int32Array;
  f64!: Float64Array;
  /** The kernel (see `Exit`), if there is one. */
  run: ((until: number) => number) | undefined;
  /** Called when the memory grew: views of it are of the old one. */
  onGrowth: () => void = () => {};
  #end = TABLES;

  constructor() {
    this.#make(FIRST_PAGES);
  }

  /** Room of some bytes, all 0, at a multiple of a cache line. */
  allocate(bytes: number): number {
    const address = this.#end;
    this.#end += Math.ceil(bytes / 64) * 64;
    if (this.#end > this.u8.length) {
      const old = this.u8;
      // Another memory, not a grown one: growing would detach the views that others have, of rows not least.
      this.#make(Math.ceil(Math.max(this.#end, old.length * 2) / PAGE));
      this.u8.set(old);
      this.onGrowth();
    }
    return address;
  }

  #make(pages: number): void {
    const wasm = engine();
    let buffer: ArrayBuffer;
    if (wasm === undefined) buffer = new ArrayBuffer(pages * PAGE);
    else {
      const memory = new wasm.Memory({ initial: pages });
      const { exports } = new wasm.Instance(compiled!, { env: { memory } });
      this.run = (exports as { readonly run: (until: number) => number }).run;
      buffer = memory.buffer;
    }
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }
}

/** An allocation that is made anew, larger, when it is outgrown. Its address may change, what is in it is kept. */
export class Region {
  readonly #memory: LinearMemory;
  address = 0;
  bytes = 0;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  /** Makes it at least this large. */
  ensure(bytes: number): void {
    if (bytes <= this.bytes) return;
    const size = Math.max(bytes, this.bytes * 2);
    const address = this.#memory.allocate(size);
    this.#memory.u8.copyWithin(address, this.address, this.address + this.bytes);
    this.address = address;
    this.bytes = size;
  }
}
