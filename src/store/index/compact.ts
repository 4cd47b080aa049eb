import { createHash } from "node:crypto";
import type { Store } from "../store.ts";
import { dayFolder, readDay } from "./reader.ts";
import { latest, type IndexRow } from "./row.ts";
import { putRows } from "./put.ts";

/**
 * Merges the files of one day into one, for days on which nothing new is captured. Two that do it at the same time
 * each write a file named by what is in it and delete only what they read: the worst that happens is a line twice.
 *
 * @returns how many files became one.
 */
export async function compactDay(store: Store, day: string, signal: AbortSignal): Promise<number> {
  const before: string[] = [];
  for await (const { key } of store.list(dayFolder(day), signal))
    if (key.endsWith(".parquet")) before.push(key);
  if (before.length < 2) return before.length;
  const rows = latest(await readDay(store, day, signal)).filter((row) => !row.removed);
  const key = mergedKey(day, rows);
  await putRows(store, key, rows, signal);
  for (const each of before) if (each !== key) await store.delete(each, signal);
  return before.length;
}

export function mergedKey(day: string, rows: readonly IndexRow[]): string {
  const hash = createHash("sha256");
  for (const { id, indexed, pinned } of rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    hash.update(`${id} ${indexed} ${pinned}\n`);
  }
  return `${dayFolder(day)}all-${hash.digest("hex").slice(0, 16)}.parquet`;
}
