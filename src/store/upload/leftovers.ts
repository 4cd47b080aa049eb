import type { Clock } from "../../base/clock.ts";
import { StoreError } from "../../base/errors.ts";
import { MANIFEST_NAME } from "../../capture/manifest.ts";
import type { Milliseconds } from "../../base/units.ts";
import type { EmitStoreEvent } from "../events.ts";
import type { Abandoned, Spool } from "../spool/spool.ts";
import type { Store } from "../store.ts";

/**
 * Aborts multipart uploads that nobody will finish, so that nobody pays for their parts: those of agents that died
 * between beginning one and noting it, and of captures that were dropped. What is younger than `olderThan` may be
 * another agent's work; one that is aborted wrongly is begun anew by its owner.
 *
 * @returns how many were aborted. A store that cannot list them has none.
 */
export async function abortLeftovers(
  deps: {
    readonly spool: Spool;
    readonly store: Store;
    readonly clock: Clock;
    readonly emit: EmitStoreEvent;
  },
  olderThan: Milliseconds,
  signal: AbortSignal,
): Promise<number> {
  const { spool, store, clock, emit } = deps;
  if (store.multipart === undefined) return 0;
  const ours = new Set<string>();
  for (const { id } of spool.pending()) {
    for (const { uploadId } of spool.progress(id).multiparts.values()) ours.add(uploadId);
  }
  let aborted = 0;
  try {
    for await (const { key, uploadId, begun } of store.multipart.list("", signal)) {
      if (ours.has(uploadId) || clock.now() - begun < olderThan) continue;
      await store.multipart.abort({ key, uploadId }, signal);
      emit({ kind: "upload.leftover_aborted", key });
      aborted++;
    }
  } catch (error) {
    // Some servers do not list uploads, some roles may not: a lifecycle rule does the same.
    if (!(error instanceof StoreError)) throw error;
  }
  return aborted;
}

/**
 * Deletes what is in the store of captures that were dropped halfway, so that nobody pays for files without a
 * manifest. One whose manifest did arrive is whole and stays.
 */
export async function clearAbandoned(spool: Spool, store: Store, signal: AbortSignal): Promise<void> {
  for (const abandoned of spool.abandoned()) {
    try {
      if (abandoned.location === store.location) await clear(abandoned, store, signal);
    } catch (error) {
      // It costs a little and harms nobody; it is tried again the next time.
      if (!(error instanceof StoreError)) throw error;
      return;
    }
    spool.cleared(abandoned);
  }
}

async function clear({ prefix, uploads }: Abandoned, store: Store, signal: AbortSignal): Promise<void> {
  if ((await store.head(prefix + MANIFEST_NAME, signal)) !== undefined) return;
  for (const { file, uploadId } of uploads) {
    await store.multipart?.abort({ key: prefix + file, uploadId }, signal);
  }
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, signal)) keys.push(key);
  for (const key of keys) await store.delete(key, signal);
}
