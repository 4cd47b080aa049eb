import { parquetReadObjects } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { IndexRow } from "./row.ts";

type ColumnType = "STRING" | "TIMESTAMP" | "DOUBLE" | "INT32" | "INT64" | "BOOLEAN";

/** The file's columns: name, type, and whether there may be nothing in it. A new one goes to the end. */
const COLUMNS: readonly (readonly [keyof IndexRow, ColumnType, "optional"?])[] = [
  ["id", "STRING"],
  ["created", "TIMESTAMP"],
  ["service", "STRING"],
  ["job", "STRING"],
  ["target", "STRING"],
  ["address", "STRING"],
  ["labels", "STRING"],
  ["rule", "STRING"],
  ["kind", "STRING"],
  ["severity", "STRING"],
  ["signal", "STRING", "optional"],
  ["value", "DOUBLE", "optional"],
  ["threshold", "DOUBLE", "optional"],
  ["unit", "STRING", "optional"],
  ["message", "STRING"],
  ["reasons", "INT32"],
  ["go_version", "STRING", "optional"],
  ["host", "STRING"],
  ["files", "INT32"],
  ["bytes", "INT64"],
  ["trace_bytes", "INT64", "optional"],
  ["generations", "INT32", "optional"],
  ["window_start", "TIMESTAMP", "optional"],
  ["window_end", "TIMESTAMP", "optional"],
  ["complete", "BOOLEAN", "optional"],
  ["prefix", "STRING"],
  ["pinned", "BOOLEAN"],
  ["removed", "BOOLEAN"],
  ["indexed", "TIMESTAMP"],
];

/** The rows as a Parquet file, newest first, so that a reader with a limit finds what it wants in front. */
export function encodeRows(rows: readonly IndexRow[]): Uint8Array {
  const sorted = rows.toSorted((a, b) => b.created - a.created);
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: COLUMNS.map(([name, type, optional]) => ({
        name,
        type,
        nullable: optional !== undefined,
        data: sorted.map((row) => toParquet(row[name], type)),
      })),
    }),
  );
}

/** @throws {Error} what is no such file. */
export async function decodeRows(file: Uint8Array): Promise<IndexRow[]> {
  const buffer = new Uint8Array(file).buffer;
  const objects = await parquetReadObjects({ file: buffer });
  return objects.map((object) => {
    const row: Record<string, unknown> = {};
    for (const [name, type] of COLUMNS) row[name] = fromParquet(object[name], type);
    return row as unknown as IndexRow;
  });
}

function toParquet(value: IndexRow[keyof IndexRow], type: ColumnType): unknown {
  if (value === undefined) return undefined;
  if (type === "TIMESTAMP") return new Date(value as number);
  return type === "INT64" ? BigInt(value) : value;
}

/** A column that an older file lacks is empty. */
function fromParquet(value: unknown, type: ColumnType): unknown {
  if (value === undefined || value === null) return type === "BOOLEAN" ? false : undefined;
  if (value instanceof Date) return value.getTime();
  return typeof value === "bigint" ? Number(value) : value;
}
