import { parquetMetadata, parquetRead, parquetSchema, type FileMetaData } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { errorMessage, StoreError } from "../../base/errors.ts";
import { SUMMARY_NUMBERS } from "../../base/summary.ts";
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
  ...SUMMARY_NUMBERS.map((name) => [name, "DOUBLE", "optional"] as const),
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

/** One file of the index, read column by column: a list looks at few of them, and at whole lines only of what it shows. */
export class IndexFile {
  readonly #key: string;
  readonly #file: ArrayBuffer;
  readonly #metadata: FileMetaData;
  /** What an older file may lack some of. */
  readonly #names: ReadonlySet<string>;

  /** @param key what errors call it. @throws {StoreError} `bad_index`. */
  constructor(key: string, bytes: Uint8Array) {
    this.#key = key;
    this.#file = new Uint8Array(bytes).buffer;
    try {
      this.#metadata = parquetMetadata(this.#file);
      this.#names = new Set(parquetSchema(this.#metadata).children.map(({ element }) => element.name));
    } catch (error) {
      throw badIndex(key, error);
    }
  }

  /**
   * These columns of every line, or of those `at` these places.
   *
   * @throws {StoreError} `bad_index`.
   */
  async lines<K extends keyof IndexRow>(
    names: readonly K[],
    at?: readonly number[],
  ): Promise<Pick<IndexRow, K>[]> {
    const columns = COLUMNS.filter(([name]) => (names as readonly string[]).includes(name));
    let values: ReadonlyMap<string, unknown[]>;
    try {
      values = await this.#read(columns.map(([name]) => name));
    } catch (error) {
      throw badIndex(this.#key, error);
    }
    // Copied for each line: an object that grows by so many fields is slow to make.
    const blank = Object.fromEntries(columns.map(([name]) => [name, undefined as unknown]));
    const line = (place: number): Pick<IndexRow, K> => {
      const row = { ...blank };
      for (const [name, type, optional] of columns) {
        // A column that an older file lacks is empty.
        const value = values.get(name)?.[place] ?? undefined;
        if (value !== undefined) row[name] = typeof value === "bigint" ? Number(value) : value;
        else if (type === "BOOLEAN" && optional === undefined) row[name] = false;
      }
      return row as Pick<IndexRow, K>;
    };
    if (at !== undefined) return at.map(line);
    return Array.from({ length: Number(this.#metadata.num_rows) }, (_, place) => line(place));
  }

  /** Whole lines: all, or those `at` these places. @throws {StoreError} `bad_index`. */
  async rows(at?: readonly number[]): Promise<IndexRow[]> {
    return await this.lines(
      COLUMNS.map(([name]) => name),
      at,
    );
  }

  async #read(names: readonly string[]): Promise<ReadonlyMap<string, unknown[]>> {
    const columns = names.filter((name) => this.#names.has(name));
    const values = new Map(columns.map((name): [string, unknown[]] => [name, []]));
    await parquetRead({
      file: this.#file,
      metadata: this.#metadata,
      columns,
      parsers: { timestampFromMilliseconds: Number },
      onChunk: ({ columnName, columnData, rowStart }) => {
        const column = values.get(columnName);
        for (let i = 0; i < columnData.length; i++)
          if (column !== undefined) column[rowStart + i] = columnData[i];
      },
    });
    return values;
  }
}

function badIndex(key: string, error: unknown): StoreError {
  return new StoreError("bad_index", `${key} is no index file: ${errorMessage(error)}`, {
    retryable: false,
    cause: error,
    hint: "delete it and run `gorewind captures reindex`",
  });
}

function toParquet(value: IndexRow[keyof IndexRow], type: ColumnType): unknown {
  if (value === undefined) return undefined;
  if (type === "TIMESTAMP") return new Date(value as number);
  return type === "INT64" ? BigInt(value) : value;
}
