/** Bytes in any split become the same generations and the same events; what is cut or foreign is named. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventColumns } from "../../src/trace/columns.ts";
import { Framing } from "../../src/trace/framing.ts";
import type { RawGeneration } from "../../src/trace/framing.ts";
import { headerBytes } from "../../src/trace/header.ts";
import { TraceReader, readTrace } from "../../src/trace/reader.ts";
import { buildTrace, concat, sampleTrace } from "../support/trace-builder.ts";
import { collect, digest, sharedTrace, v2Releases } from "./support.ts";

const versions = [22, 23, 25, 26];

function* readSplit(parts: Iterable<Uint8Array>): Generator<EventColumns> {
  const reader = new TraceReader();
  for (const part of parts) yield* reader.push(part);
  yield* reader.end();
}

function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

function generations(bytes: Uint8Array): RawGeneration[] {
  const framing = new Framing();
  return [...framing.push(bytes), ...framing.end()];
}

/** What a generation says of itself, cheap to compare. */
function summary({ number, bytes, offset, batches, minTicks, maxTicks, sync }: RawGeneration): unknown {
  return [number, Buffer.from(bytes).toString("latin1"), offset, batches.count, minTicks, maxTicks, sync];
}

describe("framing", () => {
  it.each(versions)("gives whole generations of version %i, at every split", (version) => {
    const bytes = sampleTrace(version, 3);
    const whole = generations(bytes);
    expect(whole.map((raw) => raw.number)).toEqual([1, 2, 3]);
    expect(concat([headerBytes(version), ...whole.map((raw) => raw.bytes)])).toEqual(bytes);
    for (let at = 0; at <= bytes.length; at++) {
      const framing = new Framing();
      const got = [...framing.push(bytes.slice(0, at)), ...framing.push(bytes.slice(at)), ...framing.end()];
      expect(got.map(summary)).toEqual(whole.map(summary));
    }
  });

  it("tells offset, times and clock of a generation without decoding it", () => {
    const trace = buildTrace(26);
    trace
      .generation(5, { start: 7000, ticksPerSecond: 15_625_000, wallSeconds: 1_760_000_000 })
      .thread(3)
      .at(7100)
      .emit("ProcStatus", { p: 0, pstatus: "Idle" });
    const [raw] = generations(trace.bytes());
    expect(raw).toMatchObject({
      number: 5,
      offset: 16,
      minTicks: 7000,
      maxTicks: 7100,
      gap: false,
      cut: undefined,
    });
    expect(raw!.sync).toEqual({
      ticksPerSecond: 15_625_000,
      clock: { ticks: 7000, mono: 7000n, seconds: 1_760_000_000, nanoseconds: 0 },
    });
  });

  it.each([22, 23, 25])("holds the last generation of version %i back until the next begins", (version) => {
    const framing = new Framing();
    expect([...framing.push(sampleTrace(version, 2))].map((raw) => raw.number)).toEqual([1]);
    expect(framing.currentGeneration).toBe(2);
    expect([...framing.end()].map((raw) => raw.number)).toEqual([2]);
  });

  it("gives a generation of 1.26 at its end mark", () => {
    expect([...new Framing().push(sampleTrace(26, 2))].map((raw) => raw.number)).toEqual([1, 2]);
  });

  it("refuses a missing generation unless it is tolerant", () => {
    const trace = buildTrace(25);
    trace.generation(1).thread(1).emit("ProcStatus", { p: 0, pstatus: "Idle" });
    trace.generation(3).thread(1).emit("ProcStatus", { p: 0, pstatus: "Idle" });
    expect(() => generations(trace.bytes())).toThrow(/generations out of order.*generation 2/);
    const tolerant = new Framing({ tolerant: true });
    const got = [...tolerant.push(trace.bytes()), ...tolerant.end()];
    expect(got.map(({ number, gap }) => [number, gap])).toEqual([
      [1, false],
      [3, true],
    ]);
  });

  it("bounds the bytes of a generation", () => {
    const framing = new Framing({ maxGenerationBytes: 100 });
    expect(() => [...framing.push(sampleTrace(26, 1))]).toThrow(
      expect.objectContaining({ kind: "limit", code: "trace_limit" }),
    );
  });

  it("copies nothing that a consumer keeps", () => {
    const bytes = sampleTrace(26, 3);
    const framing = new Framing();
    const kept: RawGeneration[] = [];
    for (const piece of pieces(bytes, 50)) kept.push(...framing.push(piece));
    expect(concat(kept.map((raw) => raw.bytes))).toEqual(bytes.slice(16));
  });
});

describe("reading", () => {
  it.each(versions)("gives the same rows of version %i in any split", (version) => {
    const bytes = sampleTrace(version, 3);
    const whole = collect(readTrace(bytes));
    expect(whole.error).toBeUndefined();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 20 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const parts = at.slice(1).map((end, i) => bytes.slice(at[i], end));
        expect(collect(readSplit(parts))).toEqual(whole);
      }),
    );
  });

  it.each(v2Releases)("gives the same rows of the Go %s trace in odd pieces", (release) => {
    const bytes = new Uint8Array(readFileSync(sharedTrace(release)));
    const whole = digest(readTrace(bytes));
    expect(digest(readSplit(pieces(bytes, 4093)))).toEqual(whole);
    expect(digest(readTrace(bytes, { batchRows: 17, freshBatches: true }))).toEqual(whole);
  });

  it.each(versions)("tells a cut trace of version %i from a corrupt one, at every cut", (version) => {
    const bytes = sampleTrace(version, 2);
    const whole = collect(readTrace(bytes)).rows;
    for (let at = 0; at < bytes.length; at++) {
      const { rows, error } = collect(readTrace(bytes.slice(0, at)));
      if (error !== undefined)
        expect([at, error.kind, error.message]).toEqual([at, "truncated", error.message]);
      // The events of what came whole are the same; the closing Sync comes sooner.
      expect(rows.slice(0, -1)).toEqual(whole.slice(0, Math.max(0, rows.length - 1)));
    }
  });

  it.each([
    ["an empty file", "", "truncated"],
    ["part of a header", "go 1.2", "truncated"],
    ["text", "<html>404 not found</html>", "not-a-trace"],
    ["a short text", "nope", "not-a-trace"],
    ["a future version", "go 1.99 trace\0\0\0", "unsupported-version"],
    ["a version never written", "go 1.24 trace\0\0\0", "unsupported-version"],
  ])("says what %s is", (_, text, kind) => {
    expect(collect(readTrace(new TextEncoder().encode(text))).error).toMatchObject({ kind });
  });
});
