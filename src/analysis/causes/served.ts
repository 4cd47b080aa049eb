/**
 * Requests told from stacks (../requests.ts), as units beside tasks: one begins when its goroutine wakes from waiting for
 * it and ends when the goroutine waits for the next; a goroutine that lives for one request is one.
 */

import { RequestMark, markStack } from "../requests.ts";
import { widen } from "../slots.ts";
import type { StackPool } from "../stacks.ts";

/** What a goroutine's own stack means for its request. */
export const Serving = { nothing: 0, ends: 1, begins: 2 } as const;

export class Served {
  /** By stack: `RequestMark`, and the handler's text. */
  #marks = new Uint8Array(512);
  readonly #handlers = new Map<number, string>();
  // By goroutine slot: its unit + 1, whether it was seen in a handler, whether it waits for a request, its handler's stack.
  unit = new Int32Array(256);
  #seen = new Uint8Array(256);
  idle = new Uint8Array(256);
  #handlerStack = new Int32Array(256);

  reserve(capacity: number): void {
    if (this.unit.length >= capacity) return;
    this.unit = widen(this.unit, new Int32Array(capacity));
    this.#seen = widen(this.#seen, new Uint8Array(capacity));
    this.idle = widen(this.idle, new Uint8Array(capacity));
    this.#handlerStack = widen(this.#handlerStack, new Int32Array(capacity));
  }

  appears(slot: number): void {
    this.unit[slot] = 0;
    this.#seen[slot] = 0;
    this.idle[slot] = 0;
    this.#handlerStack[slot] = 0;
  }

  /** A request of the goroutine begins: the unit that was made for it. */
  begins(slot: number, unit: number): void {
    this.idle[slot] = 0;
    this.#seen[slot] = 0;
    this.#handlerStack[slot] = 0;
    this.unit[slot] = unit + 1;
  }

  /** What to do at a stack of the goroutine's own. `isNew`: it was just created there. */
  at(slot: number, stack: number, isNew: boolean, stacks: StackPool): number {
    const mark = this.#mark(stack, stacks);
    switch (mark) {
      case RequestMark.none:
        return Serving.nothing;
      case RequestMark.idle:
        this.idle[slot] = 1;
        return this.unit[slot] === 0 ? Serving.nothing : Serving.ends;
      case RequestMark.connection:
        return isNew ? Serving.begins : Serving.nothing;
      default:
        if (isNew) return Serving.begins;
        if (this.unit[slot] === 0) return Serving.nothing;
        this.#seen[slot] = 1;
        if (mark === RequestMark.handler && this.#handlerStack[slot] === 0) this.#handlerStack[slot] = stack;
        return Serving.nothing;
    }
  }

  /** The request is over: its handler, "" if it has no name, undefined if it was none. */
  ends(slot: number): string | undefined {
    this.unit[slot] = 0;
    return this.#seen[slot] === 1 ? (this.#handlers.get(this.#handlerStack[slot]!) ?? "") : undefined;
  }

  #mark(stack: number, stacks: StackPool): number {
    if (stack >= this.#marks.length) this.#marks = widen(this.#marks, new Uint8Array(stack * 2));
    const known = this.#marks[stack]!;
    if (known !== RequestMark.unread) return known;
    const { mark, request } = markStack(stacks.resolve(stack).map(({ func }) => func));
    this.#marks[stack] = mark;
    if (request !== undefined) this.#handlers.set(stack, request);
    return mark;
  }
}
