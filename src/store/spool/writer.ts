import { createHash } from "node:crypto";
import { assert, StoreError } from "../../base/errors.ts";
import { encodeManifest, MANIFEST_NAME, type CaptureFile, type Manifest } from "../../capture/manifest.ts";
import { AGE_CONTENT_TYPE, AGE_SUFFIX, type Encryption } from "../encryption.ts";
import type { Files, WritableFile } from "../files.ts";
import { spoolError } from "./errors.ts";

/** A file's bytes: at hand, or as they come. */
export type Chunks = readonly Uint8Array[] | AsyncIterable<Uint8Array>;

const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;
const MAX_FILES = 64;

/** What the writer needs of its spool. */
export interface WriterHost {
  readonly files: Files;
  /** No capture may be larger. */
  readonly maxBytes: number;
  /** Every file but the manifest is encrypted with it. */
  readonly encryption: Encryption | undefined;
  /** The writer is done, one way or the other. */
  ended(): void;
  /** Makes the written folder a capture of the spool; when it resolves, the capture survives a power cut. */
  accept(manifest: Manifest, folder: string, manifestBytes: number): Promise<void>;
}

/**
 * One capture being written, in a temporary folder of the spool. Add the files, then `commit` the manifest that lists
 * them; a writer that is not committed leaves nothing behind, whether it is aborted or the agent dies.
 */
export class CaptureWriter {
  readonly id: string;
  readonly #host: WriterHost;
  readonly #folder: string;
  readonly #added = new Map<string, CaptureFile>();
  /** As they were asked for. */
  readonly #names = new Set<string>();
  #bytes = 0;
  #state: "open" | "committed" | "aborted" = "open";

  constructor(id: string, folder: string, host: WriterHost) {
    this.id = id;
    this.#folder = folder;
    this.#host = host;
  }

  /**
   * Writes one file and makes it durable, hashing as it goes. Where captures are encrypted it is written as `name.age`,
   * and nothing of it touches the disk as it is.
   *
   * @returns the file's line for the manifest.
   * @throws {StoreError} `spool_disk_full`, `spool_io`, `spool_full` (larger than the whole spool), `empty_file`. The
   *   file is then not part of the capture; the writer may go on without it.
   */
  async addFile(name: string, contentType: string, chunks: Chunks): Promise<CaptureFile> {
    assert(this.#state === "open", `a file is added to the ${this.#state} capture ${this.id}`);
    assert(FILE_NAME.test(name) && name !== MANIFEST_NAME, `"${name}" is not a name for a capture's file`);
    assert(!this.#names.has(name), `the capture ${this.id} holds ${name} already`);
    assert(this.#added.size < MAX_FILES, `the capture ${this.id} holds more than ${MAX_FILES} files`);
    this.#names.add(name);
    const { encryption } = this.#host;
    const written = encryption === undefined ? name : `${name}${AGE_SUFFIX}`;
    const path = `${this.#folder}/${written}`;
    try {
      const plain = someBytes(name, chunks);
      const sealed = encryption === undefined ? plain : encryption.encrypt(plain);
      const { bytes, sha256 } = await this.#write(path, sealed);
      const type = encryption === undefined ? contentType : AGE_CONTENT_TYPE;
      const added: CaptureFile = { name: written, content_type: type, bytes, sha256 };
      this.#added.set(written, added);
      this.#bytes += bytes;
      return added;
    } catch (error) {
      this.#names.delete(name);
      await this.#host.files.remove(path).catch(() => undefined);
      throw spoolError(`writing ${name} of the capture ${this.id}`, error);
    }
  }

  async #write(path: string, chunks: AsyncIterable<Uint8Array>): Promise<{ bytes: number; sha256: string }> {
    const hash = createHash("sha256");
    let bytes = 0;
    const file = await this.#host.files.create(path);
    try {
      for await (const chunk of chunks) {
        bytes += chunk.byteLength;
        if (this.#bytes + bytes > this.#host.maxBytes) throw tooLarge(this.id, this.#host.maxBytes);
        hash.update(chunk);
        await file.write(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return { bytes, sha256: hash.digest("hex") };
  }

  /**
   * Writes the manifest, with how the files are encrypted, and makes the capture exist. When it resolves the capture is acknowledged: it will be in the
   * store, as long as the spool's disk survives and its stated policies do not drop it.
   *
   * @throws {StoreError} `spool_full` when the policy keeps what is there instead; `spool_disk_full`, `spool_io`.
   *   Nothing is left behind.
   */
  async commit(draft: Manifest): Promise<void> {
    assert(this.#state === "open", `the capture ${this.id} is ${this.#state} already`);
    this.#checkManifest(draft);
    this.#state = "committed";
    const { files, encryption } = this.#host;
    const recipients = encryption?.recipients;
    const manifest: Manifest =
      recipients === undefined
        ? draft
        : { ...draft, encryption: { method: "age", recipients: [...recipients] } };
    try {
      const text = Buffer.from(encodeManifest(manifest));
      await writeDurably(await files.create(`${this.#folder}/${MANIFEST_NAME}`), text);
      await files.syncFolder(this.#folder);
      await this.#host.accept(manifest, this.#folder, text.byteLength);
    } catch (error) {
      await files.remove(this.#folder).catch(() => undefined);
      throw spoolError(`committing the capture ${this.id}`, error);
    } finally {
      this.#host.ended();
    }
  }

  #checkManifest(manifest: Manifest): void {
    assert(manifest.id === this.id, `the manifest of ${manifest.id} is committed to the capture ${this.id}`);
    assert(
      manifest.files.length === this.#added.size,
      `the manifest of ${this.id} lists other files than were added`,
    );
    for (const file of manifest.files) {
      const added = this.#added.get(file.name);
      const same = added?.bytes === file.bytes && added.sha256 === file.sha256;
      assert(same, `the manifest of ${this.id} tells other things of ${file.name} than were written`);
    }
  }

  /** Removes all that was written; does nothing after `commit`. */
  async abort(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    await this.#host.files.remove(this.#folder).catch(() => undefined);
    this.#host.ended();
  }
}

export async function writeDurably(file: WritableFile, bytes: Uint8Array): Promise<void> {
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function* someBytes(name: string, chunks: Chunks): AsyncIterable<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    yield chunk;
  }
  if (bytes === 0) throw emptyFile(name);
}

function emptyFile(name: string): StoreError {
  return new StoreError("empty_file", `${name} is empty and is left out`, { retryable: false });
}

function tooLarge(id: string, limit: number): StoreError {
  return new StoreError("spool_full", `the capture ${id} is larger than the whole spool (${limit} bytes)`, {
    retryable: false,
    hint: "raise spool.max_bytes, or lower the ring's max_bytes",
  });
}
