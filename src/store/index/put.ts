import { createHash } from "node:crypto";
import type { Store } from "../store.ts";
import { encodeRows } from "./parquet.ts";
import { PARQUET_TYPE } from "./reader.ts";
import type { IndexRow } from "./row.ts";

/** Writes one file of the index. */
export async function putRows(
  store: Store,
  key: string,
  rows: readonly IndexRow[],
  signal: AbortSignal,
): Promise<void> {
  const bytes = encodeRows(rows);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await store.put(
    { key, contentType: PARQUET_TYPE, bytes: bytes.byteLength, sha256, body: { kind: "bytes", bytes } },
    signal,
  );
}
