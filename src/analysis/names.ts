/** Texts with small numbers of their own that last over generations, whose string tables do not. */

import type { Generation } from "../trace/generation.ts";
import { heap } from "./slots.ts";
import type { Allocator } from "./slots.ts";

export class Names {
  readonly #ids = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly #bound: number;
  readonly #rest: string;
  /** How often a text was not taken in, since there were too many; it counts as `rest`. */
  overflow = 0;

  /**
   * @param bound how many texts are told apart.
   * @param rest what all further ones are called.
   * @param first texts that get the numbers from 0.
   */
  constructor(bound: number, rest: string, first: readonly string[] = []) {
    this.#bound = bound;
    this.#rest = rest;
    for (const text of first) this.id(text);
  }

  get count(): number {
    return this.#texts.length;
  }

  id(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    if (this.#texts.length >= this.#bound) {
      this.overflow++;
      return this.#put(this.#rest);
    }
    return this.#put(text);
  }

  #put(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#texts.push(text) - 1;
    this.#ids.set(text, id);
    return id;
  }

  text(id: number): string {
    return this.#texts[id] ?? "";
  }
}

/** The numbers of one generation's strings in a `Names`, looked up once a string. */
export class NameIndex {
  readonly #names: Names;
  #generation: Generation | undefined;
  /** Number + 1 by string index; 0: not looked up yet. */
  #ids: Int32Array;
  readonly #allocator: Pick<Allocator, "i32">;

  constructor(names: Names, allocator: Pick<Allocator, "i32"> = heap) {
    this.#names = names;
    this.#allocator = allocator;
    this.#ids = allocator.i32(64);
  }

  /** Numbers + 1 by string index, for the kernel. */
  get ids(): Int32Array {
    return this.#ids;
  }

  /** Their memory moved. */
  move(moved: (table: Int32Array) => Int32Array): void {
    this.#ids = moved(this.#ids);
  }

  enter(generation: Generation): void {
    this.#generation = generation;
    if (this.#ids.length <= generation.strings.count)
      this.#ids = this.#allocator.i32(generation.strings.count * 2);
    else this.#ids.fill(0);
  }

  /** The number of a string index of the current generation. */
  of(index: number): number {
    // A generation's table grows when a task's name is carried over from an earlier one.
    if (index >= this.#ids.length) this.#grow(index);
    const known = this.#ids[index]!;
    if (known !== 0) return known - 1;
    const id = this.#names.id(this.#generation!.strings.get(index));
    this.#ids[index] = id + 1;
    return id;
  }

  #grow(index: number): void {
    const wider = this.#allocator.i32(index * 2);
    wider.set(this.#ids);
    this.#ids = wider;
  }
}
