/** Which events the bytes of a trace go to, as `go tool trace -d=footprint` counts them. */

import { readWire } from "../wire.ts";
import { uvarintSize } from "../varint.ts";

export interface FootprintRow {
  readonly event: string;
  readonly type: number;
  readonly count: number;
  /** Encoded bytes, without the padding the runtime gives to sizes. */
  readonly bytes: number;
  /** Share of the trace's bytes, 0 to 1. */
  readonly bytesShare: number;
  /** Share of all wire events, 0 to 1. */
  readonly countShare: number;
}

/** A row for every event type that occurs, by bytes. Throws TraceFormatError. */
export function footprint(trace: Uint8Array): FootprintRow[] {
  const stats = new Map<number, { name: string; count: number; bytes: number }>();
  let events = 0;
  for (const { spec, args, data } of readWire(trace)) {
    let row = stats.get(spec.type);
    if (row === undefined) {
      row = { name: spec.name, count: 0, bytes: 0 };
      stats.set(spec.type, row);
    }
    row.count++;
    row.bytes += 1;
    for (const arg of args) row.bytes += uvarintSize(arg);
    if (data !== undefined) row.bytes += uvarintSize(data.length) + data.length;
    events++;
  }
  return [...stats]
    .map(([type, { name, count, bytes }]) => ({
      event: name,
      type,
      count,
      bytes,
      bytesShare: bytes / trace.length,
      countShare: count / events,
    }))
    .toSorted((a, b) => b.bytes - a.bytes || a.type - b.type);
}

/** The footprint as lines of text. */
export function formatFootprint(rows: readonly FootprintRow[]): string[] {
  const cells = rows.map((row) => [
    row.event,
    String(row.bytes),
    `${(row.bytesShare * 100).toFixed(2)}%`,
    String(row.count),
    `${(row.countShare * 100).toFixed(2)}%`,
  ]);
  const table = [["Event", "Bytes", "%", "Count", "%"], ["-", "-", "-", "-", "-"], ...cells];
  const widths = table[0]!.map((_, i) => Math.max(3, ...table.map((row) => row[i]!.length + 2)));
  return table.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join(""),
  );
}
