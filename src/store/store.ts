import type { EpochMilliseconds } from "../base/units.ts";

/**
 * Where captures go. The interface is what its three callers need: the uploader, the `captures` commands and HTTP.
 *
 * Keys are relative to the store's own prefix, with `/` between segments. Every failure is a `StoreError`; an abort
 * of the signal is rethrown as it is.
 */
export interface Store {
  readonly kind: "filesystem" | "s3";
  /** For people: `s3://bucket/prefix` or the folder's path. */
  readonly location: string;

  /** Stores a whole object, durably: when it resolves, the object is there under `key`, or it replaced what was. */
  put(object: StoreObject, signal: AbortSignal): Promise<void>;
  /** @throws {StoreError} `not_found`. */
  get(key: string, range: ByteRange | undefined, signal: AbortSignal): Promise<StoredObject>;
  /** What the store itself says of the object, or undefined when it is not there. */
  head(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined>;
  /** Every object whose key starts with `prefix`, in the order of keys, page by page as it is consumed. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo>;
  /** The folders directly under `folder` (which ends in `/` or is empty), each ending in `/`, in the order of keys. */
  folders(folder: string, signal: AbortSignal): AsyncIterable<string>;
  /** Deleting what is not there succeeds. */
  delete(key: string, signal: AbortSignal): Promise<void>;
  /** A link that anyone may download with until it expires, where the store can make one. */
  presign?(key: string, expiresInSeconds: number, signal: AbortSignal): Promise<string>;

  /** For objects that do not fit one request; absent where `put` takes any size. */
  readonly multipart?: MultipartStore;

  /** Lets go of connections. */
  close(): void;
}

/** Parts of an upload are numbered from 1; all but the last have `partBytes` bytes. */
export interface MultipartStore {
  readonly partBytes: number;
  begin(object: ObjectDescription, signal: AbortSignal): Promise<string>;
  put(upload: MultipartUpload, part: number, bytes: Uint8Array, signal: AbortSignal): Promise<MultipartPart>;
  complete(upload: MultipartUpload, parts: readonly MultipartPart[], signal: AbortSignal): Promise<void>;
  /** Aborting what is not there succeeds. */
  abort(upload: MultipartUpload, signal: AbortSignal): Promise<void>;
  /** Uploads that were begun and neither completed nor aborted. */
  list(
    prefix: string,
    signal: AbortSignal,
  ): AsyncIterable<MultipartUpload & { readonly begun: EpochMilliseconds }>;
}

export interface MultipartUpload {
  readonly key: string;
  readonly uploadId: string;
}

export interface MultipartPart {
  readonly part: number;
  readonly etag: string;
  /** Base64, as the store wants it back; absent when the store was told of no checksum. */
  readonly checksum?: string;
}

export interface ObjectDescription {
  readonly key: string;
  readonly contentType: string;
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  /** Short ASCII values, for people who look at the object in the store's own tools. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StoreObject extends ObjectDescription {
  readonly body: ObjectBody;
}

export type ObjectBody =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string };

/** Both ends included, as in HTTP; without `end`, to the end of the object. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  readonly modified: EpochMilliseconds;
  /** Lower-case hexadecimal, where the store keeps it or can compute it. `list` leaves it out. */
  readonly sha256?: string;
  readonly contentType?: string;
}

export interface StoredObject {
  /** Of the whole object, whatever the range. */
  readonly info: ObjectInfo;
  /** Must be read to its end or returned early, or the connection stays busy. */
  readonly body: AsyncIterable<Uint8Array>;
}
