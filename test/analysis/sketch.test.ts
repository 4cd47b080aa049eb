import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EXACT_VALUES, RELATIVE_ERROR, Sketch } from "../../src/analysis/sketch.ts";

/** Durations of every magnitude up to 2^53 ns. */
const duration = fc.oneof(
  fc.integer({ min: 0, max: 1000 }),
  fc.double({ min: 0, max: 53, noNaN: true }).map((bits) => Math.floor(2 ** bits)),
  fc.constantFrom(0, 1, 2, 63, 64, 127, 128, 129, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const quantiles = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

function sketchOf(values: readonly number[]): Sketch {
  const sketch = new Sketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

/** The value at rank ⌈q·n⌉ of the sorted values. */
function exact(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(q * values.length)) - 1]!;
}

describe("a sketch", () => {
  test("is exact while there are few values", () => {
    fc.assert(
      fc.property(fc.array(duration, { minLength: 1, maxLength: EXACT_VALUES }), (values) => {
        const sketch = sketchOf(values);
        for (const q of quantiles) expect(sketch.quantile(q)).toBe(exact(values, q));
      }),
    );
  });

  test("keeps the stated relative error with many", () => {
    fc.assert(
      fc.property(fc.array(duration, { minLength: EXACT_VALUES + 1, maxLength: 2000 }), (values) => {
        const sketch = sketchOf(values);
        for (const q of quantiles) {
          const wanted = exact(values, q);
          expect(Math.abs(sketch.quantile(q) - wanted)).toBeLessThanOrEqual(
            wanted * (RELATIVE_ERROR + 1e-12),
          );
        }
        expect(sketch.quantile(1)).toBe(Math.max(...values));
      }),
      { numRuns: 50 },
    );
  });

  test("is the same whether values come at once or merged", () => {
    const lists = fc.array(fc.array(duration, { maxLength: 300 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(lists, (parts) => {
        const merged = new Sketch();
        for (const part of parts) merged.merge(sketchOf(part));
        const whole = sketchOf(parts.flat());
        // Sums of doubles above 2^53 depend on their order.
        const close = { sum_ns: expect.closeTo(whole.sum, -6), mean_ns: expect.any(Number) };
        expect(merged.distribution()).toEqual({ ...whole.distribution(), ...close });
        expect(merged.histogram([10, 1000, 1e6])).toEqual(whole.histogram([10, 1000, 1e6]));
      }),
    );
  });

  test("counts into a histogram", () => {
    expect(sketchOf([0, 5, 10, 10, 99, 100, 5000]).histogram([10, 100, 1000])).toEqual([2, 3, 1, 1]);
    const many = sketchOf(Array.from({ length: 1000 }, (_, i) => i * 1000));
    expect(many.histogram([500_000]).reduce((a, b) => a + b)).toBe(1000);
    expect(many.histogram([500_000])[0]).toBeGreaterThan(490);
    expect(many.histogram([500_000])[0]).toBeLessThan(510);
  });

  test("of nothing is all zero", () => {
    expect(new Sketch().distribution()).toEqual({
      count: 0,
      sum_ns: 0,
      min_ns: 0,
      mean_ns: 0,
      p50_ns: 0,
      p95_ns: 0,
      p99_ns: 0,
      max_ns: 0,
    });
  });
});
