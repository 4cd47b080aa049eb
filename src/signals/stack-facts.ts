/**
 * What the stacks of one generation say, each read once and only when asked for: the function a goroutine started in, the
 * function that waits or calls the system, and what it means for a request.
 */

import type { Generation } from "../trace/generation.ts";
import { siteOf } from "../analysis/functions.ts";
import { zeroed } from "./id-slots.ts";
import type { Names } from "./names.ts";
import { RequestMark, markStack } from "../analysis/requests.ts";

export class StackFacts {
  readonly #names: Names;
  #generation: Generation | undefined;
  /** By stack index: number of a name plus one, 0 if not read yet. */
  #roots = new Int32Array(0);
  #sites = new Int32Array(0);
  #requests = new Int32Array(0);
  /** By stack index: `RequestMark`. For the hot loop, which asks `mark` where this is `unread`. */
  marks = new Uint8Array(0);

  constructor(names: Names) {
    this.#names = names;
  }

  enter(generation: Generation): void {
    this.#generation = generation;
    const stacks = generation.stacks.count + 1;
    this.#roots = zeroed(this.#roots, stacks);
    this.#sites = zeroed(this.#sites, stacks);
    this.#requests = zeroed(this.#requests, stacks);
    if (this.marks.length < stacks) this.marks = new Uint8Array(stacks * 2);
    else this.marks.fill(0);
  }

  /** Lets go of the generation's tables. */
  leave(): void {
    this.#generation = undefined;
  }

  /** Number of the name of the function a goroutine with this stack started in. */
  root(stack: number): number {
    const known = this.#roots[stack] ?? 0;
    if (known !== 0) return known - 1;
    const stacks = this.#generation?.stacks;
    const frame = stacks?.rootFrame(stack) ?? 0;
    const name = frame === 0 ? 0 : this.#names.id(stacks!.func(frame));
    this.#roots[stack] = name + 1;
    return name;
  }

  /** Number of the name of the function that waits there, or calls the system. */
  site(stack: number): number {
    const known = this.#sites[stack] ?? 0;
    if (known !== 0) return known - 1;
    const name = siteOf(this.#functions(stack));
    const id = name === undefined ? 0 : this.#names.id(name);
    this.#sites[stack] = id + 1;
    return id;
  }

  mark(stack: number): number {
    const known = this.marks[stack];
    if (known !== undefined && known !== RequestMark.unread) return known;
    const { mark, request } = markStack(this.#functions(stack));
    this.marks[stack] = mark;
    if (request !== undefined) this.#requests[stack] = this.#names.id(request);
    return mark;
  }

  /** Number of the name of the handler in a stack marked `handler`. */
  request(stack: number): number {
    return this.#requests[stack] ?? 0;
  }

  #functions(stack: number): readonly string[] {
    const stacks = this.#generation?.stacks;
    return stacks === undefined ? [] : Array.from(stacks.frames(stack), (frame) => stacks.func(frame));
  }
}
