import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EpochMilliseconds } from "../base/units.ts";
import type { BaselineExport } from "../triggers/baseline-store.ts";

/** Baselines that were not touched for so long describe another service. */
const MAX_AGE_MS = 14 * 86_400_000;
const FILE = "baselines.json";
const MAX_FILE_BYTES = 64 * 1024 * 1024;

interface Saved {
  readonly version: 1;
  /** Milliseconds since the epoch. */
  readonly saved: number;
  readonly baselines: BaselineExport;
}

/**
 * What the anomaly conditions learned, on the spool's disk: so that a restart does not begin with a blind warm-up.
 * Losing it costs that warm-up and nothing else, so nothing here fails the agent.
 */
export class BaselineFile {
  readonly #path: string;

  /** @param folder exists. */
  constructor(folder: string) {
    this.#path = join(folder, FILE);
  }

  /** What was saved, or undefined when there is none, or none that can be used. */
  async load(now: EpochMilliseconds): Promise<BaselineExport | undefined> {
    try {
      const text = await readFile(this.#path, "utf8");
      // Nobody but this program writes the file; one that is not ours fails here or at the import, and costs a warm-up.
      const { version, saved, baselines } = JSON.parse(text) as Saved;
      return version !== 1 || now - saved > MAX_AGE_MS ? undefined : baselines;
    } catch {
      return undefined;
    }
  }

  /** Replaces the file in one step. */
  async save(baselines: BaselineExport, now: EpochMilliseconds): Promise<void> {
    const text = JSON.stringify({ version: 1, saved: now, baselines });
    if (text.length > MAX_FILE_BYTES) return;
    const temporary = `${this.#path}.tmp`;
    await writeFile(temporary, text);
    await rename(temporary, this.#path);
  }
}
