import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { Truth } from "./detector.ts";

/** How many of the last evaluations are kept for "why (not)?". */
export const EVALUATIONS_KEPT = 20;

export interface Evaluation {
  readonly at: EpochMilliseconds;
  readonly truth: Truth;
  /** How many in a row were like this; `at` is the last one's. */
  readonly count: number;
}

interface Run {
  at: number;
  readonly truth: Truth;
  count: number;
}

/** The last evaluations, like ones in a row as one: a rule that was false for a week takes one place. */
export class EvaluationLog {
  readonly #runs: Run[] = [];
  #last: Run | undefined;

  push(at: EpochMilliseconds, truth: Truth): void {
    const last = this.#last;
    if (last?.truth === truth) {
      last.at = at;
      last.count++;
      return;
    }
    if (this.#runs.length === EVALUATIONS_KEPT) this.#runs.shift();
    this.#last = { at, truth, count: 1 };
    this.#runs.push(this.#last);
  }

  /** Oldest first. */
  list(): readonly Evaluation[] {
    return this.#runs.map(({ at, truth, count }) => ({ at: epochMilliseconds(at), truth, count }));
  }
}
