import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { appendFile, mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../../base/errors.ts";
import { MANIFEST_NAME, type CaptureFile, type Manifest } from "../../capture/manifest.ts";
import { readObject } from "../read.ts";
import { SIGNATURE_NAME } from "../signature.ts";
import type { Store } from "../store.ts";

export interface DownloadProgress {
  readonly file: string;
  readonly bytes: number;
  readonly of: number;
}

/**
 * Fetches a capture into a folder, each file checked against the manifest before it takes its name. What an earlier
 * try left is gone on with, and what is there already is not fetched again.
 *
 * @throws {StoreError} `checksum_mismatch` when what the store gives is not what was captured.
 */
export async function downloadCapture(
  store: Store,
  { manifest, prefix }: { readonly manifest: Manifest; readonly prefix: string },
  folder: string,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of manifest.files) {
    if (await isWhole(join(folder, file.name), file)) continue;
    await downloadFile(store, prefix + file.name, file, folder, onProgress, signal);
  }
  // As it was uploaded, byte for byte: a signature is of the bytes.
  const signature = await readIfThere(store, prefix + SIGNATURE_NAME, signal);
  if (signature !== undefined) await writeFile(join(folder, SIGNATURE_NAME), signature);
  await writeFile(join(folder, MANIFEST_NAME), await readObject(store, prefix + MANIFEST_NAME, signal));
}

async function readIfThere(store: Store, key: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    return await readObject(store, key, signal);
  } catch (error) {
    if (error instanceof StoreError && error.code === "not_found") return undefined;
    throw error;
  }
}

async function downloadFile(
  store: Store,
  key: string,
  file: CaptureFile,
  folder: string,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const partial = join(folder, `${file.name}.partial`);
  // Once more from the start: what an earlier try left may be wrong, the store's answer is hashed either way.
  for (const resume of [true, false]) {
    if (!resume) await rm(partial, { force: true });
    const { hash, bytes: start } = await hashOf(partial);
    let bytes = start;
    if (bytes < file.bytes) {
      const { body } = await store.get(key, start === 0 ? undefined : { start }, signal);
      const to = await open(partial, "a");
      try {
        for await (const chunk of body) {
          signal.throwIfAborted();
          hash.update(chunk);
          await appendFile(to, chunk);
          bytes += chunk.byteLength;
          onProgress({ file: file.name, bytes, of: file.bytes });
        }
      } finally {
        await to.close();
      }
    }
    if (bytes === file.bytes && hash.digest("hex") === file.sha256) {
      await rename(partial, join(folder, file.name));
      return;
    }
  }
  await rm(partial, { force: true });
  throw new StoreError("checksum_mismatch", `${key} in ${store.location} is not what its manifest says`, {
    retryable: false,
    hint: "`gorewind captures verify` tells what is wrong with the capture",
  });
}

async function isWhole(path: string, file: CaptureFile): Promise<boolean> {
  const { hash, bytes } = await hashOf(path);
  return bytes === file.bytes && hash.digest("hex") === file.sha256;
}

async function hashOf(path: string): Promise<{ readonly hash: Hash; readonly bytes: number }> {
  const hash = createHash("sha256");
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return { hash, bytes: 0 };
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { hash, bytes: found.size };
}
