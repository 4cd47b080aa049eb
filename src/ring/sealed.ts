import type { BufferPool } from "../base/buffers.ts";
import type { EpochMilliseconds } from "../base/units.ts";
import type { RecordedGeneration } from "./recording.ts";

/** Where a generation lies in time. */
export type GenerationSpan = Pick<RecordedGeneration, "startNs" | "endNs" | "wallStart" | "wallEnd">;

/** A generation as the ring keeps it. It knows whether anyone holds on to its bytes. */
export class SealedGeneration implements RecordedGeneration {
  readonly number: number;
  readonly byteLength: number;
  readonly startNs: number;
  readonly endNs: number;
  readonly wallStart: EpochMilliseconds;
  readonly wallEnd: EpochMilliseconds;
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #lent = false;

  /** @param bytes its own from here on. */
  constructor(number: number, bytes: Uint8Array<ArrayBuffer>, span: GenerationSpan) {
    this.number = number;
    this.byteLength = bytes.length;
    this.startNs = span.startNs;
    this.endNs = span.endNs;
    this.wallStart = span.wallStart;
    this.wallEnd = span.wallEnd;
    this.#bytes = bytes;
  }

  get bytes(): Uint8Array {
    this.#lent = true;
    return this.#held;
  }

  copyTo(into: Uint8Array, at: number): void {
    into.set(this.#held, at);
  }

  /** It was evicted: its bytes are used again, unless somebody has them. */
  release(buffers: BufferPool): void {
    if (this.#lent || this.#bytes === undefined) return;
    buffers.give(this.#bytes);
    this.#bytes = undefined;
  }

  get #held(): Uint8Array {
    if (this.#bytes === undefined) throw new RangeError(`generation ${this.number} was evicted`);
    return this.#bytes;
  }
}
