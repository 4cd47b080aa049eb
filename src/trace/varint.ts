/**
 * Unsigned LEB128 as Go's encoding/binary writes it, read by halves of 32 bits so that no bit is lost.
 *
 * A value is returned as a double where that is exact (up to 2^53). 2^64−1 is Go's "none" (NoThread, NoProc, NoTask)
 * and reads as −1. Anything else above 2^53 is refused with a `limit` error: never silently wrong.
 * More than 10 bytes, or a tenth byte above 1, overflows 64 bits and is corrupt, as in Go.
 */

import { TraceFormatError } from "./error.ts";

/** Go's binary.MaxVarintLen64. */
export const MAX_VARINT_BYTES = 10;
const TWO_32 = 0x1_0000_0000;
/** The lowest high word of a value that a double cannot hold: 2^53 / 2^32. */
const HIGH_LIMIT = 0x20_0000;

/** Two unsigned 32-bit words to a double; 2^64−1 is −1. Throws `limit` if the value is above 2^53−1 otherwise. */
export function joinWords(lo: number, hi: number, offset?: number): number {
  if (hi < HIGH_LIMIT) return hi * TWO_32 + lo;
  if (hi === 0xffff_ffff && lo === 0xffff_ffff) return -1;
  const value = (BigInt(hi) << 32n) | BigInt(lo);
  throw new TraceFormatError("limit", `value ${value} is above 2^53 and cannot be kept exactly`, { offset });
}

/** A position moving over bytes. For everything but the hot loop of the event merge. */
export class ByteCursor {
  bytes: Uint8Array;
  pos: number;
  end: number;
  /** The words of the last varint read. */
  lo = 0;
  hi = 0;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  get done(): boolean {
    return this.pos >= this.end;
  }

  byte(): number {
    if (this.pos >= this.end) throw this.cut("a byte");
    return this.bytes[this.pos++]!;
  }

  /** An unsigned varint that a double holds exactly; 2^64−1 is −1. */
  uvarint(): number {
    const { bytes, end } = this;
    let { pos } = this;
    if (pos < end) {
      const b0 = bytes[pos++]!;
      if (b0 < 0x80) {
        this.pos = pos;
        return b0;
      }
    }
    const start = this.pos;
    this.words();
    return joinWords(this.lo, this.hi, start);
  }

  /** An unsigned varint of the full 64 bits. */
  uvarint64(): bigint {
    this.words();
    return (BigInt(this.hi) << 32n) | BigInt(this.lo);
  }

  /** Reads a varint into `lo` and `hi`, both unsigned 32-bit. */
  words(): void {
    const { bytes, end } = this;
    const start = this.pos;
    let pos = start;
    let lo = 0;
    let hi = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (pos >= end) throw this.cut("a varint");
      const b = bytes[pos++]!;
      const bits = b & 0x7f;
      // Bytes 0 to 3 fill bits 0–27, byte 4 straddles (28–34), bytes 5 to 9 fill the high word.
      if (i < 4) lo |= bits << (7 * i);
      else if (i === 4) {
        lo |= bits << 28;
        hi = bits >>> 4;
      } else hi |= bits << (7 * i - 32);
      if (b < 0x80) {
        if (i === 9 && b > 1) break;
        this.lo = lo >>> 0;
        this.hi = hi >>> 0;
        this.pos = pos;
        return;
      }
    }
    throw new TraceFormatError("corrupt", "found invalid uvarint: overflows 64 bits", { offset: start });
  }

  private cut(expected: string): TraceFormatError {
    return new TraceFormatError("corrupt", "data ends early", { offset: this.pos, expected });
  }
}

/** How many bytes the varint of a value takes. */
export function uvarintSize(value: number | bigint): number {
  let size = 1;
  for (let v = BigInt(value); v >= 128n; v >>= 7n) size++;
  return size;
}

/** Writes a varint; −1 is written as 2^64−1. Returns the position after it. */
export function putUvarint(out: number[], value: number | bigint): void {
  let v = BigInt.asUintN(64, BigInt(value));
  while (v >= 128n) {
    out.push(Number(v & 127n) | 128);
    v >>= 7n;
  }
  out.push(Number(v));
}
