import type { StackRef } from "./sink.ts";

/** Frames of stacks by one number, over generations, whose own numbers are told anew. */
export interface InternedFrame {
  readonly func: string;
  readonly file: string;
  readonly line: number;
}

/** Distinct stacks that are written; events after that have none. A million take 500 MB in any viewer. */
const MAX_STACKS = 1 << 20;

/** Numbers texts and stacks as they come; `onNew` writes what a number stands for. Numbers begin at 1. */
export class Interner<T> {
  readonly #ids = new Map<string, number>();
  readonly #onNew: (id: number, value: T) => void;

  constructor(onNew: (id: number, value: T) => void) {
    this.#onNew = onNew;
  }

  id(key: string, value: T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.size + 1;
    this.#ids.set(key, id);
    this.#onNew(id, value);
    return id;
  }

  get size(): number {
    return this.#ids.size;
  }
}

/** Stacks by content: 0 for one beyond the bound. */
export class StackInterner {
  readonly #stacks: Interner<readonly number[]>;
  readonly #frames: Interner<InternedFrame>;
  #generation: StackRef["generation"] | undefined;
  /** Of the generation at hand. */
  readonly #known = new Map<number, number>();

  /** @param onStack gets the frames' numbers, leaf first. */
  constructor(
    onFrame: (id: number, frame: InternedFrame) => void,
    onStack: (id: number, frames: readonly number[]) => void,
  ) {
    this.#frames = new Interner(onFrame);
    this.#stacks = new Interner(onStack);
  }

  id({ generation, index }: StackRef): number {
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#known.clear();
    }
    const known = this.#known.get(index);
    if (known !== undefined) return known;
    if (this.#stacks.size >= MAX_STACKS) return 0;
    const frames = generation.stacks
      .resolve(index)
      .map(({ func, file, line }) => this.#frames.id(`${func}\0${file}\0${line}`, { func, file, line }));
    const id = frames.length === 0 ? 0 : this.#stacks.id(frames.join(" "), frames);
    this.#known.set(index, id);
    return id;
  }
}
