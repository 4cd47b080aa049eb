import type { Clock } from "../../base/clock.ts";
import { assert, errorMessage, StoreError } from "../../base/errors.ts";
import { decodeManifest, MANIFEST_NAME, type Manifest } from "../../capture/manifest.ts";
import type { Encryption } from "../encryption.ts";
import type { DropReason, EmitStoreEvent } from "../events.ts";
import { errnoOf, makeFolderDurably, nodeFiles, type Files } from "../files.ts";
import type { SpoolOptions } from "../options.ts";
import { entryOf, type SpoolEntry } from "./entry.ts";
import { spoolError } from "./errors.ts";
import { Inventory, type SpoolUsage } from "./inventory.ts";
import { Journal } from "./journal.ts";
import { lockSpool, type SpoolLock } from "./lock.ts";
import type { JournalRecord, Progress, ProgressById } from "./progress.ts";
import { foldersOf, recover } from "./recover.ts";
import { CaptureWriter } from "./writer.ts";

export interface SpoolDeps {
  readonly clock: Clock;
  readonly emit: EmitStoreEvent;
  /** The file system; tests hand in one that fails. */
  readonly files?: Files;
  /** Captures are encrypted with it as they are written. */
  readonly encryption?: Encryption | undefined;
  /** Tests that fake the file system have no folder to lock. */
  readonly lock?: () => Promise<SpoolLock>;
}

/** Half of a capture in the store, of which there will never be the other half. */
export interface Abandoned {
  readonly id: string;
  readonly location: string;
  readonly prefix: string;
  readonly uploads: readonly { readonly file: string; readonly uploadId: string }[];
}

/** Older ones are left to the store's lifecycle rules. */
const MAX_ABANDONED = 1000;

