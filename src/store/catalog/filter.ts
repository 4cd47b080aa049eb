import { SUMMARY_NUMBERS } from "../../base/summary.ts";
import { severityRank } from "../severity.ts";
import type { IndexRow } from "../index/row.ts";

/** What `captures ls` may ask for; all that is given must hold. */
export interface CaptureFilter {
  readonly service?: string;
  readonly target?: string;
  readonly rule?: string;
  readonly kind?: string;
  /** This severity or a worse one. */
  readonly severity?: string;
  /** Milliseconds since the epoch: at or after `since`, before `until`. */
  readonly since?: number;
  readonly until?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly minValue?: number;
  readonly maxValue?: number;
  readonly pinned?: boolean;
}

/** The columns that the filter looks at. */
export function columnsOf(filter: CaptureFilter): readonly (keyof IndexRow)[] {
  const { since, until, minValue, maxValue, ...named } = filter;
  const columns = new Set<keyof IndexRow>();
  for (const name of Object.keys(named) as (keyof typeof named)[]) {
    if (named[name] !== undefined) columns.add(name);
  }
  if (since !== undefined || until !== undefined) columns.add("created");
  if (minValue !== undefined || maxValue !== undefined) columns.add("value");
  return [...columns];
}

/** @param row the `columnsOf` the filter suffice. */
export function matches(filter: CaptureFilter, row: IndexRow): boolean {
  const { service, target, rule, kind, severity, since, until, minValue, maxValue, pinned, labels } = filter;
  return (
    (service === undefined || row.service === service) &&
    (target === undefined || row.target === target) &&
    (rule === undefined || row.rule === rule) &&
    (kind === undefined || row.kind === kind) &&
    (severity === undefined || severityRank(row.severity) >= severityRank(severity)) &&
    (since === undefined || row.created >= since) &&
    (until === undefined || row.created < until) &&
    (minValue === undefined || (row.value !== undefined && row.value >= minValue)) &&
    (maxValue === undefined || (row.value !== undefined && row.value <= maxValue)) &&
    (pinned === undefined || row.pinned === pinned) &&
    (labels === undefined || hasLabels(labels, row.labels))
  );
}

function hasLabels(wanted: Readonly<Record<string, string>>, json: string): boolean {
  const labels = JSON.parse(json) as Record<string, string>;
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

/** The numbers of a line that a list can be sorted by, the greatest first. */
export const SORT_KEYS = [
  "created",
  "value",
  "threshold",
  "bytes",
  "trace_bytes",
  "generations",
  "reasons",
  ...SUMMARY_NUMBERS,
] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export function greatestFirst(key: SortKey): (a: IndexRow, b: IndexRow) => number {
  return (a, b) => (b[key] ?? -Infinity) - (a[key] ?? -Infinity) || (a.id < b.id ? 1 : -1);
}
