import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, milliseconds } from "../../src/base/units.ts";
import { RING_PRESETS, ringOptions } from "../../src/ring/options.ts";
import { GenerationRing, type Ringable } from "../../src/ring/ring.ts";

interface Numbered extends Ringable {
  readonly number: number;
}

const MS = 1e6;

function ring(minAgeMs: number, maxBytes: number): GenerationRing<Numbered> {
  return new GenerationRing({ minAge: milliseconds(minAgeMs), maxBytes: bytes(maxBytes) });
}

/** Generations of one second each, of the given sizes, numbered from 1. */
function seconds(sizes: readonly number[]): Numbered[] {
  return sizes.map((byteLength, i) => ({
    number: i + 1,
    byteLength,
    startNs: i * 1000 * MS,
    endNs: (i * 1000 + 999) * MS,
  }));
}

const numbers = (kept: readonly Numbered[]): number[] => kept.map((generation) => generation.number);

/**
 * Go's rule, computed another way: walk the whole history for every candidate suffix and keep the longest suffix of
 * which no proper suffix of at least one generation has already reached a limit.
 */
function goKeeps(history: readonly Numbered[], minAgeMs: number, maxBytes: number): number[] {
  const newest = history.at(-1);
  if (newest === undefined) return [];
  const reached = (suffix: readonly Numbered[]): boolean => {
    const size = suffix.reduce((sum, generation) => sum + generation.byteLength, 0);
    return size > maxBytes || newest.endNs - (suffix[0]?.startNs ?? 0) > minAgeMs * MS;
  };
  const longest = history
    .map((_, start) => history.slice(start))
    .find((suffix) => suffix.slice(1).every((_, i) => !reached(suffix.slice(i + 1))));
  return numbers(longest ?? [newest]);
}

describe("GenerationRing", () => {
  it("always keeps the newest generation, whatever its size", () => {
    const r = ring(100, 10);
    for (const generation of seconds([5000, 6000])) r.append(generation);
    expect(numbers(r.snapshot())).toEqual([2]);
    expect(r.bytes).toBe(6000);
  });

  it("keeps the generation that crosses max_bytes, and none beyond it", () => {
    const r = ring(3_600_000, 250);
    for (const generation of seconds([100, 100, 100, 100])) r.append(generation);
    expect(numbers(r.snapshot())).toEqual([2, 3, 4]);
  });

  it("keeps the generation that crosses min_age, and none beyond it", () => {
    const r = ring(1500, 1e9);
    for (const generation of seconds([1, 1, 1, 1])) r.append(generation);
    expect(numbers(r.snapshot())).toEqual([3, 4]);
  });

  it("lets max_bytes outrank min_age", () => {
    const r = ring(10_000, 50);
    for (const generation of seconds([40, 40, 40, 40])) r.append(generation);
    expect(numbers(r.snapshot())).toEqual([3, 4]);
  });

  it("hands out snapshots that later appends leave alone", () => {
    const r = ring(1500, 1e9);
    const [a, b, c, d] = seconds([1, 1, 1, 1]) as [Numbered, Numbered, Numbered, Numbered];
    r.append(a);
    r.append(b);
    const frozen = r.snapshot();
    expect(r.append(c)).toBe(1);
    r.append(d);
    expect(numbers(frozen)).toEqual([1, 2]);
    expect(r.snapshot()[0]).toBe(c);
  });

  it("keeps what Go's rules keep, for any history and any limits", () => {
    const history = fc.array(
      fc.record({ byteLength: fc.integer({ min: 1, max: 400 }), ms: fc.integer({ min: 1, max: 1500 }) }),
      { minLength: 1, maxLength: 25 },
    );
    fc.assert(
      fc.property(
        history,
        fc.integer({ min: 0, max: 6000 }),
        fc.integer({ min: 0, max: 2000 }),
        (steps, minAge, max) => {
          const r = ring(minAge, max);
          const all: Numbered[] = [];
          let clock = 0;
          for (const step of steps) {
            const generation = {
              number: all.length + 1,
              byteLength: step.byteLength,
              startNs: clock * MS,
              endNs: (clock + step.ms) * MS,
            };
            clock += step.ms;
            all.push(generation);
            r.append(generation);
            expect(numbers(r.snapshot())).toEqual(goKeeps(all, minAge, max));
            expect(r.bytes).toBe(r.snapshot().reduce((sum, kept) => sum + kept.byteLength, 0));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("ring options", () => {
  it("default to the flight recorder's 10 s and 10 MiB", () => {
    expect(ringOptions.parse({})).toEqual({ minAge: 10_000, maxBytes: 10_485_760, persist: false });
  });

  it("take a preset and override it", () => {
    expect(ringOptions.parse({ preset: "memory-constrained" })).toEqual({
      ...RING_PRESETS["memory-constrained"],
      persist: false,
    });
    expect(ringOptions.parse({ preset: "fast-request", max_bytes: "2MiB" })).toEqual({
      minAge: 200,
      maxBytes: 2_097_152,
      persist: false,
    });
  });

  it("take 0 for the default, as Go does", () => {
    expect(ringOptions.parse({ min_age: "0", max_bytes: 0 })).toEqual({
      ...RING_PRESETS.default,
      persist: false,
    });
  });
});
