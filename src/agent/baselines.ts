import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PrivacyPolicy } from "../base/privacy.ts";
import type { EpochMilliseconds } from "../base/units.ts";
import type { Target } from "../scraper/target.ts";
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
  readonly #mayKeep: (key: string) => boolean;

  /**
   * @param folder exists.
   * @param mayKeep whether a baseline may be written: its name tells the target and the series' labels.
   */
  constructor(folder: string, mayKeep: (key: string) => boolean) {
    this.#path = join(folder, FILE);
    this.#mayKeep = mayKeep;
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
  async save({ version, baselines: all }: BaselineExport, now: EpochMilliseconds): Promise<void> {
    const sayable = Object.entries(all).filter(([key]) => this.#mayKeep(key));
    const baselines: BaselineExport = { version, baselines: Object.fromEntries(sayable) };
    const text = JSON.stringify({ version: 1, saved: now, baselines });
    if (text.length > MAX_FILE_BYTES) return;
    const temporary = `${this.#path}.tmp`;
    await writeFile(temporary, text);
    await rename(temporary, this.#path);
  }
}

/**
 * Whether a baseline may be written, which is named by its target and the labels of its series: where there are privacy
 * policies, only those of targets that are watched and have none.
 */
export function mayKeepBaseline(
  key: string,
  scrapeConfigs: readonly { readonly privacy: PrivacyPolicy }[],
  watched: readonly { readonly target: Pick<Target, "name">; readonly privacy: PrivacyPolicy }[],
): boolean {
  if (scrapeConfigs.every(({ privacy }) => privacy.length === 0)) return true;
  return watched.some(({ target, privacy }) => privacy.length === 0 && key.startsWith(`${target.name} `));
}
