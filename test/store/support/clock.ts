import { setTimeout as sleepFor } from "node:timers/promises";
import type { Clock } from "../../../src/base/clock.ts";
import {
  epochMilliseconds,
  milliseconds,
  type EpochMilliseconds,
  type Milliseconds,
} from "../../../src/base/units.ts";

/** The machine's own time. */
export const realClock: Clock = {
  now: () => epochMilliseconds(Date.now()),
  monotonic: () => milliseconds(performance.now()),
  sleep: async (duration, signal) => {
    try {
      await sleepFor(duration, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #now: number;
  readonly #start: number;
  #sleepers: Sleeper[] = [];

  constructor(start = Date.parse("2026-03-11T14:25:02.123Z")) {
    this.#now = start;
    this.#start = start;
  }

  now(): EpochMilliseconds {
    return epochMilliseconds(this.#now);
  }

  monotonic(): Milliseconds {
    return milliseconds(this.#now - this.#start);
  }

  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const sleeper: Sleeper = {
        at: this.#now + duration,
        wake: () => {
          signal?.removeEventListener("abort", stop);
          resolve();
        },
      };
      const stop = (): void => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** When the next sleeper wakes, or undefined when nobody sleeps. */
  get nextWake(): number | undefined {
    return this.#sleepers.length === 0 ? undefined : Math.min(...this.#sleepers.map(({ at }) => at));
  }

  /** Goes on by `duration`, waking each sleeper at its time. */
  advance(duration: number): void {
    this.#now += duration;
    const due = this.#sleepers.filter(({ at }) => at <= this.#now);
    this.#sleepers = this.#sleepers.filter(({ at }) => at > this.#now);
    for (const { wake } of due.sort((a, b) => a.at - b.at)) wake();
  }
}
