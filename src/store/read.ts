import { StoreError } from "../base/errors.ts";
import type { Store } from "./store.ts";

/** Manifests and index files are read whole; none of ours comes near this. */
const MAX_BYTES = 64 * 1024 * 1024;

/** @throws {StoreError} `not_found`, `too_large`. */
export async function readObject(store: Store, key: string, signal: AbortSignal): Promise<Uint8Array> {
  const { info, body } = await store.get(key, undefined, signal);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) {
      throw new StoreError(
        "too_large",
        `${key} has ${info.bytes} bytes; no more than ${MAX_BYTES} are read`,
        {
          retryable: false,
        },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
