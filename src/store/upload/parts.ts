import { StoreError } from "../../base/errors.ts";
import { spoolError } from "../spool/errors.ts";
import type { MultipartProgress } from "../spool/progress.ts";
import type { Spool } from "../spool/spool.ts";
import type { MultipartPart, MultipartStore, ObjectDescription } from "../store.ts";
import type { Bandwidth } from "./bandwidth.ts";

/** S3 takes no more parts. */
const MAX_PARTS = 10_000;

export interface PartsSource {
  readonly id: string;
  readonly file: string;
  readonly path: string;
  readonly object: ObjectDescription;
}

/**
 * Sends a file in parts, one request each, noting every part in the journal: a restart goes on with the next. An
 * upload that the store has forgotten meanwhile is begun anew.
 */
export async function sendInParts(
  context: { readonly spool: Spool; readonly bandwidth: Bandwidth },
  store: MultipartStore,
  source: PartsSource,
  signal: AbortSignal,
): Promise<void> {
  const { spool } = context;
  const earlier = spool.progress(source.id).multiparts.get(source.file);
  if (earlier !== undefined) {
    try {
      await sendMissing(context, store, source, earlier, signal);
      return;
    } catch (error) {
      if (!isForgotten(error)) throw error;
    }
  }
  await sendMissing(context, store, source, await begin(spool, store, source, signal), signal);
}

async function begin(
  spool: Spool,
  store: MultipartStore,
  source: PartsSource,
  signal: AbortSignal,
): Promise<MultipartProgress> {
  const { id, file, object } = source;
  const uploadId = await store.begin(object, signal);
  const partBytes = Math.max(store.partBytes, Math.ceil(object.bytes / MAX_PARTS));
  await spool.record({ kind: "multipart", id, file, upload_id: uploadId, part_bytes: partBytes });
  return { uploadId, partBytes, parts: new Map() };
}

async function sendMissing(
  { spool, bandwidth }: { readonly spool: Spool; readonly bandwidth: Bandwidth },
  store: MultipartStore,
  source: PartsSource,
  { uploadId, partBytes, parts: done }: MultipartProgress,
  signal: AbortSignal,
): Promise<void> {
  const { id, file, path, object } = source;
  const upload = { key: object.key, uploadId };
  const parts = new Map<number, MultipartPart>();
  for (const { part, etag, checksum } of done.values()) {
    parts.set(part, { part, etag, ...(checksum === undefined ? {} : { checksum }) });
  }
  const count = Math.ceil(object.bytes / partBytes);
  for (let part = 1; part <= count; part++) {
    if (parts.has(part)) continue;
    const bytes = await readPart(spool, path, (part - 1) * partBytes, partBytes);
    await bandwidth.take(bytes.byteLength, signal);
    const sent = await store.put(upload, part, bytes, signal);
    parts.set(part, sent);
    await spool.record({ kind: "part", id, file, upload_id: uploadId, done: sent });
  }
  await store.complete(upload, [...parts.values()], signal);
}

async function readPart(spool: Spool, path: string, offset: number, length: number): Promise<Uint8Array> {
  try {
    return await spool.files.readRange(path, offset, length);
  } catch (error) {
    throw spoolError(`reading ${path}`, error);
  }
}

function isForgotten(error: unknown): boolean {
  return error instanceof StoreError && ["no_such_upload", "invalid_part"].includes(error.code);
}