/**
 * Captures on disk between the moment they are made and the moment they are in the store.
 *
 * ```
 * spool/
 *   captures/<id>/   whole captures, each with its manifest.json
 *   tmp/             what is being written or removed; emptied at start
 *   damaged/         what did not match its manifest
 *   journal          how far the upload of each has come
 *   LOCK             who uses the spool
 * ```
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #clock: Clock;
  readonly #emit: EmitStoreEvent;
  readonly #files: Files;
  readonly #journal: Journal;
  readonly #lock: SpoolLock;
  readonly #encryption: Encryption | undefined;
  readonly #folders: ReturnType<typeof foldersOf>;
  readonly #held: Inventory;
  readonly #writing = new Set<string>();
  readonly #abandoned: Abandoned[] = [];
  #changed: PromiseWithResolvers = promiseWithResolvers();
  #commits: Promise<unknown> = Promise.resolve();

  private constructor(
    options: SpoolOptions,
    deps: SpoolDeps,
    found: { entries: Map<string, SpoolEntry>; progress: ProgressById; lock: SpoolLock },
  ) {
    this.#options = options;
    this.#clock = deps.clock;
    this.#emit = deps.emit;
    this.#files = deps.files ?? nodeFiles;
    this.#folders = foldersOf(options.path);
    this.#held = new Inventory(options, found.entries, found.progress);
    this.#lock = found.lock;
    this.#encryption = deps.encryption;
    this.#journal = new Journal(this.#files, options.path, () => this.#held.records());
  }

  /**
   * Takes the spool for this agent, and everything in it.
   *
   * @throws {StoreError} `spool_locked`, `spool_io`.
   */
  static async open(options: SpoolOptions, deps: SpoolDeps, signal: AbortSignal): Promise<Spool> {
    const files = deps.files ?? nodeFiles;
    try {
      await makeFolderDurably(files, options.path);
      const onWait = (holder: string): void => deps.emit({ kind: "spool.waited_for_lease", holder });
      const lock = await (deps.lock?.() ?? lockSpool(options.path, deps.clock, onWait, signal));
      try {
        const found = await recover(files, options.path);
        deps.emit({ kind: "spool.recovered", recovery: found.recovery });
        const spool = new Spool(options, deps, { ...found, lock });
        await spool.#settle();
        return spool;
      } catch (error) {
        await lock.release();
        throw error;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw spoolError(`opening the spool ${options.path}`, error);
    }
  }

  /** Finishes what an earlier run left half done: copies that were to go, a quota that has shrunk. */
  async #settle(): Promise<void> {
    for (const { id } of this.#held.entries()) {
      if (this.progress(id).verified !== undefined && !this.#keepsUploaded())
        await this.#discard(id, undefined);
    }
    for (const id of this.#held.overQuota()) await this.#discard(id, "quota");
  }

  /** Starts a capture. It takes part in nothing until it is committed. */
  async begin(id: string): Promise<CaptureWriter> {
    assert(/^[0-9a-z-]{10,64}$/.test(id), `"${id}" is not a capture's id`);
    assert(this.get(id) === undefined && !this.#writing.has(id), `the capture ${id} is in the spool already`);
    this.#writing.add(id);
    const folder = `${this.#folders.temporary}/${id}`;
    try {
      await this.#files.remove(folder);
      await this.#files.makeFolder(folder);
    } catch (error) {
      this.#writing.delete(id);
      throw spoolError(`beginning the capture ${id}`, error);
    }
    return new CaptureWriter(id, folder, {
      files: this.#files,
      maxBytes: this.#options.max_bytes,
      encryption: this.#encryption,
      ended: () => this.#writing.delete(id),
      accept: (manifest, written, manifestBytes) =>
        this.#inTurn(() => this.#accept(manifest, written, manifestBytes)),
    });
  }

  /** One commit at a time: each must see the room that the one before it took. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#commits.then(work);
    this.#commits = done.catch(() => undefined);
    return done;
  }

  async #accept(manifest: Manifest, written: string, manifestBytes: number): Promise<void> {
    const folder = `${this.#folders.captures}/${manifest.id}`;
    const entry = entryOf(manifest, folder, manifestBytes);
    const room = this.#held.roomFor(entry);
    if (room.kind === "refused") throw this.#refuse(entry);
    await this.#files.rename(written, folder);
    try {
      await this.#files.syncFolder(this.#folders.captures);
    } catch (error) {
      // Nobody is told that it is here, so it must not stay either.
      await this.#files.remove(folder).catch(() => undefined);
      throw error;
    }
    this.#held.add(entry);
    await this.record({ kind: "accepted", id: entry.id, at: new Date(this.#clock.now()).toISOString() });
    for (const id of room.evict) await this.#discard(id, "quota");
    this.#emit({ kind: "capture.accepted", id: entry.id, service: entry.service, bytes: entry.bytes });
  }

  #refuse(entry: SpoolEntry): StoreError {
    const { max_bytes: limit, when_full: policy } = this.#options;
    this.#emit({ kind: "spool.full", id: entry.id, bytes: entry.bytes, limit, policy });
    const { pending, bytes } = this.usage();
    return new StoreError(
      "spool_full",
      `the spool holds ${pending} captures that wait and ${bytes} of ${limit} bytes; ${policy} refuses this one`,
      { retryable: true, hint: "look at the uploads' errors, or raise spool.max_bytes" },
    );
  }

  #keepsUploaded(): boolean {
    return this.#options.keep_uploaded > 0;
  }

  /** All captures here, those that are in the store already included. */
  entries(): readonly SpoolEntry[] {
    return this.#held.entries();
  }

  /** Those that wait for the uploader. */
  pending(): readonly SpoolEntry[] {
    return this.#held.pending();
  }

  get(id: string): SpoolEntry | undefined {
    return this.#held.get(id);
  }

  /** How far a capture's upload has come; of one that is not here, that it has not begun. */
  progress(id: string): Readonly<Progress> {
    return this.#held.progress(id);
  }

  usage(): SpoolUsage {
    return this.#held.usage();
  }

  /** Whether nothing waits for the uploader. */
  get idle(): boolean {
    return this.#held.idle;
  }

  get files(): Files {
    return this.#files;
  }

  /** @throws {StoreError} `spool_damaged` or `spool_io`. */
  async manifest(id: string): Promise<{ readonly manifest: Manifest; readonly text: Uint8Array }> {
    const entry = this.get(id);
    if (entry === undefined) {
      throw new StoreError("not_found", `the capture ${id} is not in the spool`, { retryable: false });
    }
    let text: Uint8Array;
    try {
      text = await this.#files.read(`${entry.folder}/${MANIFEST_NAME}`);
    } catch (error) {
      throw spoolError(`reading the manifest of ${id}`, error);
    }
    try {
      return { manifest: decodeManifest(Buffer.from(text).toString("utf8")), text };
    } catch (error) {
      throw new StoreError("spool_damaged", `the manifest of ${id} cannot be read`, {
        retryable: false,
        cause: error,
      });
    }
  }

  /** Marks a capture as being uploaded at this moment, so that the quota does not take it from under the uploader. */
  setBusy(id: string, busy: boolean): void {
    this.#held.setBusy(id, busy);
  }

  /**
   * Notes a change of a capture, in memory at once and in the journal durably. A journal that cannot be written is
   * reported and does not stop the upload: with it would stop what frees the disk.
   */
  async record(record: JournalRecord): Promise<void> {
    // An upload may still be telling of a capture that was dropped under it.
    if (record.kind !== "removed" && this.get(record.id) === undefined) return;
    this.#held.apply(record);
    this.#wake();
    try {
      await this.#journal.append(record);
    } catch (error) {
      const code = errnoOf(error) ?? "unknown";
      this.#emit({ kind: "spool.journal_failed", code, message: errorMessage(error) });
    }
  }

  /** The capture is in the store: its copy goes, now or after `keep_uploaded`. */
  async uploaded(id: string): Promise<void> {
    await this.record({ kind: "verified", id, at: new Date(this.#clock.now()).toISOString() });
    if (!this.#keepsUploaded()) await this.#discard(id, undefined);
  }

  async pin(id: string, pinned: boolean): Promise<void> {
    if (this.get(id) !== undefined) await this.record({ kind: "pinned", id, pinned });
  }

  /** Gives a capture up. It is gone, counted as dropped if it was not in the store yet. */
  async drop(id: string, reason: DropReason): Promise<void> {
    await this.#inTurn(() => this.#discard(id, reason));
  }

  /** Lets go of the copies that `keep_uploaded` no longer covers. */
  async expireUploaded(): Promise<void> {
    const before = new Date(this.#clock.now() - this.#options.keep_uploaded).toISOString();
    for (const { id } of this.#held.entries()) {
      const { verified } = this.progress(id);
      if (verified !== undefined && verified <= before) await this.drop(id, "age");
    }
  }

  /** Sets a capture aside whose files are not what its manifest says. */
  async quarantine(id: string): Promise<void> {
    await this.#inTurn(async () => {
      const entry = this.get(id);
      if (entry === undefined) return;
      const aside = `${this.#folders.damaged}/${id}`;
      await this.#forget(entry, "damaged", () => this.#files.rename(entry.folder, aside));
    });
  }

  /** @param lost why it is gone, if it is not in the store. */
  async #discard(id: string, lost: DropReason | undefined): Promise<void> {
    const entry = this.get(id);
    if (entry === undefined) return;
    const removed = `${this.#folders.temporary}/removed-${id}`;
    await this.#forget(entry, lost, async () => {
      // In one step, so that no half of it is ever found among the captures.
      await this.#files.rename(entry.folder, removed);
      await this.#files.remove(removed);
    });
  }

  /**
   * The journal first: should the machine stop here, the next start finishes the removal. The record goes when the
   * folder is durably gone; when it cannot be removed, the record stays until a start can.
   */
  async #forget(entry: SpoolEntry, lost: DropReason | undefined, remove: () => Promise<void>): Promise<void> {
    const { id, service, severity, bytes } = entry;
    const { verified, destination, multiparts } = this.progress(id);
    const reason = verified === undefined ? lost : undefined;
    if (reason !== undefined && destination !== undefined) {
      const uploads = Array.from(multiparts, ([file, { uploadId }]) => ({ file, uploadId }));
      this.#abandoned.push({ id, ...destination, uploads });
      if (this.#abandoned.length > MAX_ABANDONED) this.#abandoned.shift();
    }
    this.#held.remove(id);
    await this.record({ kind: "removed", id, reason: reason ?? "uploaded" });
    if (reason !== undefined) this.#emit({ kind: "spool.dropped", id, service, severity, bytes, reason });
    try {
      await remove();
      await this.#files.syncFolder(this.#folders.captures);
      this.#held.forget(id);
    } catch (error) {
      this.#emit({
        kind: "spool.remove_failed",
        id,
        code: errnoOf(error) ?? "unknown",
        message: errorMessage(error),
      });
    }
  }

  /** What was dropped when a part of it was in the store already, until it is `cleared`; not while it is busy. */
  abandoned(): readonly Abandoned[] {
    return this.#abandoned.filter(({ id }) => !this.#held.isBusy(id));
  }

  cleared(abandoned: Abandoned): void {
    const at = this.#abandoned.indexOf(abandoned);
    if (at >= 0) this.#abandoned.splice(at, 1);
  }

  /** Resolves at the next change of anything in the spool. */
  nextChange(): Promise<void> {
    return this.#changed.promise;
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = promiseWithResolvers();
    changed.resolve();
  }

  /** Lets the next agent in. What is being written is lost, as it would be if the agent died. */
  async close(): Promise<void> {
    await this.#commits;
    await this.#journal.close();
    await this.#lock.release();
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

// `Promise.withResolvers` is not in Node 20.
function promiseWithResolvers(): PromiseWithResolvers {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
