import { createHash } from "node:crypto";
import { StoreError } from "../../base/errors.ts";
import { MANIFEST_NAME, type CaptureFile } from "../../capture/manifest.ts";
import { sha256OfFile } from "../checksum.ts";
import { capturePrefix, serviceOf } from "../keys.ts";
import type { UploadOptions } from "../options.ts";
import { SIGNATURE_NAME, type Sign } from "../signature.ts";
import { spoolError } from "../spool/errors.ts";
import type { SpoolEntry } from "../spool/entry.ts";
import type { Spool } from "../spool/spool.ts";
import type { ObjectDescription, Store, StoreObject } from "../store.ts";
import type { Bandwidth } from "./bandwidth.ts";
import { sendInParts } from "./parts.ts";

export interface TransferContext {
  readonly spool: Spool;
  readonly store: Store;
  readonly options: UploadOptions;
  readonly bandwidth: Bandwidth;
  readonly sign: Sign | undefined;
}

export interface Place {
  readonly prefix: string;
  /** Whether something of the capture may be there already. */
  readonly begun: boolean;
}

/**
 * Where the capture goes: decided once, before the first byte leaves, and noted in the journal. A template that is
 * changed later does not give the same capture a second place.
 */
export async function placeOf(context: TransferContext, id: string): Promise<Place> {
  const { spool, store, options } = context;
  const { destination } = spool.progress(id);
  if (destination?.location === store.location) return { prefix: destination.prefix, begun: true };
  const { manifest } = await spool.manifest(id);
  const prefix = capturePrefix(options.key, manifest);
  await spool.record({ kind: "uploading", id, location: store.location, prefix });
  return { prefix, begun: false };
}

/**
 * Brings one capture from the spool to the store, each file checked there, the manifest last: who lists the store
 * sees whole captures only. Started again after any failure or restart, it goes on with what is missing.
 *
 * @throws {StoreError} `spool_damaged` when the spool's own copy is not what the manifest says.
 */
export async function transfer(
  context: TransferContext,
  entry: SpoolEntry,
  { prefix, begun }: Place,
  signal: AbortSignal,
): Promise<void> {
  const { spool } = context;
  const { manifest, text } = await spool.manifest(entry.id);
  const metadata = { id: manifest.id, service: headerValue(serviceOf(manifest)) };
  for (const file of manifest.files) {
    if (spool.progress(entry.id).uploaded.has(file.name)) continue;
    await sendFile(context, entry, file, { key: prefix + file.name, metadata, begun }, signal);
    await spool.record({ kind: "uploaded", id: entry.id, file: file.name });
  }
  const manifestObject = bytesObject(prefix + MANIFEST_NAME, "application/json", text, metadata);
  if (begun && (await isThere(context, manifestObject, signal))) return;
  if (context.sign !== undefined) {
    const bytes = context.sign(text);
    const signature = bytesObject(prefix + SIGNATURE_NAME, "application/octet-stream", bytes, metadata);
    await context.store.put(signature, signal);
    await check(context, signature, signal);
  }
  // Dropped meanwhile: what is there of it will be cleared away, and must not be published.
  if (spool.get(entry.id) === undefined) throw dropped(entry.id);
  await context.store.put(manifestObject, signal);
  await check(context, manifestObject, signal);
}

function bytesObject(
  key: string,
  contentType: string,
  bytes: Uint8Array,
  metadata: Readonly<Record<string, string>>,
): StoreObject {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { key, contentType, bytes: bytes.byteLength, sha256, metadata, body: { kind: "bytes", bytes } };
}

function dropped(id: string): StoreError {
  return new StoreError("dropped", `the capture ${id} was dropped while it was uploaded`, {
    retryable: false,
  });
}

interface Target {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly begun: boolean;
}

async function sendFile(
  context: TransferContext,
  entry: SpoolEntry,
  file: CaptureFile,
  target: Target,
  signal: AbortSignal,
): Promise<void> {
  const path = `${entry.folder}/${file.name}`;
  const object: ObjectDescription = {
    key: target.key,
    contentType: file.content_type,
    bytes: file.bytes,
    sha256: file.sha256,
    metadata: target.metadata,
  };
  if (target.begun && (await isThere(context, object, signal))) return;
  await checkSource(context, path, file, signal);
  const { store, bandwidth } = context;
  if (store.multipart !== undefined && file.bytes > store.multipart.partBytes) {
    await sendInParts(context, store.multipart, { id: entry.id, file: file.name, path, object }, signal);
  } else {
    await bandwidth.take(file.bytes, signal);
    await store.put({ ...object, body: { kind: "file", path } }, signal);
  }
  await check(context, object, signal);
}

/** The spool's disk is not trusted either: what goes up is what was captured, or nothing. */
async function checkSource(
  { spool }: TransferContext,
  path: string,
  file: CaptureFile,
  signal: AbortSignal,
): Promise<void> {
  let sha256: string;
  try {
    sha256 = await sha256OfFile(spool.files, path, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw spoolError(`reading ${file.name}`, error);
  }
  if (sha256 === file.sha256) return;
  throw new StoreError("spool_damaged", `${path} is not what its manifest says`, {
    retryable: false,
    hint: "the spool's disk fails; the capture is set aside in the spool's damaged folder",
  });
}

async function isThere(
  context: TransferContext,
  object: ObjectDescription,
  signal: AbortSignal,
): Promise<boolean> {
  return (await difference(context, object, signal)) === undefined;
}

/** @throws {StoreError} `checksum_mismatch`: the copy in the spool must not go. */
async function check(
  context: TransferContext,
  object: ObjectDescription,
  signal: AbortSignal,
): Promise<void> {
  const different = await difference(context, object, signal);
  if (different === undefined) return;
  throw new StoreError("checksum_mismatch", `${object.key} in ${context.store.location} ${different}`, {
    retryable: true,
    hint: "the store does not hold what was sent; it is sent again",
  });
}

/** How the object in the store differs from what it should be, or undefined when it does not. */
async function difference(
  { store, options }: TransferContext,
  object: ObjectDescription,
  signal: AbortSignal,
): Promise<string | undefined> {
  const info = await store.head(object.key, signal);
  if (info === undefined) return "is not there";
  if (info.bytes !== object.bytes) return `has ${info.bytes} bytes, not ${object.bytes}`;
  const sha256 = options.verify === "read" ? await hashStored(store, object.key, signal) : info.sha256;
  return sha256 === undefined || sha256 === object.sha256 ? undefined : `has the SHA-256 ${sha256}`;
}

async function hashStored(store: Store, key: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const { body } = await store.get(key, undefined, signal);
  for await (const chunk of body) hash.update(chunk);
  return hash.digest("hex");
}

/** Metadata travels in HTTP headers: printable ASCII, short. */
function headerValue(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 128);
}
