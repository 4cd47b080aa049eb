import type { EpochMilliseconds, Milliseconds } from "./units.ts";

/**
 * All that the product knows of time. One is made in `main.ts` and passed down; tests pass a fake.
 */
export interface Clock {
  /** Wall clock: for what people read and for names. It may jump. */
  now(): EpochMilliseconds;
  /** Milliseconds from an arbitrary start; never goes back. For durations, deadlines, cooldowns. */
  monotonic(): Milliseconds;
  /** Resolves after `duration`; rejects with the signal's reason when it is aborted first. */
  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void>;
}
