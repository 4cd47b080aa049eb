/**
 * The one memory that the scheduler's tables, the bytes of the open batches and the rows being made are in, so that the
 * kernel reaches all of them. Where WebAssembly is not to be had (a page's security policy, `--jitless`) it is a plain
 * buffer and the kernel is missing: the same events, several times slower.
 *
 * It only grows, to a multiple: what is allocated stays at its address, what was outgrown is not used again.
 */

import { TraceFormatError } from "../error.ts";
import { kernelModule } from "./kernel.ts";
import { TABLES } from "./layout.ts";

const PAGE = 65_536;
/** What addresses of 32 bits reach. */
const MAX_PAGES = 65_536;
/** Pages at first: room for what most traces need. What is not used is not resident. */
const FIRST_PAGES = 32;
/** A memory that was released is kept for the next reader if it has at most this many bytes. */
const MAX_SPARE_BYTES = 16 << 20;

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

/** What the kernel's module exports. */
interface Kernel {
  readonly run: (until: number) => number;
}

/** A memory with a kernel on it, if there is one. */
interface Block {
  readonly buffer: ArrayBuffer;
  readonly run: Kernel["run"] | undefined;
  /** Bytes below it may not be 0. */
  used: number;
}

/** The last memory that was released: making one costs as much as reading some 10,000 events. */
let spare: Block | undefined;

export class LinearMemory {
  u8!: Uint8Array;
  i32!: Int32Array;
  f64!: Float64Array;
  /** The kernel (see `Exit`), if there is one. */
  run: Kernel["run"] | undefined;
  /** Called when the memory grew: views of it are of the old one. */
  onGrowth: () => void = () => {};
  #block!: Block;
  #end = TABLES;

  constructor() {
    if (spare === undefined) this.#use(makeBlock(FIRST_PAGES));
    else {
      this.#use(spare);
      spare = undefined;
      this.u8.fill(0, 0, TABLES);
    }
  }

  /** Room of some bytes, all 0, at a multiple of a cache line. */
  allocate(bytes: number): number {
    const address = this.#end;
    this.#end += Math.ceil(bytes / 64) * 64;
    if (this.#end > this.u8.length) {
      const old = this.u8;
      // Another memory, not a grown one: growing would detach the views that others have, of rows not least.
      const pages = Math.ceil(this.#end / PAGE);
      if (pages > MAX_PAGES)
        throw new TraceFormatError(
          "limit",
          "the goroutines and batches of a generation take more than 4 GiB",
        );
      this.#use(makeBlock(Math.min(MAX_PAGES, Math.max(pages, (old.length / PAGE) * 2))));
      this.u8.set(old.subarray(0, address));
      this.onGrowth();
    } else this.u8.fill(0, address, Math.min(this.#end, Math.max(address, this.#block.used)));
    return address;
  }

  /** This memory is not used any more; the next that is made may be of the same bytes. */
  release(): void {
    this.#block.used = Math.max(this.#block.used, this.#end);
    if (this.u8.length <= MAX_SPARE_BYTES) spare = this.#block;
  }

  #use(block: Block): void {
    this.#block = block;
    this.run = block.run;
    this.u8 = new Uint8Array(block.buffer);
    this.i32 = new Int32Array(block.buffer);
    this.f64 = new Float64Array(block.buffer);
  }
}

function makeBlock(pages: number): Block {
  const wasm = engine();
  try {
    if (wasm !== undefined) {
      const memory = new wasm.Memory({ initial: pages });
      const { exports } = new wasm.Instance(compiled!, { env: { memory } });
      return { buffer: memory.buffer, run: (exports as Kernel).run, used: 0 };
    }
  } catch {
    // Each reserves gigabytes of addresses, of which a limit (`ulimit -v`) may leave too few.
  }
  return { buffer: new ArrayBuffer(pages * PAGE), run: undefined, used: 0 };
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
