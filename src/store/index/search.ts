import { inParallel } from "../parallel.ts";
import type { Store } from "../store.ts";
import type { IndexFile } from "./parquet.ts";
import { openDay } from "./reader.ts";
import { latestBy, type IndexRow } from "./row.ts";

export interface IndexSearch {
  /** What to look at, the newest first. */
  readonly days: readonly string[];
  /** All that `matches` and `order` read of a line; the other columns are not there. */
  readonly columns: readonly (keyof IndexRow)[];
  readonly matches: (line: IndexRow) => boolean;
  readonly order: (a: IndexRow, b: IndexRow) => number;
  readonly limit: number;
  /** The order is by time, newest first: days that hold nothing that would come are not read. */
  readonly newestFirst: boolean;
}

/**
 * The first `limit` lines of the index that match, in an order. Few columns are read of all lines and all of few:
 * with 100,000 captures it is making objects that takes the time, not reading.
 */
export async function searchIndex(
  store: Store,
  { days, columns, matches, order, limit, newestFirst }: IndexSearch,
  signal: AbortSignal,
): Promise<readonly IndexRow[]> {
  const best = new Best<Found>(limit, (a, b) => order(a.line, b.line));
  const needed = [...new Set([...VERSION, ...columns])];
  const look = async (day: string): Promise<void> => {
    const found: Found[] = [];
    for (const file of await openDay(store, day, signal)) {
      for (const [at, line] of (await file.lines(needed)).entries()) found.push({ line, file, at });
    }
    for (const each of latestBy(found, ({ line }) => line)) {
      if (!each.line.removed && matches(each.line)) best.add(each);
    }
  };
  // One day often has enough. One after the other takes long where none has.
  for (let from = 0, width = newestFirst ? 1 : PARALLEL_DAYS; from < days.length; from += width, width *= 2) {
    await inParallel(days.slice(from, from + width), PARALLEL_DAYS, look, signal);
    if (newestFirst && best.full) break;
  }
  return await wholeLines(best.all());
}

const PARALLEL_DAYS = 4;
/** What `latestBy` looks at. */
const VERSION = ["id", "removed", "indexed"] as const;

/** A line, and where the rest of it is. */
interface Found {
  readonly line: IndexRow;
  readonly file: IndexFile;
  readonly at: number;
}

async function wholeLines(found: readonly Found[]): Promise<IndexRow[]> {
  const placesOf = new Map<IndexFile, number[]>();
  for (const [place, { file }] of found.entries()) {
    const places = placesOf.get(file) ?? [];
    placesOf.set(file, places);
    places.push(place);
  }
  const rows: IndexRow[] = [];
  for (const [file, places] of placesOf) {
    const whole = await file.rows(places.map((place) => found[place]?.at ?? 0));
    for (const [i, row] of whole.entries()) rows[places[i] ?? 0] = row;
  }
  return rows;
}

/** The first `limit` of what is added. Holds no more than twice as many, or a thousand. */
class Best<T> {
  readonly #limit: number;
  readonly #order: (a: T, b: T) => number;
  #kept: T[] = [];

  constructor(limit: number, order: (a: T, b: T) => number) {
    this.#limit = limit;
    this.#order = order;
  }

  add(item: T): void {
    this.#kept.push(item);
    if (this.#kept.length >= Math.max(1000, 2 * this.#limit)) this.all();
  }

  get full(): boolean {
    return this.#kept.length >= this.#limit;
  }

  all(): readonly T[] {
    this.#kept.sort(this.#order);
    if (this.#kept.length > this.#limit) this.#kept.length = this.#limit;
    return this.#kept;
  }
}
