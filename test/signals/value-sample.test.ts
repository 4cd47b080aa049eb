import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ValueSample } from "../../src/signals/value-sample.ts";

/** Time of the i-th value, so that a kept pair can be checked. */
const timeOf = (i: number): number => i * 10 + 1;

function fill(values: readonly number[], limit: number): ValueSample {
  const sample = new ValueSample(limit);
  for (const [i, value] of values.entries()) sample.push(value, timeOf(i));
  return sample;
}

function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
}

describe("a sample of values", () => {
  it("keeps everything up to its limit, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true }), { maxLength: 300 }), (values) => {
        const drained = fill(values, 300).drain();
        expect([...drained.values]).toEqual(values);
        expect([...drained.times]).toEqual(values.map((_, i) => timeOf(i)));
        expect(drained.total).toBe(values.length);
      }),
    );
  });

  it("beyond its limit keeps pairs that were pushed, no more than the limit, and always the largest", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 65, maxLength: 3000 }),
        fc.integer({ min: 64, max: 400 }),
        (values, limit) => {
          const { values: kept, times, total } = fill(values, limit).drain();
          expect(total).toBe(values.length);
          expect(kept.length).toBe(times.length);
          expect(kept.length).toBeLessThanOrEqual(limit);
          expect(kept.length).toBeGreaterThan(0);
          expect(Math.max(...kept)).toBe(Math.max(...values));
          const seen = new Set<number>();
          for (const [i, time] of times.entries()) {
            expect(values[(time - 1) / 10]).toBe(kept[i]);
            seen.add(time);
          }
          if (new Set(values).size === values.length) expect(seen.size).toBe(kept.length);
        },
      ),
    );
  });

  it("has quantiles of all values, the higher ones too", () => {
    // Latencies as they are: most short, a long tail, the worst once.
    let state = 42;
    const random = (): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (state + 1) / 0x8000_0000;
    };
    const values = Array.from({ length: 200_000 }, () => Math.exp(-Math.log(random()) * 0.5));
    values[77_777] = 1e9;
    const { values: kept, total } = fill(values, 8192).drain();
    expect(kept.length).toBeLessThanOrEqual(8192);
    expect(total).toBe(200_000);
    expect(Math.max(...kept)).toBe(1e9);
    for (const q of [0.1, 0.5, 0.9, 0.99, 0.995]) {
      // Where the kept quantile stands among all values: within four standard deviations of a sample of 8192.
      const value = quantile(kept, q);
      const rank = values.filter((each) => each <= value).length / values.length;
      expect(Math.abs(rank - q), `p${q * 100}`).toBeLessThan(4 * Math.sqrt((q * (1 - q)) / 8192));
    }
  });

  it("is empty once drained, and the same for the same values", () => {
    const values = Array.from({ length: 5000 }, (_, i) => (i * 7919) % 1009);
    const sample = fill(values, 128);
    const first = sample.drain();
    expect(sample.drain()).toMatchObject({ total: 0, values: new Float64Array(0) });
    expect(fill(values, 128).drain()).toEqual(first);
    sample.push(3, 4);
    expect(sample.drain()).toEqual({ values: Float64Array.of(3), times: Float64Array.of(4), total: 1 });
  });
});
