/** Varints are exact or refused, never silently wrong. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TraceFormatError } from "../../src/trace/error.ts";
import { ByteCursor, putUvarint, uvarintSize } from "../../src/trace/varint.ts";

function encode(value: bigint): Uint8Array {
  const out: number[] = [];
  putUvarint(out, value);
  return Uint8Array.from(out);
}

/** Every power of 2^7 and its neighbours, and where 32-bit halves, doubles and 64 bits end. */
const edges = [
  ...Array.from({ length: 10 }, (_, k) => [-1n, 0n, 1n].map((d) => 2n ** BigInt(7 * k) + d)).flat(),
  ...[31n, 32n, 53n, 63n].flatMap((k) => [2n ** k - 1n, 2n ** k, 2n ** k + 1n]),
  2n ** 64n - 2n,
  2n ** 64n - 1n,
].filter((value) => value >= 0n);

describe("a varint", () => {
  it.each(edges)("%d survives the full 64 bits", (value) => {
    const cursor = new ByteCursor(encode(value));
    expect(cursor.uvarint64()).toBe(value);
    expect(cursor.done).toBe(true);
    expect(uvarintSize(value)).toBe(encode(value).length);
  });

  it.each(edges)("%d is an exact number or refused", (value) => {
    const cursor = new ByteCursor(encode(value));
    if (value === 2n ** 64n - 1n) expect(cursor.uvarint()).toBe(-1);
    else if (value < 2n ** 53n) expect(BigInt(cursor.uvarint())).toBe(value);
    else expect(() => cursor.uvarint()).toThrow(expect.objectContaining({ kind: "limit" }));
  });

  it("of any value survives", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(new ByteCursor(encode(value)).uvarint64()).toBe(value);
      }),
    );
  });

  it("may be padded, as the runtime pads sizes", () => {
    expect(
      new ByteCursor(Uint8Array.of(0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0)).uvarint(),
    ).toBe(5);
  });

  it.each([
    ["of eleven bytes", [...Array.from({ length: 10 }, () => 0x80), 0]],
    ["whose tenth byte is 2", [...Array.from({ length: 9 }, () => 0x80), 2]],
    ["that ends early", [0x80, 0x80]],
    ["of no bytes", []],
  ])("%s is corrupt", (_, bytes) => {
    expect(() => new ByteCursor(Uint8Array.from(bytes)).uvarint()).toThrow(TraceFormatError);
  });

  it("of any bytes is a number or a TraceFormatError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const cursor = new ByteCursor(bytes);
        try {
          expect(Number.isSafeInteger(cursor.uvarint())).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(TraceFormatError);
        }
      }),
    );
  });
});
