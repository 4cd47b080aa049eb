import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { epochMilliseconds, milliseconds } from "../base/units.ts";

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => epochMilliseconds(Date.now()),
  monotonic: () => milliseconds(performance.now()),
  sleep: async (duration, signal) => {
    await sleep(duration, undefined, signal === undefined ? {} : { signal });
  },
};
