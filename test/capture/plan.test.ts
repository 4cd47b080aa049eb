import { describe, expect, it } from "vitest";
import { epochMilliseconds } from "../../src/base/units.ts";
import { traceFiles } from "../../src/capture/build.ts";
import { planTrace, type CaptureWindow } from "../../src/capture/plan.ts";
import type { RecordedGeneration, RecordedSession } from "../../src/ring/recording.ts";
import { SealedGeneration } from "../../src/ring/sealed.ts";

/** Generations of one second each, wall clock `from` to `from + count` seconds. */
function session(id: string, from: number, count: number): RecordedSession {
  const generations = Array.from({ length: count }, (_, i): RecordedGeneration => {
    const start = (from + i) * 1000;
    return new SealedGeneration(i + 1, Uint8Array.of(i), {
      startNs: start * 1e6,
      endNs: (start + 999) * 1e6,
      wallStart: epochMilliseconds(start),
      wallEnd: epochMilliseconds(start + 999),
    });
  });
  return {
    id,
    header: Uint8Array.of(255),
    format: "1.26",
    clock: "snapshot",
    live: true,
    tornBytes: 0,
    generations,
  };
}

/** Seconds. */
function window(from: number, moment: number, to: number): CaptureWindow {
  return {
    from: epochMilliseconds(from * 1000),
    moment: epochMilliseconds(moment * 1000),
    to: epochMilliseconds(to * 1000),
  };
}

const numbers = (part: { generations: readonly RecordedGeneration[] } | undefined): number[] =>
  part?.generations.map((generation) => generation.number) ?? [];

describe("planTrace", () => {
  it("takes every generation that overlaps the window, whole", () => {
    const plan = planTrace([session("a", 0, 10)], window(2.5, 6, 7.2));
    expect(numbers(plan.main)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(plan).toMatchObject({ earlier: [], missing: undefined });
  });

  it("says what the ring did not hold", () => {
    expect(planTrace([session("a", 5, 3)], window(0, 6, 7)).missing).toMatch(
      /the first 5s: the ring did not reach back/,
    );
    expect(planTrace([session("a", 0, 3)], window(1, 2, 6)).missing).toMatch(
      /the last 3\.001s: the stream did not go on/,
    );
    expect(planTrace([], window(0, 1, 2))).toEqual({
      main: undefined,
      earlier: [],
      missing: "the ring was empty",
    });
  });

  it("takes what came after when the ring had let the window go, and says so", () => {
    const plan = planTrace([session("a", 20, 3)], window(1, 2, 3));
    expect(numbers(plan.main)).toEqual([1, 2, 3]);
    expect(plan.missing).toMatch(/the first 19s: the ring did not reach back that far/);
  });

  it("makes files of their own of earlier sessions, never joining two", () => {
    const plan = planTrace([session("a", 0, 3), session("b", 3, 2), session("c", 6, 4)], window(1, 8, 9));
    expect(plan.main?.session.id).toBe("c");
    expect(plan.earlier.map((part) => part.session.id)).toEqual(["b", "a"]);
    expect(plan.missing).toMatch(/between two connections/);
    const files = traceFiles(plan);
    expect(files.map(({ name }) => name)).toEqual([
      "trace.out",
      "trace-earlier-1.out",
      "trace-earlier-2.out",
    ]);
    expect(files.map(({ chunks }) => chunks[0]?.[0])).toEqual([255, 255, 255]);
  });

  it("takes the last session when the moment lies after it: the service is dead", () => {
    const plan = planTrace([session("a", 0, 3), session("b", 5, 3)], window(15, 20, 21));
    expect(plan.main?.session.id).toBe("b");
    expect(numbers(plan.main)).toEqual([1, 2, 3]);
    expect(plan.missing).toMatch(/the stream did not go on that long/);
  });

  it("tells how much was cut off behind what it takes, and nothing of what lies elsewhere", () => {
    const torn = (id: string, from: number, tornBytes: number): RecordedSession => ({
      ...session(id, from, 3),
      live: false,
      tornBytes,
    });
    const both = planTrace([torn("a", 0, 700), torn("b", 5, 40)], window(1, 6, 9));
    expect(both).toMatchObject({ earlier: [{ session: { id: "a" } }], cut: { generations: 2, bytes: 740 } });
    expect(planTrace([torn("a", 0, 700), session("b", 5, 3)], window(4, 6, 7)).cut).toBeUndefined();
    expect(planTrace([torn("a", 0, 700)], window(0, 1, 1.5)).cut).toBeUndefined();
  });
});
