import type { SummaryNumbers } from "../../base/summary.ts";
import type { Manifest } from "../../capture/manifest.ts";
import { serviceOf } from "../keys.ts";
import { worstSeverity } from "../severity.ts";

/**
 * One line of the index: what is known of a capture without reading it. The index is a log: a later line of the same
 * id replaces an earlier one, and one that is `removed` ends it.
 */
export interface IndexRow extends SummaryNumbers {
  readonly id: string;
  /** Milliseconds since the epoch; a timestamp in the file. */
  readonly created: number;
  readonly service: string;
  readonly job: string;
  readonly target: string;
  readonly address: string;
  /** A JSON object of strings. */
  readonly labels: string;
  readonly rule: string;
  readonly kind: string;
  readonly severity: string;
  readonly signal: string | undefined;
  readonly value: number | undefined;
  readonly threshold: number | undefined;
  readonly unit: string | undefined;
  readonly message: string;
  readonly reasons: number;
  readonly go_version: string | undefined;
  readonly host: string;
  readonly files: number;
  readonly bytes: number;
  readonly trace_bytes: number | undefined;
  readonly generations: number | undefined;
  readonly window_start: number | undefined;
  readonly window_end: number | undefined;
  readonly complete: boolean | undefined;
  /** Where the capture lies, below the store's own prefix; ends in `/`. */
  readonly prefix: string;
  readonly pinned: boolean;
  readonly removed: boolean;
  /** Orders the lines of one id. */
  readonly indexed: number;
}

export function rowOf(manifest: Manifest, prefix: string, indexed: number): IndexRow {
  const [reason] = manifest.reasons;
  const { window, trace, target } = manifest;
  return {
    id: manifest.id,
    created: Date.parse(manifest.created),
    service: serviceOf(manifest),
    job: target.job,
    target: target.name,
    address: target.address,
    labels: JSON.stringify(target.labels),
    rule: reason?.rule ?? "",
    kind: reason?.kind ?? "",
    severity: worstSeverity(manifest),
    signal: reason?.signal,
    value: reason?.value,
    threshold: reason?.threshold,
    unit: reason?.unit,
    message: reason?.message ?? "",
    reasons: manifest.reasons.length,
    go_version: manifest.go_version,
    host: manifest.agent.host,
    files: manifest.files.length,
    bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0),
    trace_bytes: trace?.bytes,
    generations: trace?.generations,
    window_start: window === undefined ? undefined : Date.parse(window.start),
    window_end: window === undefined ? undefined : Date.parse(window.end),
    complete: window?.complete,
    prefix,
    pinned: false,
    removed: false,
    indexed,
    ...manifest.summary,
  };
}

/** What decides between two lines of one capture. */
export type Versioned = Pick<IndexRow, "id" | "removed" | "indexed">;

/** The last line of each id, in no particular order; removed ones too, so that they go on hiding earlier lines. */
export function latest(rows: Iterable<IndexRow>): IndexRow[] {
  return latestBy(rows, (row) => row);
}

/** The same of what holds a line. */
export function latestBy<T>(items: Iterable<T>, versionOf: (item: T) => Versioned): T[] {
  const byId = new Map<string, T>();
  for (const item of items) {
    const version = versionOf(item);
    const known = byId.get(version.id);
    if (known === undefined || supersedes(version, versionOf(known))) byId.set(version.id, item);
  }
  return [...byId.values()];
}

/** A removal is final: a capture's id is never used again, and clocks of two agents need not agree. */
function supersedes(row: Versioned, known: Versioned): boolean {
  if (row.removed !== known.removed) return row.removed;
  return row.indexed >= known.indexed;
}
