import type { Clock } from "../../base/clock.ts";
import { milliseconds } from "../../base/units.ts";

/** Spaces requests out so that all uploads together stay at a rate. Without a rate it never waits. */
export class Bandwidth {
  readonly #bytesPerSecond: number | undefined;
  readonly #clock: Clock;
  /** Monotonic; when the line is free again. */
  #freeAt = 0;

  constructor(bytesPerSecond: number | undefined, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  /** Resolves when `bytes` may be sent. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === undefined) return;
    const now = this.#clock.monotonic();
    const start = Math.max(now, this.#freeAt);
    this.#freeAt = start + (bytes / this.#bytesPerSecond) * 1000;
    if (start > now) await this.#clock.sleep(milliseconds(start - now), signal);
  }
}
