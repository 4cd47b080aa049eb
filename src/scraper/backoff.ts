import { milliseconds, type Milliseconds } from "../base/units.ts";

export interface BackoffOptions {
  readonly first: Milliseconds;
  readonly max: Milliseconds;
}

/**
 * Exponential backoff with full jitter: the n-th wait is uniform in (0, min(max, first · 2ⁿ)], so that a thousand
 * agents that lost their targets together do not come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #failures = 0;

  /** @param random uniform in [0, 1) */
  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  /** How long to wait before the next try. */
  next(): Milliseconds {
    const ceiling = Math.min(this.#options.max, this.#options.first * 2 ** this.#failures);
    if (ceiling < this.#options.max) this.#failures++;
    return milliseconds(ceiling * (1 - this.#random()));
  }

  /** A try succeeded: the next failure starts from the beginning. */
  reset(): void {
    this.#failures = 0;
  }
}
