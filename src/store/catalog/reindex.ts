import { dayFolder, dayOf, indexedDays, readDay } from "../index/reader.ts";
import { mergedKey } from "../index/compact.ts";
import { latest, type IndexRow } from "../index/row.ts";
import { putRows } from "../index/put.ts";
import type { Catalog } from "./catalog.ts";

/**
 * Makes the index anew from the manifests. Agents may go on adding to it meanwhile.
 *
 * @returns how many captures are in it.
 */
export async function reindex(catalog: Catalog, now: number, signal: AbortSignal): Promise<number> {
  const { store } = catalog;
  const found = await catalog.list({ filter: {}, limit: Infinity, source: "scan" }, signal);
  const byDay = new Map<string, IndexRow[]>();
  for (const row of found) {
    const day = dayOf(row.created);
    const rows = byDay.get(day) ?? [];
    byDay.set(day, rows);
    rows.push({ ...row, indexed: now });
  }
  const known = new Set(found.map(({ id }) => id));
  for (const day of new Set([...byDay.keys(), ...(await indexedDays(store, signal))])) {
    const before: string[] = [];
    for await (const { key } of store.list(dayFolder(day), signal)) before.push(key);
    // Lines that came after the scan began stand for captures that it may not have seen.
    const newer = (await readDay(store, day, signal)).filter(
      (row) => row.indexed >= now && !known.has(row.id),
    );
    const rows = latest([...(byDay.get(day) ?? []), ...newer]);
    const key = mergedKey(day, rows);
    if (rows.length > 0) await putRows(store, key, rows, signal);
    for (const each of before) if (each !== key) await store.delete(each, signal);
  }
  return found.length;
}

/**
 * Notes in the index that one capture changed. A day that has no index gets none by this: half an index would hide
 * the captures that are not in it.
 */
export async function noteChange(
  catalog: Catalog,
  row: IndexRow,
  token: string,
  signal: AbortSignal,
): Promise<void> {
  const { store } = catalog;
  const day = dayOf(row.created);
  if (!(await indexedDays(store, signal)).includes(day)) return;
  await putRows(store, `${dayFolder(day)}change-${token}.parquet`, [row], signal);
}
