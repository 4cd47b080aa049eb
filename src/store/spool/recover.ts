import type { SpoolRecovery } from "../events.ts";
import type { Files } from "../files.ts";
import { inspect, type SpoolEntry } from "./entry.ts";
import { readJournal } from "./journal.ts";
import { apply, newProgress, type ProgressById } from "./progress.ts";

/** So many damaged captures are kept for a person to look at. */
const MAX_DAMAGED = 16;

export function foldersOf(spool: string): { captures: string; temporary: string; damaged: string } {
  return { captures: `${spool}/captures`, temporary: `${spool}/tmp`, damaged: `${spool}/damaged` };
}

export interface Recovered {
  readonly entries: Map<string, SpoolEntry>;
  readonly progress: ProgressById;
  readonly recovery: SpoolRecovery;
}

/**
 * What an earlier run left on the disk.
 *
 * 1. What is in `tmp/` was never acknowledged, or is done with: it goes.
 * 2. The journal tells how far each capture has come, and which were given up: what is left of those goes.
 * 3. Any other folder of `captures/` is a capture when its manifest is there and its files have the sizes it says.
 *    What the journal says of captures that are no longer here is forgotten.
 */
export async function recover(files: Files, spool: string): Promise<Recovered> {
  const folders = foldersOf(spool);
  for (const folder of Object.values(folders)) await files.makeFolder(folder);
  await files.syncFolder(spool);
  let incomplete = 0;
  for (const name of await files.list(folders.temporary)) {
    if (!name.startsWith("removed-")) incomplete++;
    await files.remove(`${folders.temporary}/${name}`);
  }
  const { records, tornBytes } = await readJournal(files, spool);
  const progress: ProgressById = new Map();
  for (const record of records) apply(progress, record);
  const entries = new Map<string, SpoolEntry>();
  let [bytes, damaged] = [0, 0];
  for (const id of (await files.list(folders.captures)).toSorted()) {
    const folder = `${folders.captures}/${id}`;
    if (progress.get(id)?.removed === true) {
      await files.remove(folder);
      continue;
    }
    const found = await inspect(files, folder, id);
    if (found.kind === "whole") {
      entries.set(id, found.entry);
      bytes += found.entry.bytes;
    } else if (found.kind === "incomplete") {
      incomplete++;
      await files.remove(folder);
    } else {
      damaged++;
      await files.remove(`${folders.damaged}/${id}`);
      await files.rename(folder, `${folders.damaged}/${id}`);
    }
  }
  await boundDamaged(files, folders.damaged);
  await files.syncFolder(folders.captures);
  for (const id of progress.keys()) if (!entries.has(id)) progress.delete(id);
  for (const id of entries.keys()) if (!progress.has(id)) progress.set(id, newProgress());
  const recovery = { captures: entries.size, bytes, incomplete, damaged, tornBytes };
  return { entries, progress, recovery };
}

async function boundDamaged(files: Files, folder: string): Promise<void> {
  const names = (await files.list(folder)).toSorted(); // Ids begin with their time.
  for (const name of names.slice(0, -MAX_DAMAGED)) await files.remove(`${folder}/${name}`);
}
