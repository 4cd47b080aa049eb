import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { BufferPool } from "../../src/base/buffers.ts";
import { bytes, epochMilliseconds, milliseconds } from "../../src/base/units.ts";
import { SessionRing } from "../../src/ring/session.ts";

const stream = gunzipSync(readFileSync(resolve(import.meta.dirname, "../fixtures/replay/trace.out.gz")));

interface Generation {
  readonly number: number;
  readonly size: number;
  readonly minNs: number;
  readonly maxNs: number;
}

/**
 * The generations of a Go 1.26 stream, found without any code of src/: a walk over the batch headers with BigInt
 * varints (`1 gen M time size payload`, `52` ends a generation). Times in ns; a tick of this stream is 64 ns.
 */
function scan(data: Uint8Array): Generation[] {
  let at = 16;
  const uvarint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = data[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  const found: Generation[] = [];
  let [start, number, min, max] = [at, 0, Infinity, 0];
  while (at < data.length) {
    const kind = data[at++];
    if (kind === 52) {
      found.push({ number, size: at - start, minNs: min * 64, maxNs: max * 64 });
      [start, min, max] = [at, Infinity, 0];
      continue;
    }
    expect(kind).toBe(1);
    number = uvarint();
    uvarint();
    const time = uvarint();
    min = Math.min(min, time);
    max = Math.max(max, time);
    const size = uvarint();
    at += size;
  }
  return found;
}

/** `runtime/trace`'s recorder.endGeneration, written down again from its source (Go 1.26), with the newest batch for "now". */
function goRing(history: readonly Generation[], minAgeNs: number, maxBytes: number): number[] {
  let ring: Generation[] = [];
  for (const active of history) {
    const kept = [active];
    let { size } = active;
    for (const older of ring.toReversed()) {
      if (size > maxBytes || active.maxNs - (kept.at(-1)?.minNs ?? 0) > minAgeNs) break;
      size += older.size;
      kept.push(older);
    }
    ring = kept.reverse();
  }
  return ring.map(({ number }) => number);
}

describe("a recorded stream of nine generations", () => {
  const history = scan(stream);

  it("is nine seconds of trace", () => {
    expect(history.map(({ number }) => number)).toEqual(history.map((_, i) => (history[0]?.number ?? 0) + i));
    expect(history.length).toBeGreaterThanOrEqual(9);
  });

  it.each([
    ["the default", 10_000, 10_485_760],
    ["fast-request", 200, 1_048_576],
    ["batch-job", 5000, 10_485_760],
    ["memory-constrained", 100, 524_288],
    ["a size that holds three", 60_000, 250_000],
    ["a size smaller than any", 60_000, 1],
    ["an age shorter than any", 1, 10_485_760],
    ["an age of three and a half", 3500, 10_485_760],
  ])("is kept as Go keeps it, after each generation: %s", (_, minAgeMs, maxBytes) => {
    const session = new SessionRing({
      id: "s",
      limits: { minAge: milliseconds(minAgeMs), maxBytes: bytes(maxBytes) },
      maxGenerationBytes: 1 << 30,
    });
    let seen = 0;
    for (let offset = 0; offset < stream.length; offset += 4096) {
      seen += session.push(stream.subarray(offset, offset + 4096), epochMilliseconds(0)).length;
      const kept = session.recorded()?.generations.map(({ number }) => number) ?? [];
      expect(kept).toEqual(goRing(history.slice(0, seen), minAgeMs * 1e6, maxBytes));
    }
    expect(seen).toBe(history.length);
  });

  const generationsOf = (data: Uint8Array): Uint8Array[] => {
    let offset = 16;
    return scan(data).map(({ size }) => data.subarray(offset, (offset += size)));
  };
  const expected = generationsOf(stream);

  /** Two generations long, its buffers shared, as the agent's are. */
  const small = (buffers: BufferPool): SessionRing =>
    new SessionRing({
      id: "s",
      limits: { minAge: milliseconds(1500), maxBytes: bytes(1 << 30) },
      maxGenerationBytes: 1 << 30,
      buffers,
    });

  it("uses the bytes of evicted generations again, but those that somebody asked for", () => {
    const taken = new Set<ArrayBuffer>();
    class Watched extends BufferPool {
      override take(length: number): Uint8Array<ArrayBuffer> {
        const given = super.take(length);
        taken.add(given.buffer);
        return given;
      }
    }
    const session = small(new Watched(1 << 24));
    const copies: Uint8Array[] = [];
    let lent: Uint8Array | undefined;
    for (let offset = 0; offset < stream.length; offset += 4096) {
      for (const generation of session.push(stream.subarray(offset, offset + 4096), epochMilliseconds(0))) {
        const copy = new Uint8Array(generation.byteLength + 1);
        generation.copyTo(copy, 1);
        copies.push(copy.subarray(1));
        if (copies.length === 3) lent = generation.bytes;
      }
    }
    expect(copies.map((copy, i) => Buffer.compare(copy, expected[i]!))).toEqual(expected.map(() => 0));
    expect(Buffer.compare(lent!, expected[2]!)).toBe(0);
    expect(taken.size).toBeLessThan(expected.length - 2);
  });

  it("gives what one push both completed and evicted", () => {
    const session = small(new BufferPool(1 << 24));
    const sealed = session.push(stream, epochMilliseconds(0));
    expect(sealed.map(({ bytes: held }, i) => Buffer.compare(held, expected[i]!))).toEqual(
      expected.map(() => 0),
    );
  });

  it("tells whoever comes too late that a generation was evicted", () => {
    const session = small(new BufferPool(1 << 24));
    const [first] = session.push(stream.subarray(0, 16 + expected[0]!.length), epochMilliseconds(0));
    session.push(stream.subarray(16 + expected[0]!.length), epochMilliseconds(0));
    session.push(new Uint8Array(), epochMilliseconds(0));
    expect(() => first?.bytes).toThrow("evicted");
  });
});
