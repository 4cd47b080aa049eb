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

/** Kernels that a memory can be made for: compiled once, when they are first asked for. */
export class KernelSource {
  /** Undefined before it is first asked for, null if it cannot be had. */
  #compiled: readonly object[] | null | undefined;
  readonly #modules: readonly (() => Uint8Array)[];
  /** Where the tables begin that are allocated; what is below has places of its own. */
  readonly tables: number;
  /** The last memory that was released: making one costs as much as reading some 10,000 events. */
  spare: Block | undefined;

  /** @param modules the bytes of modules that import `env.memory` and export `run`. */
  constructor(modules: readonly (() => Uint8Array)[], tables: number) {
    this.#modules = modules;
    this.tables = tables;
  }

  /** A memory of some pages. Without WebAssembly, or where there is too little of addresses: without a kernel. */
  make(pages: number): Block {
    const wasm = (globalThis as { readonly WebAssembly?: Wasm }).WebAssembly;
    try {
      if (this.#compiled === undefined)
        this.#compiled = wasm === undefined ? null : this.#modules.map((module) => new wasm.Module(module()));
    } catch {
      this.#compiled = null;
    }
    try {
      if (wasm !== undefined && this.#compiled !== null) {
        const memory = new wasm.Memory({ initial: pages });
        const runs = this.#compiled.map((module) => {
          const { exports } = new wasm.Instance(module, { env: { memory } });
          return (exports as Kernel).run;
        });
        return { buffer: memory.buffer, runs, used: 0 };
      }
    } catch {
      // Each reserves gigabytes of addresses, of which a limit (`ulimit -v`) may leave too few.
    }
    return { buffer: new ArrayBuffer(pages * PAGE), runs: undefined, used: 0 };
  }
}

/** What the kernel's module exports. */
interface Kernel {
  readonly run: (...parameters: number[]) => number;
}

/** A memory with a kernel on it, if there is one. */
interface Block {
  readonly buffer: ArrayBuffer;
  readonly runs: readonly Kernel["run"][] | undefined;
  /** Bytes below it may not be 0. */
  used: number;
}

const readerKernel = new KernelSource([kernelModule], TABLES);

export class LinearMemory {
  u8!: Uint8Array;
  i32!: Int32Array;
  f64!: Float64Array;
  /** The kernels, if there are any; and the reader's (see `Exit`), which is the first. */
  runs: readonly Kernel["run"][] | undefined;
  run: Kernel["run"] | undefined;
  /** Called when the memory grew: views of it are of the old one. */
  onGrowth: () => void = () => {};
  readonly #source: KernelSource;
  #block!: Block;
  #end: number;

  constructor(source = readerKernel) {
    this.#source = source;
    this.#end = source.tables;
    const { spare } = source;
    if (spare === undefined) this.#use(source.make(FIRST_PAGES));
    else {
      this.#use(spare);
      source.spare = undefined;
      this.u8.fill(0, 0, source.tables);
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
      this.#use(this.#source.make(Math.min(MAX_PAGES, Math.max(pages, (old.length / PAGE) * 2))));
      this.u8.set(old.subarray(0, address));
      this.onGrowth();
    } else this.u8.fill(0, address, Math.min(this.#end, Math.max(address, this.#block.used)));
    return address;
  }

  /** This memory is not used any more; the next that is made may be of the same bytes. */
  release(): void {
    this.#block.used = Math.max(this.#block.used, this.#end);
    if (this.u8.length <= MAX_SPARE_BYTES) this.#source.spare = this.#block;
  }

  #use(block: Block): void {
    this.#block = block;
    this.runs = block.runs;
    this.run = block.runs?.[0];
    this.u8 = new Uint8Array(block.buffer);
    this.i32 = new Int32Array(block.buffer);
    this.f64 = new Float64Array(block.buffer);
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
