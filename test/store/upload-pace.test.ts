import fc from "fast-check";
import { expect, test } from "vitest";
import { bytes, milliseconds } from "../../src/base/units.ts";
import { backoff } from "../../src/store/upload/backoff.ts";
import { Bandwidth } from "../../src/store/upload/bandwidth.ts";
import { FakeClock } from "./support/clock.ts";

const LIMITS = { min: milliseconds(1000), max: milliseconds(300_000) };

test("the delay doubles up to its limit, and a random share of it is waited", () => {
  const ceilings = [1, 2, 3, 9, 10, 1000, 1e9].map((failures) => backoff(failures, LIMITS, () => 1));
  expect(ceilings).toEqual([1000, 2000, 4000, 256_000, 300_000, 300_000, 300_000]);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, share) => {
        const delay = backoff(failures, LIMITS, () => share);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(LIMITS.max);
      },
    ),
  );
});

test("uploads side by side stay at the rate together", async () => {
  const clock = new FakeClock();
  const line = new Bandwidth(bytes(1000), clock);
  const signal = new AbortController().signal;
  const sent: number[] = [];
  const send = async (size: number): Promise<void> => {
    await line.take(size, signal);
    sent.push(clock.monotonic());
  };
  const all = Promise.all([send(5000), send(1000), send(2000)]);
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1000);
  }
  await all;
  expect(sent).toEqual([0, 5000, 6000]);
  await new Bandwidth(undefined, clock).take(1e12, signal);
});
