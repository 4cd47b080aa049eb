import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, epochMilliseconds, milliseconds } from "../../src/base/units.ts";
import type { RecordedGeneration } from "../../src/ring/recording.ts";
import { SessionRing } from "../../src/ring/session.ts";
import { HEADER_BYTES } from "../../src/trace/header.ts";

const shared = process.env["GOREWIND_SHARED"] ?? resolve(import.meta.dirname, "../../../shared");
const traces = readdirSync(resolve(shared, "traces"))
  .filter((name) => name.endsWith(".trace"))
  .map((name) => ({ name, data: readFileSync(resolve(shared, "traces", name)) }));
const isV2 = (name: string): boolean => /go1\.2[2-7]/.test(name);

function openSession(maxGenerationBytes = 1 << 30): SessionRing {
  return new SessionRing({
    id: "s",
    limits: { minAge: milliseconds(3_600_000), maxBytes: bytes(1 << 30) },
    maxGenerationBytes,
  });
}

const at = epochMilliseconds(1_700_000_000_000);

function feed(session: SessionRing, data: Uint8Array, sizes: Iterable<number>): RecordedGeneration[] {
  const sealed: RecordedGeneration[] = [];
  let offset = 0;
  for (const size of sizes) {
    if (offset >= data.length) break;
    sealed.push(...session.push(data.subarray(offset, offset + size), at));
    offset += size;
  }
  if (offset < data.length) sealed.push(...session.push(data.subarray(offset), at));
  return sealed;
}

function* everySize(size: number): Generator<number> {
  for (;;) yield size;
}

describe("SessionRing", () => {
  it.each(traces.filter(({ name }) => isV2(name)))(
    "cuts $name so that header and generations are the file again",
    ({ data }) => {
      const session = openSession();
      const sealed = [...feed(session, data, everySize(4096)), ...session.end(at)];
      expect(sealed.length).toBeGreaterThan(0);
      const recorded = session.recorded();
      const again = Buffer.concat([
        recorded?.header ?? Buffer.alloc(0),
        ...sealed.map((generation) => generation.bytes),
      ]);
      expect(again.equals(data)).toBe(true);
      expect(sealed.map((generation) => generation.number)).toEqual(
        sealed.map((_, i) => (sealed[0]?.number ?? 0) + i),
      );
      for (const generation of sealed) {
        expect(generation.endNs).toBeGreaterThan(generation.startNs);
        expect(generation.wallEnd - generation.wallStart).toBeCloseTo(
          (generation.endNs - generation.startNs) / 1e6,
          3,
        );
      }
    },
  );

  it("cuts at the same places however the bytes are split", () => {
    for (const { data } of traces.filter(({ name }) => /go1\.(22|26)/.test(name))) {
      const whole = openSession();
      const expected = [...whole.push(data, at), ...whole.end(at)].map((generation) => generation.byteLength);
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 50_000 }), { maxLength: 60 }), (sizes) => {
          const session = openSession();
          const sealed = [...feed(session, data, sizes), ...session.end(at)];
          expect(sealed.map((generation) => generation.byteLength)).toEqual(expected);
        }),
        { numRuns: 20 },
      );
    }
  });

  it("takes the wall clock from the trace from Go 1.25 on, else from the arrival of its bytes", () => {
    for (const { name, data } of traces.filter(({ name: n }) => isV2(n))) {
      const session = openSession();
      const sealed = [...session.push(data, at), ...session.end(at)];
      const recorded = session.recorded();
      const year = new Date(sealed.at(-1)?.wallEnd ?? 0).getUTCFullYear();
      if (/go1\.2[567]/.test(name)) {
        expect(recorded?.clock).toBe("snapshot");
        expect(year).toBeGreaterThanOrEqual(2026);
      } else {
        expect(recorded?.clock).toBe("arrival");
        expect(sealed.at(-1)?.wallEnd).toBeCloseTo(at, 3);
      }
    }
  });

  it.each(traces.filter(({ name }) => !isV2(name)))(
    "keeps $name whole: its format cannot be cut",
    ({ data }) => {
      const session = openSession();
      expect(feed(session, data, everySize(1000))).toEqual([]);
      expect(session.streamable).toBe(false);
      const [generation, ...more] = session.end(at);
      expect(more).toEqual([]);
      const again = Buffer.concat([
        session.recorded()?.header ?? Buffer.alloc(0),
        generation?.bytes ?? Buffer.alloc(0),
      ]);
      expect(again.equals(data)).toBe(true);
    },
  );

  it("drops a torn tail and keeps the whole generations before it", () => {
    for (const { data } of traces.filter(({ name }) => isV2(name))) {
      const whole = openSession();
      const all = [...whole.push(data, at), ...whole.end(at)];
      const torn = openSession();
      feed(torn, data.subarray(0, data.length - 100), everySize(8192));
      torn.close();
      const kept = torn.recorded()?.generations ?? [];
      expect(kept.length).toBe(all.length - 1);
      expect(torn.recorded()?.live ?? false).toBe(false);
      const inGenerations = kept.reduce((sum, generation) => sum + generation.byteLength, HEADER_BYTES);
      expect(torn.openBytes).toBe(data.length - 100 - inGenerations);
      expect(torn.recorded()?.tornBytes ?? torn.openBytes).toBe(torn.openBytes);
    }
  });

  it("counts a torn tail as dropped where the server ended the stream in it", () => {
    for (const { data, name } of traces.filter((each) => isV2(each.name) && !/1\.2[6-9]/.test(each.name))) {
      const torn = openSession();
      feed(torn, data.subarray(0, data.length - 100), everySize(8192));
      const open = torn.openBytes;
      expect(torn.end(at), name).toEqual([]);
      torn.close();
      expect(torn.openBytes, name).toBe(open);
    }
  });

  it("refuses what is no trace, and what passes its bound", () => {
    const html = new TextEncoder().encode("<html><body>Not the page you look for</body></html>");
    expect(() => openSession().push(html, at)).toThrow(/no Go execution trace: it begins with "<html>/);
    const big = traces.find(({ name }) => name.includes("go1.26"))?.data ?? Buffer.alloc(0);
    expect(() => feed(openSession(100_000), big, everySize(8192))).toThrow(/100000/);
    const old = traces.find(({ name }) => name.includes("go1.19"))?.data ?? Buffer.alloc(0);
    expect(() => feed(openSession(50_000), old, everySize(8192))).toThrow(/50000/);
  });
});
