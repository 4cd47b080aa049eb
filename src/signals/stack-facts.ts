/**
 * What stacks say: the function a goroutine started in, the function that waits or calls the system, and what it means for
 * a request. Each is read only when asked for, and once a session: a process writes the same stacks again in every
 * generation, under other indexes, so they are known by their content.
 */

import { siteOf } from "../analysis/functions.ts";
import { RequestMark, markStack } from "../analysis/requests.ts";
import type { Generation } from "../trace/generation.ts";
import { ContentNumbers, FIRST_HASH, mixFirst, mixSecond, SECOND_HASH } from "./content-numbers.ts";
import { widened, zeroed } from "./id-slots.ts";
import { At } from "./kernel/layout.ts";
import { Table, type SignalsMemory } from "./kernel/memory.ts";
import type { Names } from "./names.ts";

/** Of functions and of stacks remembered; beyond, all are forgotten and learned anew. */
const MAX_REMEMBERED = 1 << 15;

export class StackFacts {
  readonly #names: Names;
  #generation: Generation | undefined;
  /** By string index of the generation: number of the function of that name, plus one. */
  #functionOf = new Int32Array(0);
  /** By stack index of the generation: number of the stack, plus one. */
  #numberOf = new Int32Array(0);
  /** By stack index: number of the name of its root, plus one. */
  readonly #roots: Table<Int32Array>;
  /** By stack index: `RequestMark`. For the hot loop, which asks `mark` where this is `unread`. */
  get marks(): Uint8Array {
    return this.#markTable.view;
  }
  readonly #markTable: Table<Uint8Array>;
  readonly #memory: SignalsMemory;

  readonly #functions = new ContentNumbers();
  /** By number of a function. */
  readonly #texts: string[] = [];

  readonly #stacks = new ContentNumbers();
  /** By number of a stack: number of a name plus one, 0 if not read yet. */
  #sites = new Int32Array(64);
  #requests = new Int32Array(64);
  #marksOf = new Uint8Array(64);

  constructor(names: Names, memory: SignalsMemory) {
    this.#names = names;
    this.#memory = memory;
    this.#roots = new Table(memory, Int32Array, At.roots);
    this.#markTable = new Table(memory, Uint8Array, At.marks);
  }

  enter(generation: Generation): void {
    this.#generation = generation;
    if (this.#functions.count > MAX_REMEMBERED || this.#stacks.count > MAX_REMEMBERED) this.forget();
    const stacks = generation.stacks.count + 1;
    this.#functionOf = zeroed(this.#functionOf, generation.strings.count + 1);
    this.#numberOf = zeroed(this.#numberOf, stacks);
    this.#roots.clear(stacks);
    this.#markTable.clear(stacks);
    this.#memory.i32[At.stackCount >> 2] = stacks;
  }

  /** Lets go of the generation's tables. */
  leave(): void {
    this.#generation = undefined;
  }

  /** Names have other numbers from now on. */
  forget(): void {
    this.#functions.clear();
    this.#texts.length = 0;
    this.#stacks.clear();
    this.#sites.fill(0);
    this.#requests.fill(0);
    this.#marksOf.fill(RequestMark.unread);
  }

  /** Number of the name of the function a goroutine with this stack started in. */
  root(stack: number): number {
    const known = this.#roots.view[stack] ?? 0;
    if (known !== 0) return known - 1;
    const stacks = this.#generation?.stacks;
    const frame = stacks?.rootFrame(stack) ?? 0;
    const id = frame === 0 ? 0 : this.#names.id(this.#texts[this.#function(stacks!.funcString(frame))]!);
    this.#roots.view[stack] = id + 1;
    return id;
  }

  /** Number of the name of the function that waits there, or calls the system. */
  site(stack: number): number {
    const number = this.#stack(stack);
    const known = this.#sites[number]!;
    if (known !== 0) return known - 1;
    const name = siteOf(this.#functionsOf(stack));
    const id = name === undefined ? 0 : this.#names.id(name);
    this.#sites[number] = id + 1;
    return id;
  }

  mark(stack: number): number {
    const number = this.#stack(stack);
    if (this.#marksOf[number] === RequestMark.unread) {
      const { mark, request } = markStack(this.#functionsOf(stack));
      this.#marksOf[number] = mark;
      if (request !== undefined) this.#requests[number] = this.#names.id(request) + 1;
    }
    const mark = this.#marksOf[number]!;
    if (stack < this.marks.length) this.marks[stack] = mark;
    return mark;
  }

  /** Number of the name of the handler in a stack marked `handler`. */
  request(stack: number): number {
    return Math.max(0, this.#requests[this.#stack(stack)]! - 1);
  }

  #functionsOf(stack: number): readonly string[] {
    const stacks = this.#generation?.stacks;
    if (stacks === undefined) return [];
    return Array.from(
      stacks.frames(stack),
      (frame) => this.#texts[this.#function(stacks.funcString(frame))]!,
    );
  }

  /** Number of a stack of the generation. */
  #stack(stack: number): number {
    const known = this.#numberOf[stack] ?? 0;
    if (known !== 0) return known - 1;
    let first = FIRST_HASH;
    let second = SECOND_HASH;
    const stacks = this.#generation?.stacks;
    if (stacks !== undefined) {
      const frames = stacks.frames(stack);
      for (let i = 0; i < frames.length; i++) {
        const name = this.#function(stacks.funcString(frames[i]!));
        first = mixFirst(first, name);
        second = mixSecond(second, name);
      }
    }
    const number = this.#stacks.number(first, second);
    if (number === this.#sites.length) {
      this.#sites = widened(this.#sites, number * 2);
      this.#requests = widened(this.#requests, number * 2);
      this.#marksOf = widened(this.#marksOf, number * 2);
    }
    if (stack < this.#numberOf.length) this.#numberOf[stack] = number + 1;
    return number;
  }

  /** Number of the function whose name has that string index. */
  #function(text: number): number {
    const known = this.#functionOf[text] ?? 0;
    if (known !== 0) return known - 1;
    const { strings } = this.#generation!;
    const bytes = strings.bytesOf(text);
    let first = FIRST_HASH;
    let second = SECOND_HASH;
    for (let i = 0; i < bytes.length; i++) {
      first = mixFirst(first, bytes[i]!);
      second = mixSecond(second, bytes[i]!);
    }
    // A string that is none of the generation's table has no bytes there.
    const added = bytes.length === 0 ? strings.get(text) : "";
    for (let i = 0; i < added.length; i++) {
      first = mixFirst(first, 256 + added.charCodeAt(i));
      second = mixSecond(second, 256 + added.charCodeAt(i));
    }
    const number = this.#functions.number(first, second);
    if (number === this.#texts.length) this.#texts.push(strings.get(text));
    if (text < this.#functionOf.length) this.#functionOf[text] = number + 1;
    return number;
  }
}
