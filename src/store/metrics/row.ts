import { parquetWriteBuffer } from "hyparquet-writer";
import { dayOf } from "../index/reader.ts";

/** One series of one trace generation of one target: what the rules saw of it. */
export interface MetricRow {
  /** The generation's end, ms since the epoch. */
  readonly time: number;
  /** Its length in seconds. */
  readonly interval: number;
  readonly service: string;
  readonly job: string;
  readonly target: string;
  /** The target's labels, a JSON object of strings. */
  readonly target_labels: string;
  readonly signal: string;
  /** The series' labels, a JSON object of strings. */
  readonly labels: string;
  /** How many values there were; of a gauge, one. The columns below are of those. */
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Beside the index of captures, and spelled like it. */
export const METRICS_ROOT = "index=generations/";

export function metricsFolder(day: string): string {
  return `${METRICS_ROOT}day=${day}/`;
}

/** A new column goes to the end. */
const COLUMNS: readonly (readonly [keyof MetricRow, "STRING" | "TIMESTAMP" | "DOUBLE" | "INT32"])[] = [
  ["time", "TIMESTAMP"],
  ["interval", "DOUBLE"],
  ["service", "STRING"],
  ["job", "STRING"],
  ["target", "STRING"],
  ["target_labels", "STRING"],
  ["signal", "STRING"],
  ["labels", "STRING"],
  ["count", "INT32"],
  ["sum", "DOUBLE"],
  ["min", "DOUBLE"],
  ["p50", "DOUBLE"],
  ["p99", "DOUBLE"],
  ["max", "DOUBLE"],
];

/** The rows as a Parquet file. Sorted, so that a reader that asks for a signal of a service skips most of it. */
export function encodeMetrics(rows: readonly MetricRow[]): Uint8Array {
  const sorted = rows.toSorted(
    (a, b) => compare(a.service, b.service) || compare(a.signal, b.signal) || a.time - b.time,
  );
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: COLUMNS.map(([name, type]) => ({
        name,
        type,
        nullable: false,
        data: sorted.map((row) => (type === "TIMESTAMP" ? new Date(row[name]) : row[name])),
      })),
    }),
  );
}

/** The rows by the day (UTC) that they are of. */
export function byDay(rows: readonly MetricRow[]): ReadonlyMap<string, readonly MetricRow[]> {
  const days = new Map<string, MetricRow[]>();
  for (const row of rows) {
    const day = dayOf(row.time);
    const of = days.get(day);
    if (of === undefined) days.set(day, [row]);
    else of.push(row);
  }
  return days;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
