import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TraceFormatError } from "../../../src/trace/error.ts";
import { V1Cursor } from "../../../src/trace/v1/cursor.ts";
import { IdTable } from "../../../src/trace/v1/ids.ts";
import { putUvarint } from "../../../src/trace/varint.ts";

function encoded(value: bigint): Uint8Array {
  const bytes: number[] = [];
  putUvarint(bytes, value);
  return Uint8Array.from(bytes);
}

function read(bytes: Uint8Array): number | TraceFormatError {
  try {
    return new V1Cursor(bytes).value();
  } catch (error) {
    if (error instanceof TraceFormatError) return error;
    throw error;
  }
}

const edges = [7n, 14n, 21n, 28n, 31n, 32n, 35n, 42n, 49n, 53n, 56n, 63n, 64n].flatMap((bits) =>
  [-2n, -1n, 0n, 1n].map((d) => BigInt.asUintN(64, (1n << bits) + d)),
);

describe("a value of the v1 wire", () => {
  it("is Go's int64 where a double holds it exactly, and refused elsewhere", () => {
    const check = (unsigned: bigint, padding: number) => {
      const bytes = Uint8Array.of(...encoded(unsigned), ...Array<number>(padding).fill(0));
      const signed = BigInt.asIntN(64, unsigned);
      const exact = signed < 1n << 53n && signed >= -(1n << 53n);
      const got = read(bytes);
      if (exact) expect(got).toBe(Number(signed));
      else expect(got).toMatchObject({ kind: "limit" });
    };
    for (const value of edges) for (const padding of [0, 8]) check(value, padding);
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(8), check));
  });

  it("is truncated where the file ends in it, corrupt where it overflows", () => {
    expect(read(Uint8Array.of(0x80, 0x80))).toMatchObject({ kind: "truncated" });
    expect(read(Uint8Array.of())).toMatchObject({ kind: "truncated" });
    expect(read(Uint8Array.of(...Array<number>(9).fill(0xff), 2, 0, 0))).toMatchObject({ kind: "corrupt" });
    expect(read(Uint8Array.of(...Array<number>(11).fill(0x80)))).toMatchObject({ kind: "corrupt" });
  });
});

describe("a table of ids", () => {
  it("numbers ids as they come, whatever they are", () => {
    const id = fc.oneof(
      fc.nat(40),
      fc.nat(),
      fc.maxSafeInteger(),
      fc.constantFrom(-2, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 16),
    );
    fc.assert(
      fc.property(fc.array(id, { maxLength: 400 }), (ids) => {
        const table = new IdTable();
        const numbers = new Map<number, number>();
        for (const one of ids) {
          if (!numbers.has(one)) numbers.set(one, numbers.size);
          expect(table.numberOf(one)).toBe(numbers.get(one));
        }
        expect(table.size).toBe(numbers.size);
        expect([...table.ids.subarray(0, table.size)]).toEqual([...numbers.keys()]);
      }),
    );
  });
});
