/**
 * Reading the values and events of the v1 wire.
 *
 * A value is taken as Go's reader takes it, as an int64: 2^64−1 ("none", or the heap goal with the GC off) is −1, and a
 * time delta of a P whose clock went backwards is the small negative number it means. What no double holds exactly,
 * between 2^53 and 2^64−2^53, is refused.
 */

import { TraceFormatError } from "../error.ts";
import { ByteCursor, MAX_VARINT_BYTES } from "../varint.ts";
import { v1Names, wireArgs } from "./spec.ts";

/** First bytes from here on (an argument count of 3) mean: a byte length follows, and arguments up to it. */
export const LENGTH_PREFIX = 0xc0;
/** The other bits of a first byte. */
export const TYPE_BITS = 0x3f;
/** A varint of at most as many bytes is exact in a double: 7 bits each. */
const EXACT_BYTES = 7;
/** Longest length-prefixed event Go's reader takes, in bytes. */
const MAX_EVENT_BYTES = 2048;
/** Longest string Go's reader takes, in bytes. */
const MAX_STRING_BYTES = 1_000_000;

const TWO_32 = 0x1_0000_0000;
/** 2^53 / 2^32: a high word below it, of either sign, leaves the value exact. */
const EXACT_HIGH = 0x20_0000;

export class V1Cursor extends ByteCursor {
  /** Arguments of the last event read: the time delta first. A length-prefixed event holds at most one per byte. */
  readonly args = new Float64Array(MAX_EVENT_BYTES);

  /** A varint as a signed 64-bit number. */
  value(): number {
    const { bytes } = this;
    let { pos } = this;
    if (pos + 4 <= this.end) {
      let b = bytes[pos++]!;
      let result = b & 0x7f;
      if (b >= 0x80) {
        b = bytes[pos++]!;
        result |= (b & 0x7f) << 7;
        if (b >= 0x80) {
          b = bytes[pos++]!;
          result |= (b & 0x7f) << 14;
          if (b >= 0x80) {
            b = bytes[pos++]!;
            if (b >= 0x80) return this.wide();
            result |= b << 21;
          }
        }
      }
      this.pos = pos;
      return result;
    }
    return this.wide();
  }

  private wide(): number {
    const start = this.pos;
    let last = start;
    while (last < this.end && this.bytes[last]! >= 0x80) last++;
    if (last === this.end && last - start < MAX_VARINT_BYTES) throw this.truncated("a number", start);
    this.words();
    const { lo, hi } = this;
    if (hi < EXACT_HIGH) return hi * TWO_32 + lo;
    const signedHigh = hi - TWO_32;
    if (hi > 0xffff_ffff - EXACT_HIGH) return signedHigh * TWO_32 + lo;
    const value = (BigInt(hi) << 32n) | BigInt(lo);
    throw new TraceFormatError("limit", `value ${value} is above 2^53 and cannot be kept exactly`, {
      offset: start,
    });
  }

  /**
   * Reads the arguments of an event whose first byte is at `pos` into `args` and returns how many there are.
   * Not for batches and strings, which have a form of their own.
   */
  event(): number {
    const start = this.pos++;
    const first = this.bytes[start]!;
    if (first < LENGTH_PREFIX) {
      const inline = (first >> 6) + 1;
      for (let i = 0; i < inline; i++) this.args[i] = this.value();
      return inline;
    }
    const end = this.eventEnd(start);
    let count = 0;
    while (this.pos < end) this.args[count++] = this.value();
    if (this.pos !== end) {
      throw new TraceFormatError("corrupt", "an argument runs over the end of its event", { offset: start });
    }
    return count;
  }

  /** Reads the length of a length-prefixed event: where it ends. */
  private eventEnd(start: number): number {
    const size = this.value();
    if (size < 0 || size > MAX_EVENT_BYTES) {
      throw new TraceFormatError("corrupt", `length-prefixed event is too big: ${size} bytes`, {
        offset: start,
        expected: `at most ${MAX_EVENT_BYTES} bytes`,
      });
    }
    if (this.pos + size > this.end) throw this.truncated("an event", start);
    return this.pos + size;
  }

  /** The value number `index` (the time is 0) of the event at `offset`, which the first pass has checked. */
  valueAt(offset: number, index: number): number {
    this.pos = offset + 1;
    this.skipValues(this.bytes[offset]! < LENGTH_PREFIX ? index : index + 1);
    return this.value();
  }

  /** Checks the form of a timed event, whose number of arguments the table fixes, and moves over it. */
  checkTimed(type: number): void {
    const start = this.pos++;
    const first = this.bytes[start]!;
    const want = wireArgs[type]!;
    if (first < LENGTH_PREFIX) {
      if ((first >> 6) + 1 !== want) throw wrongCount(type, start);
      this.checkValues(want);
      return;
    }
    const end = this.eventEnd(start);
    this.checkValues(want);
    if (this.pos !== end) throw wrongCount(type, start);
  }

  /** Moves over some varints that must be well formed. */
  private checkValues(count: number): void {
    const { bytes, end } = this;
    let { pos } = this;
    for (let left = count; left > 0; left--) {
      const start = pos;
      while (bytes[pos]! >= 0x80) pos++;
      pos++;
      if (pos - start > EXACT_BYTES || pos > end) {
        // Too long to be sure of, or cut: reading it tells.
        this.pos = start;
        this.value();
        pos = this.pos;
      }
    }
    this.pos = pos;
  }

  /** Moves over some varints, for what the first pass has checked. */
  skipValues(count: number): void {
    const { bytes } = this;
    let { pos } = this;
    for (let left = count; left > 0; left--) {
      while (bytes[pos++]! >= 0x80);
    }
    this.pos = pos;
  }

  /** A byte length and as many bytes: returns the range, which may be empty. */
  stringRange(): Uint8Array {
    const start = this.pos;
    const size = this.value();
    if (size < 0 || size > MAX_STRING_BYTES) {
      throw new TraceFormatError("corrupt", `string is too large: ${size} bytes`, {
        offset: start,
        expected: `at most ${MAX_STRING_BYTES} bytes`,
      });
    }
    const from = this.pos;
    if (from + size > this.end) throw this.truncated("a string", start);
    this.pos = from + size;
    return this.bytes.subarray(from, this.pos);
  }

  /** The file ends inside something that was well formed so far. */
  truncated(what: string, offset: number): TraceFormatError {
    return new TraceFormatError("truncated", `the trace ends inside ${what}`, { offset });
  }
}

function wrongCount(type: number, offset: number): TraceFormatError {
  return new TraceFormatError("corrupt", `${v1Names[type]} has wrong number of arguments`, {
    offset,
    expected: String(wireArgs[type]),
  });
}
