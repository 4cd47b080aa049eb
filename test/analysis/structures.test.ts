import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IdSet } from "../../src/analysis/idset.ts";
import { Names } from "../../src/analysis/names.ts";
import { Series } from "../../src/analysis/series.ts";
import { SlotTable } from "../../src/analysis/slots.ts";
import { GoroutineTracker } from "../../src/analysis/tracker.ts";
import { Worst } from "../../src/analysis/worst.ts";

describe("slots", () => {
  test("behave as a map, whatever is put in and taken out", () => {
    const id = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 2 ** 40, max: 2 ** 40 + 50 }));
    const steps = fc.array(fc.tuple(fc.boolean(), id), { maxLength: 4000 });
    fc.assert(
      fc.property(steps, (sequence) => {
        const table = new SlotTable();
        const model = new Map<number, number>();
        for (const [insert, key] of sequence) {
          const slot = model.get(key);
          if (insert && slot === undefined) {
            const given = table.insert(key);
            expect([...model.values()].includes(given)).toBe(false);
            model.set(key, given);
          } else if (!insert && slot !== undefined) {
            table.remove(slot);
            model.delete(key);
          }
        }
        expect(table.count).toBe(model.size);
        for (const [key, slot] of model) {
          expect(table.find(key)).toBe(slot);
          expect(table.id(slot)).toBe(key);
        }
        for (const [, key] of sequence) if (!model.has(key)) expect(table.find(key)).toBe(-1);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a set of ids", () => {
  test("holds what was added and nothing else", () => {
    const ids = fc.array(fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.maxSafeNat()), { maxLength: 300 });
    fc.assert(
      fc.property(ids, ids, (added, asked) => {
        const set = new IdSet();
        for (const id of added) set.add(id);
        for (const id of added) expect(set.has(id)).toBe(true);
        for (const id of asked) expect(set.has(id)).toBe(added.includes(id));
      }),
    );
  });
});

describe("names", () => {
  test("beyond the bound are one", () => {
    const names = new Names(2, "(other)", [""]);
    expect(["", "a", "b", "c", "a"].map((name) => names.text(names.id(name)))).toEqual([
      "",
      "a",
      "(other)",
      "(other)",
      "a",
    ]);
    expect(names.overflow).toBe(2);
  });
});

describe("the worst", () => {
  test("are the greatest, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.integer({ min: 0, max: 10 }), (values, bound) => {
        const worst = new Worst<number>(bound);
        for (const value of values) worst.add(value, value);
        expect(worst.items).toEqual(values.toSorted((a, b) => b - a).slice(0, bound));
      }),
    );
  });
});

describe("a series", () => {
  const until = (lastTime: number): GoroutineTracker => Object.assign(new GoroutineTracker([]), { lastTime });

  test("is the level over time, in buckets", () => {
    const series = new Series(4);
    series.begin(0);
    series.set(0, 2);
    series.set(50_000, 4);
    series.set(150_000, 0);
    expect(series.result(until(299_999))).toEqual({
      bucket_ns: 100_000,
      min: [2, 0, 0],
      mean: [3, 2, 0],
      max: [4, 4, 0],
    });
    expect(series.mean()).toBeCloseTo((50_000 * 2 + 100_000 * 4) / 299_999);
  });

  test("halves its resolution when time goes on, and keeps area, least and greatest", () => {
    const changes = fc.array(fc.tuple(fc.integer({ min: 1, max: 400_000 }), fc.nat(20)), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(changes, (steps) => {
        const series = new Series(8);
        series.begin(0);
        let time = 0;
        let level = 0;
        let area = 0;
        series.set(0, 0);
        for (const [wait, next] of steps) {
          area += wait * level;
          time += wait;
          level = next;
          series.set(time, level);
        }
        const { bucket_ns: width, mean, max, min } = series.result(until(time));
        expect(mean.length).toBe(Math.floor(time / width) + 1);
        expect(mean.length).toBeLessThanOrEqual(8);
        expect(series.mean() * time).toBeCloseTo(area, 3);
        expect(Math.max(...max.map((value) => value ?? 0))).toBe(
          Math.max(...steps.map(([, value]) => value)),
        );
        expect(Math.min(...min.map((value) => value ?? 0))).toBe(0);
      }),
    );
  });

  test("is unknown before its first level", () => {
    const series = new Series(4);
    series.begin(0);
    series.set(250_000, 7);
    expect(series.result(until(300_000)).mean).toEqual([null, null, 7, 7]);
  });
});
