import { StoreError } from "../../base/errors.ts";
import { inParallel } from "../parallel.ts";
import { readObject } from "../read.ts";
import type { Store } from "../store.ts";
import { IndexFile } from "./parquet.ts";
import type { IndexRow } from "./row.ts";

/**
 * Hive's spelling, which DuckDB, Athena, Trino and ClickHouse take for a column: `index=captures/day=2026-03-11/`.
 * No capture's key can begin so: `=` is not in a service's name.
 */
export const INDEX_ROOT = "index=captures/";

export const PARQUET_TYPE = "application/vnd.apache.parquet";

export function dayOf(created: number): string {
  return new Date(created).toISOString().slice(0, 10);
}

export function dayFolder(day: string): string {
  return `${INDEX_ROOT}day=${day}/`;
}

/** The days of which there is an index, newest first. */
export async function indexedDays(store: Store, signal: AbortSignal): Promise<string[]> {
  const days: string[] = [];
  for await (const folder of store.folders(INDEX_ROOT, signal)) {
    const day = /day=(\d{4}-\d\d-\d\d)\/$/.exec(folder)?.[1];
    if (day !== undefined) days.push(day);
  }
  return days.sort().reverse();
}

const PARALLEL_READS = 16;

/** A day's files. One that is gone meanwhile was merged into another. */
export async function openDay(store: Store, day: string, signal: AbortSignal): Promise<IndexFile[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(dayFolder(day), signal))
    if (key.endsWith(".parquet")) keys.push(key);
  const files = await inParallel(keys, PARALLEL_READS, (key) => openFile(store, key, signal), signal);
  return files.filter((file) => file !== undefined);
}

/** All lines of a day. */
export async function readDay(store: Store, day: string, signal: AbortSignal): Promise<IndexRow[]> {
  const files = await openDay(store, day, signal);
  return (await Promise.all(files.map((file) => file.rows()))).flat();
}

/** All lines of a file, none when it is not there. */
export async function readFile(store: Store, key: string, signal: AbortSignal): Promise<IndexRow[]> {
  return (await (await openFile(store, key, signal))?.rows()) ?? [];
}

async function openFile(store: Store, key: string, signal: AbortSignal): Promise<IndexFile | undefined> {
  try {
    return new IndexFile(key, await readObject(store, key, signal));
  } catch (error) {
    if (error instanceof StoreError && error.code === "not_found") return undefined;
    throw error;
  }
}
