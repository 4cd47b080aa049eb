import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { realpath, rmdir } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { errorMessage, StoreError } from "../base/errors.ts";
import { sha256OfFile } from "./checksum.ts";
import { errnoOf, isErrno, makeFolderDurably, nodeFiles, type Files, type WritableFile } from "./files.ts";
import type { FilesystemStoreOptions } from "./options.ts";
import type { ByteRange, ObjectBody, ObjectInfo, Store, StoredObject, StoreObject } from "./store.ts";

/** Unfinished files; on the same file system as the finished ones, so that a rename puts them in place. */
const TEMPORARY = ".tmp";

/** A folder as the store: an object is a file, its key the path below the folder. */
export class FilesystemStore implements Store {
  readonly kind = "filesystem";
  readonly location: string;
  readonly #files: Files = nodeFiles;

  constructor(options: FilesystemStoreOptions) {
    this.location = resolve(options.path);
  }

  async put(object: StoreObject, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const path = this.#path(object.key);
    const temporary = join(this.location, TEMPORARY, randomBytes(12).toString("hex"));
    try {
      await this.#files.makeFolder(join(this.location, TEMPORARY));
      await makeFolderDurably(this.#files, dirname(path));
      const written = await this.#write(temporary, object.body, signal);
      if (written.bytes !== object.bytes || written.sha256 !== object.sha256) throw differs(object, written);
      await this.#files.rename(temporary, path);
      await this.#files.syncFolder(dirname(path));
    } catch (error) {
      await this.#files.remove(temporary).catch(() => undefined);
      if (signal.aborted) throw error;
      throw fileError(`storing ${object.key}`, error);
    }
  }

  async #write(
    path: string,
    body: ObjectBody,
    signal: AbortSignal,
  ): Promise<{ bytes: number; sha256: string }> {
    const hash = createHash("sha256");
    let bytes = 0;
    const file: WritableFile = await this.#files.create(path);
    try {
      const chunks = body.kind === "bytes" ? [body.bytes] : readStream(body.path, undefined);
      for await (const chunk of chunks) {
        signal.throwIfAborted();
        hash.update(chunk);
        bytes += chunk.byteLength;
        await file.write(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return { bytes, sha256: hash.digest("hex") };
  }

  async get(key: string, range: ByteRange | undefined, signal: AbortSignal): Promise<StoredObject> {
    const info = await this.#info(key);
    signal.throwIfAborted();
    if (info === undefined) throw notFound(key, this.location);
    return { info, body: readStream(this.#path(key), range) };
  }

  /** A folder keeps no checksums, so this reads the file: what it says is true of the disk. */
  async head(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined> {
    const info = await this.#info(key);
    if (info === undefined) return undefined;
    try {
      return { ...info, sha256: await sha256OfFile(this.#files, this.#path(key), signal) };
    } catch (error) {
      if (signal.aborted) throw error;
      throw fileError(`reading ${key}`, error);
    }
  }

  async #info(key: string): Promise<ObjectInfo | undefined> {
    const found = await this.#files.stat(this.#path(key));
    return found?.kind === "file" ? { key, bytes: found.bytes, modified: found.modified } : undefined;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    yield* this.#walk(folder, prefix, signal);
  }

  async *#walk(folder: string, prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo> {
    for (const name of await this.#names(folder)) {
      signal.throwIfAborted();
      const key = folder + name;
      if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue;
      if (key.endsWith("/")) yield* this.#walk(key, prefix, signal);
      else {
        const info = await this.#info(key);
        if (info !== undefined && key.startsWith(prefix)) yield info;
      }
    }
  }

  /** What is in a folder, in the order of keys: folders end in `/`, and sort so. */
  async #names(folder: string): Promise<readonly string[]> {
    const path = this.#path(folder);
    let names: readonly string[];
    try {
      names = await this.#files.list(path);
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return [];
      throw fileError(`listing ${folder}`, error);
    }
    const marked: string[] = [];
    for (const name of names) {
      if (folder === "" && name === TEMPORARY) continue;
      const found = await this.#files.stat(join(path, name));
      if (found !== undefined) marked.push(found.kind === "folder" ? `${name}/` : name);
    }
    return marked.toSorted();
  }

  async *folders(folder: string, signal: AbortSignal): AsyncIterable<string> {
    for (const name of await this.#names(folder)) {
      signal.throwIfAborted();
      if (name.endsWith("/")) yield folder + name;
    }
  }

  /** Folders that become empty go as well, or the years would pile up. */
  async delete(key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const path = this.#path(key);
    try {
      await this.#files.remove(path);
      // Not recursively: something may be put into the folder at this very moment.
      for (let folder = dirname(path); folder !== this.location; folder = dirname(folder))
        await rmdir(folder);
    } catch (error) {
      if (isErrno(error, "ENOTEMPTY") || isErrno(error, "ENOENT")) return;
      throw fileError(`deleting ${key}`, error);
    }
  }

  close(): void {
    // Nothing is held open between calls.
  }

  /** @throws {StoreError} `bad_key` for a key that would leave the folder. */
  #path(key: string): string {
    const path = resolve(this.location, key);
    const inside = path === this.location || path.startsWith(this.location + sep);
    if (!inside || key.startsWith("/") || key.includes("\0") || key.split("/").includes("..")) {
      throw new StoreError("bad_key", `"${key}" is not a key of this store`, { retryable: false });
    }
    return path;
  }

  /** Where an object lies, for callers that hand the path to other programs. A link out of the folder is refused. */
  async pathOf(key: string): Promise<string> {
    const path = await realpath(this.#path(key)).catch(() => undefined);
    const root = await realpath(this.location).catch(() => this.location);
    if (path === undefined || !path.startsWith(root + sep)) throw notFound(key, this.location);
    return path;
  }
}

async function* readStream(path: string, range: ByteRange | undefined): AsyncIterable<Uint8Array> {
  const end = range?.end === undefined ? {} : { end: range.end };
  const stream = createReadStream(path, { start: range?.start ?? 0, ...end, highWaterMark: 256 * 1024 });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw fileError(`reading ${path}`, error);
  } finally {
    stream.destroy();
  }
}

export function notFound(key: string, location: string): StoreError {
  return new StoreError("not_found", `${location} has no ${key}`, { retryable: false });
}

function differs(object: StoreObject, written: { bytes: number; sha256: string }): StoreError {
  const what = `${written.bytes} bytes with SHA-256 ${written.sha256.slice(0, 12)}…`;
  return new StoreError(
    "checksum_mismatch",
    `${object.key} has ${what}, where ${object.bytes} with ${object.sha256.slice(0, 12)}… were announced`,
    { retryable: true, hint: "the source changed or the disk fails; see `gorewind captures verify`" },
  );
}

function fileError(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = errnoOf(error);
  const hint =
    code === "ENOSPC" || code === "EDQUOT"
      ? "make room on the store's disk, or set retention.store.max_bytes"
      : code === "EACCES" || code === "EPERM" || code === "EROFS"
        ? "the agent may not write to the store's folder: check its owner and the mount"
        : undefined;
  return new StoreError(`file_${(code ?? "unknown").toLowerCase()}`, `${what}: ${errorMessage(error)}`, {
    retryable: true,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
