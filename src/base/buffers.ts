/**
 * Buffers that are used again. What is allocated for each generation and let go seconds later would be freed only when the
 * garbage collector next looks at all of the heap, by when tens of megabytes of it lie about.
 */

/** Rounds up, so that a buffer fits a generation that is a little longer than the last one, too. */
const SLACK = 1.125;
const GRAIN = 4096;
/** A buffer of more than this many times the length asked for is not given for it. */
const MAX_WASTE = 2;
const MAX_FREE = 64;

export class BufferPool {
  readonly #maxFreeBytes: number;
  /** Longest unused first. */
  #free: ArrayBuffer[] = [];
  #freeBytes = 0;

  /** @param maxFreeBytes of buffers that wait to be used again; beyond, those that waited longest are let go. */
  constructor(maxFreeBytes: number) {
    this.#maxFreeBytes = maxFreeBytes;
  }

  /** So many bytes; what is in them is whatever was before. */
  take(length: number): Uint8Array<ArrayBuffer> {
    let best = -1;
    let bestLength = Math.max(length * MAX_WASTE, GRAIN) + 1;
    for (let i = 0; i < this.#free.length; i++) {
      const { byteLength } = this.#free[i]!;
      if (byteLength < length || byteLength >= bestLength) continue;
      best = i;
      bestLength = byteLength;
    }
    const [buffer] = best < 0 ? [] : this.#free.splice(best, 1);
    if (buffer === undefined) return new Uint8Array(new ArrayBuffer(roomFor(length)), 0, length);
    this.#freeBytes -= buffer.byteLength;
    return new Uint8Array(buffer, 0, length);
  }

  /** The bytes are no longer looked at by anyone. */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength === 0) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.byteLength;
    while (this.#freeBytes > this.#maxFreeBytes || this.#free.length > MAX_FREE) {
      this.#freeBytes -= this.#free.shift()!.byteLength;
    }
  }
}

const roomFor = (length: number): number => Math.ceil((length * SLACK) / GRAIN) * GRAIN;
