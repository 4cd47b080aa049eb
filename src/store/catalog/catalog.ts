import { createHash } from "node:crypto";
import { errorMessage, StoreError } from "../../base/errors.ts";
import { decodeManifest, MANIFEST_NAME, type Manifest } from "../../capture/manifest.ts";
import { indexedDays, INDEX_ROOT } from "../index/reader.ts";
import { rowOf, type IndexRow } from "../index/row.ts";
import { searchIndex } from "../index/search.ts";
import { inParallel } from "../parallel.ts";
import { readObject } from "../read.ts";
import type { Store } from "../store.ts";
import { columnsOf, greatestFirst, matches, type CaptureFilter, type SortKey } from "./filter.ts";

/** Beside a capture's files: retention leaves it alone. */
export const PIN_NAME = "pin.json";

export interface ListRequest {
  readonly filter: CaptureFilter;
  readonly limit: number;
  /** By default the newest first. */
  readonly sort?: SortKey;
  /** `index`: from the index alone; `scan`: from the manifests; `auto`: from the index if there is one. */
  readonly source?: "auto" | "index" | "scan";
}

/** The captures at a destination, for those who read them back. */
export class Catalog {
  readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Captures that match, sorted. What was stored within the last minute may not be in the index yet. */
  async list(request: ListRequest, signal: AbortSignal): Promise<readonly IndexRow[]> {
    const { filter, limit, sort = "created", source = "auto" } = request;
    const days = source === "scan" ? [] : await indexedDays(this.store, signal);
    if (source === "scan" || (source === "auto" && days.length === 0)) {
      const rows = await this.#scan(filter, signal);
      return rows.sort(greatestFirst(sort)).slice(0, limit);
    }
    return await searchIndex(
      this.store,
      {
        days: days.filter((each) => mayHold(each, filter)),
        columns: [...columnsOf(filter), sort],
        matches: (line) => matches(filter, line),
        order: greatestFirst(sort),
        limit,
        newestFirst: sort === "created",
      },
      signal,
    );
  }

  /** Reads every manifest, of the prefixes that are `wanted`: slow with many, and never wrong. */
  async #scan(
    filter: CaptureFilter,
    signal: AbortSignal,
    wanted: (prefix: string) => boolean = () => true,
  ): Promise<IndexRow[]> {
    const manifests: string[] = [];
    const pinned = new Set<string>();
    for await (const { key } of this.store.list("", signal)) {
      if (key.startsWith(INDEX_ROOT) || !wanted(key)) continue;
      if (key.endsWith(`/${MANIFEST_NAME}`)) manifests.push(key.slice(0, -MANIFEST_NAME.length));
      if (key.endsWith(`/${PIN_NAME}`)) pinned.add(key.slice(0, -PIN_NAME.length));
    }
    const read = await inParallel(
      manifests,
      PARALLEL_READS,
      async (prefix) => ({ prefix, manifest: await this.#tryManifest(prefix, signal) }),
      signal,
    );
    const rows: IndexRow[] = [];
    for (const { prefix, manifest } of read) {
      if (manifest === undefined) continue;
      const row = { ...rowOf(manifest, prefix, 0), pinned: pinned.has(prefix) };
      if (matches(filter, row)) rows.push(row);
    }
    return rows;
  }

  /** What is no manifest of ours is somebody else's file, or one of a newer version. */
  async #tryManifest(prefix: string, signal: AbortSignal): Promise<Manifest | undefined> {
    try {
      return await this.manifest(prefix, signal);
    } catch (error) {
      if (error instanceof StoreError && ["bad_manifest", "not_found"].includes(error.code)) return undefined;
      throw error;
    }
  }

  /**
   * The capture that an id, or the unambiguous beginning or end of one, means.
   *
   * @throws {StoreError} `not_found`, `ambiguous`.
   */
  async find(id: string, signal: AbortSignal): Promise<IndexRow> {
    const day = /^(\d{4})(\d\d)(\d\d)t/.exec(id);
    const since = day === null ? undefined : Date.parse(`${day[1]}-${day[2]}-${day[3]}T00:00:00.000Z`);
    const filter: CaptureFilter = Number.isFinite(since)
      ? { since: since as number, until: (since as number) + DAY_MS }
      : {};
    for (const source of ["index", "scan"] as const) {
      const rows =
        source === "index"
          ? await this.list({ filter, limit: Infinity, source }, signal)
          : await this.#scan(filter, signal, (prefix) => prefix.includes(id)); // Every key holds its capture's id.
      const found = rows.filter((row) => row.id.startsWith(id) || row.id.endsWith(id));
      if (found.length === 1 && found[0] !== undefined) return found[0];
      if (found.length > 1) {
        throw new StoreError(
          "ambiguous",
          `"${id}" means ${found.length} captures in ${this.store.location}`,
          {
            retryable: false,
            hint: `give more of it: ${found
              .slice(0, 3)
              .map((row) => row.id)
              .join(", ")}`,
          },
        );
      }
    }
    throw new StoreError("not_found", `${this.store.location} has no capture ${id}`, { retryable: false });
  }

  /** @throws {StoreError} `not_found`, `bad_manifest`. */
  async manifest(prefix: string, signal: AbortSignal): Promise<Manifest> {
    const key = prefix + MANIFEST_NAME;
    const text = Buffer.from(await readObject(this.store, key, signal)).toString("utf8");
    try {
      return decodeManifest(text);
    } catch (error) {
      throw new StoreError("bad_manifest", `${key} is no manifest: ${errorMessage(error)}`, {
        retryable: false,
        cause: error,
      });
    }
  }

  /** Keeps retention away from a capture, or lets it come again. Whoever indexes notes it with the returned line. */
  async pin(row: IndexRow, pinned: boolean, now: number, signal: AbortSignal): Promise<IndexRow> {
    const key = row.prefix + PIN_NAME;
    if (pinned) {
      const bytes = Buffer.from(`${JSON.stringify({ pinned: new Date(now).toISOString() })}\n`);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const body = { kind: "bytes", bytes } as const;
      const object = { key, contentType: "application/json", bytes: bytes.byteLength, sha256, body };
      await this.store.put(object, signal);
    } else {
      await this.store.delete(key, signal);
    }
    return { ...row, pinned, indexed: now };
  }

  async isPinned(row: IndexRow, signal: AbortSignal): Promise<boolean> {
    return (await this.store.head(row.prefix + PIN_NAME, signal)) !== undefined;
  }

  /** Deletes a capture, its manifest first: nobody sees half of it. */
  async remove(row: IndexRow, now: number, signal: AbortSignal): Promise<IndexRow> {
    await this.store.delete(row.prefix + MANIFEST_NAME, signal);
    const rest: string[] = [];
    for await (const { key } of this.store.list(row.prefix, signal)) rest.push(key);
    for (const key of rest) await this.store.delete(key, signal);
    return { ...row, removed: true, indexed: now };
  }
}

const PARALLEL_READS = 16;
const DAY_MS = 86_400_000;

function mayHold(day: string, { since, until }: CaptureFilter): boolean {
  const start = Date.parse(`${day}T00:00:00.000Z`);
  return (since === undefined || start + DAY_MS > since) && (until === undefined || start < until);
}
