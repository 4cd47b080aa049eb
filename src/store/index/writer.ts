import { isAbort } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { errorMessage, StoreError } from "../../base/errors.ts";
import type { Milliseconds } from "../../base/units.ts";
import type { EmitStoreEvent } from "../events.ts";
import { errnoOf, makeFolderDurably, type Files } from "../files.ts";
import { safeSegment } from "../keys.ts";
import { writeDurably } from "../spool/writer.ts";
import type { Store } from "../store.ts";
import { compactDay } from "./compact.ts";
import { putRows } from "./put.ts";
import { dayFolder, dayOf, readFile } from "./reader.ts";
import { latest, type IndexRow } from "./row.ts";

export interface IndexWriterDeps {
  readonly store: Store;
  readonly files: Files;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly emit: EmitStoreEvent;
}

/** Names the agent that owns a spool in the store: made once and kept in the spool, and nobody else's. */
export async function agentName(
  { files, random }: Pick<IndexWriterDeps, "files" | "random">,
  spool: string,
  host: string,
): Promise<string> {
  const path = `${spool}/agent`;
  if ((await files.stat(path)) !== undefined) {
    const text = Buffer.from(await files.read(path)).toString("utf8");
    return safeSegment(text.trim());
  }
  const agent = `${safeSegment(host)}-${Math.floor(random() * 2 ** 40).toString(36)}`;
  await files.remove(`${path}.new`);
  await writeDurably(await files.create(`${path}.new`), Buffer.from(`${agent}\n`));
  await files.rename(`${path}.new`, path);
  await files.syncFolder(spool);
  return agent;
}

/**
 * Adds this agent's lines to the index. A line is first a small file in the spool, so that it survives the agent;
 * every so often those are merged into the agent's own file of their day. Nobody else writes that file, so no two
 * agents can undo each other's work.
 */
export class IndexWriter {
  readonly #deps: IndexWriterDeps;
  readonly #folder: string;
  readonly #agent: string;

  /** @param agent names this agent's files: see `agentName`. */
  constructor(spool: string, agent: string, deps: IndexWriterDeps) {
    this.#folder = `${spool}/index`;
    this.#agent = agent;
    this.#deps = deps;
  }

  /** Notes a line durably. A line that cannot be noted is missing from the index and nowhere else. */
  async add(row: IndexRow): Promise<void> {
    try {
      await this.#note(row);
    } catch (error) {
      this.#deps.emit({
        kind: "index.failed",
        code: errnoOf(error) ?? "unexpected",
        message: errorMessage(error),
      });
    }
  }

  async #note(row: IndexRow): Promise<void> {
    const { files } = this.#deps;
    await makeFolderDurably(files, this.#folder);
    const path = `${this.#folder}/${row.id}-${row.indexed}`;
    await files.remove(`${path}.tmp`);
    await writeDurably(await files.create(`${path}.tmp`), Buffer.from(JSON.stringify(row)));
    await files.rename(`${path}.tmp`, `${path}.json`);
    await files.syncFolder(this.#folder);
  }

  /** Merges what was noted into the store; what fails is tried again the next time. */
  async flush(signal: AbortSignal): Promise<void> {
    const { files, store } = this.#deps;
    if ((await files.stat(this.#folder)) === undefined) return;
    const byDay = new Map<string, { readonly rows: IndexRow[]; readonly paths: string[] }>();
    for (const name of await files.list(this.#folder)) {
      const path = `${this.#folder}/${name}`;
      const row = name.endsWith(".json") ? await readRow(files, path) : undefined;
      if (row === undefined) continue;
      const day = dayOf(row.created);
      const group = byDay.get(day) ?? { rows: [], paths: [] };
      byDay.set(day, group);
      group.rows.push(row);
      group.paths.push(path);
    }
    for (const [day, { rows, paths }] of byDay) {
      const key = `${dayFolder(day)}${this.#agent}.parquet`;
      const merged = latest([...(await readFile(store, key, signal)), ...rows]);
      await putRows(store, key, merged, signal);
      for (const path of paths) await files.remove(path);
    }
  }

  /**
   * Flushes every so often until the signal is aborted. Once a day, at a time of its own, it also merges the files of
   * the day before yesterday, unless another agent has.
   */
  async run(every: Milliseconds, signal: AbortSignal): Promise<void> {
    const { clock, random, store, emit } = this.#deps;
    let compactAt = clock.now() + random() * DAY_MS;
    while (!signal.aborted) {
      try {
        await clock.sleep(every, signal);
        await this.flush(signal);
        if (clock.now() < compactAt) continue;
        compactAt += DAY_MS;
        await compactDay(store, dayOf(clock.now() - 2 * DAY_MS), signal);
      } catch (error) {
        if (isAbort(error, signal)) return;
        const code = error instanceof StoreError ? error.code : "unexpected";
        emit({ kind: "index.failed", code, message: errorMessage(error) });
      }
    }
  }
}

const DAY_MS = 86_400_000;

/** A note that cannot be read is left out: the index can always be made anew from the manifests. */
async function readRow(files: Files, path: string): Promise<IndexRow | undefined> {
  try {
    return JSON.parse(Buffer.from(await files.read(path)).toString("utf8")) as IndexRow;
  } catch {
    return undefined;
  }
}
