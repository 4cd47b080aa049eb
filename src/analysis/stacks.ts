/** Stacks with numbers that last over generations. Two stacks of the same PCs are the same stack, as in Go's profiles. */

import type { Generation } from "../trace/generation.ts";
import { heap, widen } from "./slots.ts";
import type { Allocator } from "./slots.ts";

/** Stacks told apart; further ones become stack 0, "no stack", and are counted. */
export const MAX_STACKS = 1 << 18;

export interface PoolFrame {
  readonly pc: number | bigint;
  readonly func: string;
  readonly file: string;
  readonly line: number;
}

export class StackPool {
  readonly frames: PoolFrame[] = [];
  readonly #byPc = new Map<number | bigint, number>();
  /** Stack s is `#flat[#ends[s-1] .. #ends[s])`, frame numbers leaf first. Stack 0 is empty. */
  #flat = new Int32Array(4096);
  #ends = new Uint32Array(512);
  #hashes = new Int32Array(512);
  /** Open-addressing hash of the frames to the stack's number; 0 is free. */
  #buckets = new Int32Array(1024);
  /** Number of stacks but for the empty one. */
  count = 0;
  overflow = 0;

  #generation: Generation | undefined;
  /** Number + 1 by index in the generation's table. */
  #ids: Int32Array;
  readonly #allocator: Pick<Allocator, "i32">;
  #scratch = new Int32Array(128);

  constructor(allocator: Pick<Allocator, "i32"> = heap) {
    this.#allocator = allocator;
    this.#ids = allocator.i32(64);
  }

  /** Numbers + 1 by index in the generation's table, for the kernel. */
  get ids(): Int32Array {
    return this.#ids;
  }

  /** Their memory moved. */
  move(moved: (table: Int32Array) => Int32Array): void {
    this.#ids = moved(this.#ids);
  }

  enter(generation: Generation): void {
    this.#generation = generation;
    const needed = generation.stacks.count + 1;
    if (this.#ids.length < needed) this.#ids = this.#allocator.i32(needed * 2);
    else this.#ids.fill(0);
  }

  /** The number of a stack index of the current generation; 0 for no stack. */
  of(index: number): number {
    if (index === 0) return 0;
    const known = this.#ids[index]!;
    return known === 0 ? this.#intern(index) : known - 1;
  }

  /** Frame numbers of a stack, leaf first. A view. */
  framesOf(stack: number): Int32Array {
    if (stack <= 0 || stack > this.count) return this.#flat.subarray(0, 0);
    return this.#flat.subarray(this.#ends[stack - 1], this.#ends[stack]);
  }

  /** Function of the frame the goroutine began in, "" for an empty stack. */
  root(stack: number): string {
    const frames = this.framesOf(stack);
    return frames.length === 0 ? "" : this.frames[frames.at(-1)!]!.func;
  }

  /** Function of the innermost frame, "" for an empty stack. */
  top(stack: number): string {
    const frames = this.framesOf(stack);
    return frames.length === 0 ? "" : this.frames[frames[0]!]!.func;
  }

  /** Whether none of its frames has a PC: the runtime writes such a stack where it cannot take one. */
  isBlank(stack: number): boolean {
    return this.framesOf(stack).every((frame) => this.frames[frame]!.pc === 0);
  }

  /** The frames as objects, leaf first. */
  resolve(stack: number): PoolFrame[] {
    return Array.from(this.framesOf(stack), (frame) => this.frames[frame]!);
  }

  #intern(index: number): number {
    const { stacks } = this.#generation!;
    const source = stacks.frames(index);
    const length = source.length;
    let hash = 17;
    if (this.#scratch.length < length) this.#scratch = new Int32Array(length * 2);
    for (let i = 0; i < length; i++) {
      const frame = this.#frame(source[i]!);
      this.#scratch[i] = frame;
      hash = Math.imul(hash ^ frame, 0x01000193) ^ (hash >>> 15);
    }
    const id = length === 0 ? 0 : this.#find(hash, length);
    this.#ids[index] = id + 1;
    return id;
  }

  #find(hash: number, length: number): number {
    const mask = this.#buckets.length - 1;
    let bucket = (hash ^ (hash >>> 16)) & mask;
    for (;;) {
      const stack = this.#buckets[bucket]!;
      if (stack === 0) break;
      if (this.#hashes[stack] === hash && this.#same(stack, length)) return stack;
      bucket = (bucket + 1) & mask;
    }
    if (this.count >= MAX_STACKS) {
      this.overflow++;
      return 0;
    }
    const stack = ++this.count;
    if (stack === this.#ends.length) {
      this.#ends = widen(this.#ends, new Uint32Array(stack * 2));
      this.#hashes = widen(this.#hashes, new Int32Array(stack * 2));
    }
    const start = this.#ends[stack - 1]!;
    if (start + length > this.#flat.length) {
      this.#flat = widen(this.#flat, new Int32Array((start + length) * 2));
    }
    this.#flat.set(this.#scratch.subarray(0, length), start);
    this.#ends[stack] = start + length;
    this.#hashes[stack] = hash;
    this.#buckets[bucket] = stack;
    if (stack * 2 > mask) this.#rehash();
    return stack;
  }

  #same(stack: number, length: number): boolean {
    const start = this.#ends[stack - 1]!;
    if (this.#ends[stack]! - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.#flat[start + i] !== this.#scratch[i]) return false;
    return true;
  }

  #rehash(): void {
    const buckets = new Int32Array(this.#buckets.length * 2);
    const mask = buckets.length - 1;
    for (let stack = 1; stack <= this.count; stack++) {
      const hash = this.#hashes[stack]!;
      let bucket = (hash ^ (hash >>> 16)) & mask;
      while (buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
      buckets[bucket] = stack;
    }
    this.#buckets = buckets;
  }

  #frame(index: number): number {
    const { stacks } = this.#generation!;
    const high = stacks.pcHi(index);
    // A double holds PCs below 2^53 exactly: all of them, on every machine seen.
    const pc = high < 1 << 21 ? high * 2 ** 32 + stacks.pcLo(index) : stacks.pc(index);
    const known = this.#byPc.get(pc);
    if (known !== undefined) return known;
    const { func, file, line } = {
      func: stacks.func(index),
      file: stacks.file(index),
      line: stacks.line(index),
    };
    const frame = this.frames.push({ pc, func, file, line }) - 1;
    this.#byPc.set(pc, frame);
    return frame;
  }
}
