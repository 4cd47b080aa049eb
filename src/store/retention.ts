import { isAbort } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { errorMessage, StoreError } from "../base/errors.ts";
import { Catalog } from "./catalog/catalog.ts";
import type { EmitStoreEvent } from "./events.ts";
import type { IndexRow } from "./index/row.ts";
import type { RetentionLimits, RetentionOptions } from "./options.ts";
import { severityRank } from "./severity.ts";
import type { Spool } from "./spool/spool.ts";
import type { Store } from "./store.ts";

/** What retention looks at in a capture. */
export interface Retained {
  readonly id: string;
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly bytes: number;
  readonly severity: string;
  readonly manual: boolean;
  readonly pinned: boolean;
}

export interface Expired {
  readonly id: string;
  readonly reason: "age" | "count" | "bytes";
}

/**
 * Which captures of one service go.
 *
 * 1. Pinned and manual ones stay, and so do the `keep_worst` worst: by severity, the newer first among equals.
 * 2. Of the others, those older than `max_age` go.
 * 3. Then the oldest go until all that stay, the protected included, are within `max_captures` and `max_bytes`.
 */
export function expired(
  captures: readonly Retained[],
  limits: RetentionLimits,
  now: number,
): readonly Expired[] {
  const free = captures.filter(({ manual, pinned }) => !manual && !pinned).sort(worstFirst);
  const worst = new Set(free.slice(0, limits.keep_worst).map(({ id }) => id));
  const gone: Expired[] = [];
  const candidates = free.filter(({ id }) => !worst.has(id)).sort((a, b) => a.created - b.created);
  let count = captures.length;
  let bytes = captures.reduce((sum, capture) => sum + capture.bytes, 0);
  for (const capture of candidates) {
    const reason = reasonToGo(capture, { count, bytes }, limits, now);
    if (reason === undefined) continue;
    gone.push({ id: capture.id, reason });
    count--;
    bytes -= capture.bytes;
  }
  return gone;
}

function reasonToGo(
  capture: Retained,
  held: { readonly count: number; readonly bytes: number },
  limits: RetentionLimits,
  now: number,
): Expired["reason"] | undefined {
  if (limits.max_age !== undefined && now - capture.created > limits.max_age) return "age";
  if (limits.max_captures !== undefined && held.count > limits.max_captures) return "count";
  if (limits.max_bytes !== undefined && held.bytes > limits.max_bytes) return "bytes";
  return undefined;
}

function worstFirst(a: Retained, b: Retained): number {
  return severityRank(b.severity) - severityRank(a.severity) || b.created - a.created;
}

export interface RetentionDeps {
  readonly spool: Spool;
  readonly store: Store;
  /** The services this agent watches: it deletes nothing of others. */
  readonly services: () => readonly string[];
  /** Notes in the index that a capture is gone. */
  readonly onRemoved: (row: IndexRow) => Promise<void>;
  readonly clock: Clock;
  readonly emit: EmitStoreEvent;
}

/** Applies the limits to the spool and to the destination, now and then until the signal is aborted. */
export async function runRetention(
  options: RetentionOptions,
  deps: RetentionDeps,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (options.spool !== undefined) await retainSpool(options.spool, deps);
      if (options.store !== undefined) await retainStore(options.store, deps, signal);
      await deps.clock.sleep(options.every, signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      const code = error instanceof StoreError ? error.code : "unexpected";
      deps.emit({ kind: "retention.failed", code, message: errorMessage(error) });
      await deps.clock.sleep(options.every, signal).catch(() => undefined);
    }
  }
}

export async function retainSpool(limits: RetentionLimits, { spool, clock }: RetentionDeps): Promise<void> {
  const waiting = spool.pending().map((entry) => {
    const { pinned } = spool.progress(entry.id);
    return { ...entry, created: Date.parse(entry.created), pinned };
  });
  for (const captures of byService(waiting)) {
    for (const { id, reason } of expired(captures, limits, clock.now())) await spool.drop(id, reason);
  }
}

function byService<T extends { readonly service: string }>(captures: readonly T[]): Iterable<readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const capture of captures) {
    const group = groups.get(capture.service) ?? [];
    groups.set(capture.service, group);
    group.push(capture);
  }
  return groups.values();
}

export async function retainStore(
  limits: RetentionLimits,
  deps: RetentionDeps,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock, emit, onRemoved } = deps;
  const catalog = new Catalog(store);
  for (const service of deps.services()) {
    const rows = await catalog.list({ filter: { service }, limit: Infinity }, signal);
    const byId = new Map(rows.map((row) => [row.id, row]));
    const captures = rows.map((row) => ({ ...row, manual: row.kind === "manual" || row.kind === "signal" }));
    for (const { id, reason } of expired(captures, limits, clock.now())) {
      const row = byId.get(id);
      // The index may not know of a pin yet; the pin itself does.
      if (row === undefined || (await catalog.isPinned(row, signal))) continue;
      await onRemoved(await catalog.remove(row, clock.now(), signal));
      emit({ kind: "retention.deleted", id, service, prefix: row.prefix, reason });
    }
  }
}
