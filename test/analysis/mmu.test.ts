import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { minimumUtilization, mmuOf } from "../../src/analysis/mmu.ts";
import { GoroutineTracker } from "../../src/analysis/tracker.ts";
import { UtilizationPass } from "../../src/analysis/utilization.ts";
import type { Utilization, UtilizationOptions } from "../../src/analysis/utilization.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { oracle } from "./oracle.ts";
import { sharedTrace, sharedTracePath, sharedTraces, skipShared } from "./traces.ts";

const skipGo = requireOrSkip("MMU against Go's", await goUnavailable());

interface Curve {
  readonly flags: number;
  readonly times: readonly number[];
  readonly utils: readonly number[];
  readonly mmu: Readonly<Record<string, number>>;
  readonly worst: readonly number[];
}

function utilization(name: string, options: UtilizationOptions): Utilization & { readonly timeBase: number } {
  const pass = new UtilizationPass(options);
  const tracker = new GoroutineTracker([pass]);
  for (const batch of readTrace(sharedTrace(name))) tracker.push(batch);
  tracker.finish();
  return { ...pass.result(tracker)!, timeBase: tracker.timeBase };
}

/** Go's flags, by bit. */
function optionsOf(flags: number): UtilizationOptions {
  return {
    stw: (flags & 1) !== 0,
    background: (flags & 2) !== 0,
    assist: (flags & 4) !== 0,
    sweep: (flags & 8) !== 0,
  };
}

describe.skipIf(skipShared || skipGo)("mutator utilization", () => {
  test.each(sharedTraces)("of %s is Go's, point by point, for all options", async (name) => {
    const curves = (await oracle("mmu", sharedTracePath(name))) as readonly Curve[];
    expect(curves.length).toBe(15);
    for (const { flags, times, utils, mmu, worst } of curves) {
      const own = utilization(name, { ...optionsOf(flags), compat: true });
      expect([flags, ...Array.from(own.times, (time) => time + own.timeBase)]).toEqual([flags, ...times]);
      expect([...own.values]).toEqual(utils);
      const span = times.at(-1)! - times[0]!;
      for (const [window, value] of Object.entries(mmu)) {
        if (Number(window) > span) continue;
        expect([flags, window, minimumUtilization(own, Number(window))]).toEqual([
          flags,
          window,
          expect.closeTo(value, 9),
        ]);
      }
      const windows = mmuOf(own, 0).worst.find(({ window_ns: ns }) => ns === 1e6)!.windows;
      expect(windows[0]!.utilization).toBeCloseTo(worst[0]!, 9);
    }
  });

  test("with background workers does not stick at 0 as Go's does", () => {
    const own = utilization("tour-go1.26", { stw: false, assist: false, sweep: false });
    const compat = utilization("tour-go1.26", { stw: false, assist: false, sweep: false, compat: true });
    expect(mmuOf(compat, 0).mean).toBeLessThan(0.01);
    // The workers of 2 procs may take a quarter of them, and idle ones do not count.
    expect(mmuOf(own, 0).mean).toBeGreaterThan(0.5);
    expect(Math.min(...own.values)).toBeGreaterThanOrEqual(0);
  });
});

describe("minimum mutator utilization", () => {
  const step = (times: number[], values: number[]): Utilization => ({
    times: Float64Array.from(times),
    values: Float64Array.from(values),
    resolution: 0,
  });

  test("of a pause in a second", () => {
    const pause = step([0, 400, 500, 1000], [1, 0, 1, 0]);
    expect(minimumUtilization(pause, 50)).toBe(0);
    expect(minimumUtilization(pause, 100)).toBe(0);
    expect(minimumUtilization(pause, 200)).toBe(0.5);
    expect(minimumUtilization(pause, 1000)).toBe(0.9);
    expect(minimumUtilization(pause, 5000)).toBe(0.9);
  });

  test("is that of the worst window wherever it begins", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.constantFrom(0, 0.25, 0.5, 1)), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 120 }), (parts, width) => {
        const times = [0];
        for (const [length] of parts) times.push(times.at(-1)! + length);
        const own = step(times, [...parts.map(([, value]) => value), 0]);
        const end = times.at(-1)!;
        const w = Math.min(width, end);
        // By definition, at every whole ns: edges are whole, so the minimum is among them.
        const perNs = parts.flatMap(([length, value]) => Array.from({ length }, () => value));
        let least = Infinity;
        for (let begin = 0; begin + w <= end; begin++) {
          least = Math.min(
            least,
            perNs.slice(begin, begin + w).reduce<number>((sum, value) => sum + value, 0) / w,
          );
        }
        expect(minimumUtilization(own, width)).toBeCloseTo(least, 9);
      }),
    );
  });
});
