import { Baseline, type BaselineState } from "./baseline.ts";

/** Baselines kept at most; the longest unused give way. One takes about 12 kB. */
export const MAX_BASELINES = 5000;

/** All baselines as plain JSON, to be kept over a restart of the agent. */
export interface BaselineExport {
  readonly version: 1;
  readonly baselines: Readonly<Record<string, BaselineState>>;
}

/** The baselines by what they are of: target, query and series. Rules that ask the same share one. */
export class BaselineStore {
  readonly #baselines = new Map<string, Baseline>();
  /** Imported, and not asked for yet. */
  readonly #imported = new Map<string, BaselineState>();

  get(key: string, minEffect: number): Baseline {
    const known = this.#baselines.get(key);
    if (known !== undefined) return known;
    const baseline = new Baseline(minEffect);
    const state = this.#imported.get(key);
    if (state !== undefined) baseline.import(state);
    this.#imported.delete(key);
    if (this.#baselines.size >= MAX_BASELINES) this.#evict();
    this.#baselines.set(key, baseline);
    return baseline;
  }

  export(): BaselineExport {
    const baselines: Record<string, BaselineState> = Object.fromEntries(this.#imported);
    for (const [key, baseline] of this.#baselines) baselines[key] = baseline.export();
    return { version: 1, baselines };
  }

  /** What is known already is not overwritten. */
  import({ baselines }: BaselineExport): void {
    for (const [key, state] of Object.entries(baselines).slice(0, MAX_BASELINES)) {
      if (!this.#baselines.has(key)) this.#imported.set(key, state);
    }
  }

  #evict(): void {
    let oldest: string | undefined;
    let oldestAt = Number.POSITIVE_INFINITY;
    for (const [key, { lastLearned }] of this.#baselines) {
      if (lastLearned >= oldestAt) continue;
      oldestAt = lastLearned;
      oldest = key;
    }
    if (oldest !== undefined) this.#baselines.delete(oldest);
  }
}
