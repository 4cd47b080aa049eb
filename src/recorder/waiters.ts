import type { Clock } from "../base/clock.ts";
import type { Milliseconds } from "../base/units.ts";

/** Those who wait for something to change. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  wake(): void {
    for (const waiter of this.#waiting) waiter();
  }

  /** Resolves at the next `wake`, or after `limit`. @throws the reason of `signal` when that is aborted. */
  async next(clock: Clock, limit: Milliseconds, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const done = new AbortController();
    const wake = (): void => done.abort();
    this.#waiting.add(wake);
    signal?.addEventListener("abort", wake, { once: true });
    try {
      await clock.sleep(limit, done.signal).catch(() => undefined);
    } finally {
      this.#waiting.delete(wake);
      signal?.removeEventListener("abort", wake);
    }
    signal?.throwIfAborted();
  }
}
