/**
 * A seeded mutator of traces: the same seed makes the same bytes. It flips, swaps, cuts, repeats and splices bytes, and
 * knows enough of the format to change a batch's header, an argument or a whole batch, which gets further than noise.
 */

import { Framing } from "../../src/trace/framing.ts";
import { HEADER_BYTES } from "../../src/trace/header.ts";

/** A random number generator of 32 bits (mulberry32): [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A range of a trace's bytes. */
type Range = readonly [start: number, end: number];

/** Interesting bytes: varint ends and continuations, event numbers at the edges of what is known. */
const edges = [0, 1, 2, 7, 8, 9, 48, 49, 50, 51, 52, 53, 127, 128, 136, 137, 254, 255];

export class Mutator {
  readonly #random: () => number;
  readonly #base: Uint8Array;
  readonly #payloads: Range[] = [];

  constructor(base: Uint8Array, seed: number) {
    this.#base = base;
    this.#random = seeded(seed);
    const framing = new Framing();
    for (const raw of [...framing.push(base), ...framing.end()]) {
      for (let i = 0; i < raw.batches.count; i++) {
        this.#payloads.push([raw.offset + raw.batches.starts[i]!, raw.offset + raw.batches.ends[i]!]);
      }
    }
  }

  /** The next mutated trace. */
  next(): Uint8Array {
    let bytes: Uint8Array = this.#base.slice();
    const steps = 1 + this.#below(4);
    for (let step = 0; step < steps; step++) bytes = this.#mutate(bytes);
    return bytes;
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #mutate(bytes: Uint8Array): Uint8Array {
    if (bytes.length <= HEADER_BYTES) return bytes;
    const at = this.#position(bytes.length);
    switch (this.#below(8)) {
      case 0:
        bytes[at]! ^= 1 << this.#below(8);
        return bytes;
      case 1:
        bytes[at] = edges[this.#below(edges.length)]!;
        return bytes;
      case 2:
        bytes[at] = this.#below(256);
        return bytes;
      case 3:
        return bytes.slice(0, at);
      case 4:
        return splice(bytes, at, at + 1 + this.#below(8), []);
      case 5:
        return splice(
          bytes,
          at,
          at,
          Array.from({ length: 1 + this.#below(11) }, () => 128 + this.#below(128)),
        );
      case 6: {
        const [start, end] = this.#payloads[this.#below(this.#payloads.length)]!;
        return splice(bytes, at, at, bytes.slice(start, end));
      }
      default: {
        const [start, end] = this.#payloads[this.#below(this.#payloads.length)]!;
        return splice(bytes, start, end, []);
      }
    }
  }

  /** A place to change: mostly in a payload or just before one, where its header is. */
  #position(length: number): number {
    if (this.#below(4) === 0) return this.#below(length);
    const [start, end] = this.#payloads[this.#below(this.#payloads.length)]!;
    return Math.min(
      length - 1,
      this.#below(3) === 0 ? Math.max(0, start - 1 - this.#below(20)) : start + this.#below(end - start),
    );
  }
}

function splice(bytes: Uint8Array, start: number, end: number, middle: ArrayLike<number>): Uint8Array {
  const tail = bytes.subarray(Math.min(end, bytes.length));
  const out = new Uint8Array(start + middle.length + tail.length);
  out.set(bytes.subarray(0, start));
  out.set(middle, start);
  out.set(tail, start + middle.length);
  return out;
}
