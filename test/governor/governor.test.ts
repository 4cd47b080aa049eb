import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytes, MiB, milliseconds } from "../../src/base/units.ts";
import { EVENT_COST_NS } from "../../src/governor/cost.ts";
import { OverheadGovernor, type Budget } from "../../src/governor/governor.ts";

const NONE: Budget = {
  maxOverhead: undefined,
  maxBytesPerSecond: undefined,
  maxMemory: undefined,
  settle: undefined,
};
const at = milliseconds;

/** A stream of `rate` bytes a second since 0, seen at `now`. */
function streaming(budget: Partial<Budget>, rate: number, now: number): OverheadGovernor {
  const governor = new OverheadGovernor({ ...NONE, ...budget });
  governor.setTracing(true, at(0));
  governor.recordBytes((rate * now) / 1000);
  return governor;
}

describe("the overhead governor", () => {
  it("does not judge a stream it has hardly seen", () => {
    const governor = streaming({ maxBytesPerSecond: bytes(1) }, MiB, 4000);
    expect(governor.judge(at(4000))).toBeUndefined();
    expect(governor.judge(at(5000))).toBeDefined();
  });

  it("lets a stream run that is within its budget, and one without a budget", () => {
    expect(streaming({ maxBytesPerSecond: bytes(MiB) }, MiB, 10_000).judge(at(10_000))).toBeUndefined();
    expect(streaming({}, 100 * MiB, 10_000).judge(at(10_000))).toBeUndefined();
  });

  it("pauses for so long that the average is what it may be", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 19 }), fc.integer({ min: 5, max: 60 }), (factor, seconds) => {
        const now = seconds * 1000;
        const verdict = streaming({ maxBytesPerSecond: bytes(MiB) }, factor * MiB, now).judge(at(now));
        const average = (factor * MiB * now) / (now + (verdict?.duration ?? 0));
        // A pause is no longer than ten minutes.
        if (verdict?.duration !== 600_000) expect(average).toBeCloseTo(MiB, -2);
      }),
    );
  });

  it("stops for ten minutes when hardly any recording would be left", () => {
    const verdict = streaming({ maxBytesPerSecond: bytes(MiB) }, 25 * MiB, 10_000).judge(at(10_000));
    expect(verdict).toMatchObject({ duration: 600_000, reason: expect.stringMatching(/stopped/) });
  });

  it("counts events as they were counted, and takes them as a share of the service's own work", () => {
    const governor = streaming({ maxOverhead: 0.02 }, MiB, 10_000);
    // One event for ten bytes; half a core in use.
    governor.recordEvents(1000, 10_000);
    governor.recordCpu(1, at(5000));
    governor.recordCpu(3.5, at(10_000));
    const cores = ((MiB / 10) * EVENT_COST_NS) / 1e9;
    const cost = governor.estimate(at(10_000));
    expect(cost?.eventsPerSecond).toBeCloseTo(MiB / 10);
    expect(cost?.estimated).toBeCloseTo(cores / (0.5 - cores));
    expect(governor.judge(at(10_000))?.reason).toMatch(/3\.2% of its CPU, max_overhead is 2%/);
  });

  it("says nothing of an idle service, whose every event is a large share", () => {
    const governor = streaming({ maxOverhead: 0.001 }, 1000, 10_000);
    governor.recordCpu(0, at(0));
    governor.recordCpu(0.001, at(10_000));
    expect(governor.judge(at(10_000))).toBeUndefined();
  });

  it("measures by readings that were taken with the trace on, or off, all the time", () => {
    const governor = new OverheadGovernor(NONE);
    const read = (seconds: number, now: number): void => governor.recordCpu(seconds, at(now));
    governor.setTracing(true, at(0));
    for (const i of [0, 1, 2, 3]) read(i * 1.1, i * 1000);
    expect(governor.estimate(at(6000))?.measured).toBeUndefined();
    governor.setTracing(false, at(3500));
    // The first reading after the change is of both.
    for (const i of [4, 5, 6, 7]) read(100 + i, i * 1000);
    governor.setTracing(true, at(7500));
    expect(governor.estimate(at(20_000))?.measured).toBeCloseTo(0.1);
  });

  it("leaves a service alone that has too much memory, as long as that is known", () => {
    const governor = streaming({ maxMemory: bytes(100) }, 1, 1);
    expect(governor.judge(at(0))).toBeUndefined();
    governor.recordMemory(101, at(0));
    expect(governor.judge(at(1))?.reason).toMatch(/max_memory/);
    expect(governor.judge(at(200_000))).toBeUndefined();
    governor.recordMemory(100, at(200_000));
    expect(governor.judge(at(200_000))).toBeUndefined();
  });
});
