import { errorMessage, GorewindError } from "../../base/errors.ts";
import type { RecordedGeneration, RecordedSession } from "../../ring/recording.ts";
import { errnoOf, type Files } from "../../store/files.ts";
import type { Watched } from "../captures.ts";
import type { MirrorEvent } from "../events.ts";
import {
  generationFile,
  generationKey,
  ringFolder,
  targetFolder,
  TARGET_NAME,
  type MirroredTarget,
} from "./layout.ts";

export interface RingMirrorDeps {
  readonly files: Files;
  readonly emit: (event: MirrorEvent) => void;
  /** What may be written of a target, and a trace of it as it may be written. */
  readonly describe: (watched: Watched) => MirroredTarget;
  readonly protect: (watched: Watched, chunks: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>;
}

/** One target's mirror. */
interface Mirror {
  readonly watched: Watched;
  readonly folder: string;
  /** `target.json` as it stands there. */
  described: string;
  /** What is there; 0 bytes: gave way to the disk's bound and is not written again. */
  readonly kept: Map<string, { readonly file: string; readonly bytes: number; readonly wallEnd: number }>;
  /** Sealed, and not seen to be written yet. */
  readonly sealed: Set<string>;
  /** Why the last try failed, so that it is told once. */
  failing: string | undefined;
}

/** A generation that is yet to be written. */
interface Missing {
  readonly chunks: readonly Uint8Array[];
  readonly wallEnd: number;
}

const missingOf = ({ header }: RecordedSession, { bytes, wallEnd }: RecordedGeneration): Missing => ({
  chunks: [header, bytes],
  wallEnd,
});

/**
 * Keeps on the disk what the rings hold, a file a generation: written when it is sealed, removed when it leaves the
 * ring. The ring itself is the queue: a disk that is behind skips what the ring has let go meanwhile, and counts it.
 *
 * Nothing is synced: the files are for the agent's own death, which the kernel's page cache survives. What a power cut
 * tears is found when it is read.
 */
export class RingMirror {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #deps: RingMirrorDeps;
  readonly #mirrors = new Map<string, Mirror>();
  readonly #dirty = new Set<Mirror>();
  /** Folders of targets that are no longer watched. */
  readonly #gone: string[] = [];
  #bytes = 0;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(spool: string, maxBytes: number, deps: RingMirrorDeps) {
    this.#folder = ringFolder(spool);
    this.#maxBytes = maxBytes;
    this.#deps = deps;
  }

  /** On the disk, over all targets. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A generation came. Called inside the socket's read: notes it and returns. */
  changed(watched: Watched, session: RecordedSession, generation: RecordedGeneration): void {
    if (this.#closed) return;
    const { name } = watched.target;
    let mirror = this.#mirrors.get(name);
    if (mirror === undefined) {
      mirror = {
        watched,
        folder: `${this.#folder}/${targetFolder(name)}`,
        described: "",
        kept: new Map(),
        sealed: new Set(),
        failing: undefined,
      };
      this.#mirrors.set(name, mirror);
    }
    mirror.sealed.add(generationKey(session.id, generation));
    this.#dirty.add(mirror);
    this.#kick();
  }

  /** The target is no longer watched: its files go. */
  forget(target: string): void {
    const mirror = this.#mirrors.get(target);
    if (mirror === undefined) return;
    this.#mirrors.delete(target);
    this.#dirty.delete(mirror);
    for (const { bytes } of mirror.kept.values()) this.#bytes -= bytes;
    mirror.kept.clear();
    this.#gone.push(mirror.folder);
    this.#kick();
  }

  /** The agent ends as it should: nothing is left for the next. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#dirty.clear();
    await this.#working;
    await this.#deps.files.remove(this.#folder).catch(() => undefined);
  }

  /** Resolves when all that was noted is on the disk, or could not be written. */
  async settled(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  #kick(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      if (this.#dirty.size > 0 || this.#gone.length > 0) this.#kick();
    });
  }

  /** One thing at a time: the disk is shared, and a target that comes back takes the folder that it left. */
  async #work(): Promise<void> {
    await Promise.resolve();
    for (;;) {
      const gone = this.#gone.shift();
      const [mirror] = this.#dirty;
      if (gone !== undefined) await this.#deps.files.remove(gone).catch(() => undefined);
      else if (mirror === undefined) return;
      else {
        this.#dirty.delete(mirror);
        await this.#bring(mirror);
      }
    }
  }

  async #bring(mirror: Mirror): Promise<void> {
    // The bytes are asked for while the ring has them: what is evicted while the disk is slow is used again otherwise.
    const wanted = new Map<string, Missing | undefined>();
    for (const session of mirror.watched.recorder.sessions()) {
      for (const each of session.generations) {
        const key = generationKey(session.id, each);
        wanted.set(key, mirror.kept.has(key) ? undefined : missingOf(session, each));
      }
    }
    try {
      await this.#describe(mirror);
      // The newest first: should the disk be slow, what is skipped is what goes next anyway.
      for (const [key, missing] of [...wanted].reverse()) {
        if (missing !== undefined && !this.#isGone(mirror)) await this.#write(mirror, key, missing);
      }
      mirror.failing = undefined;
    } catch (error) {
      this.#failed(mirror, error);
    }
    for (const key of mirror.kept.keys()) if (!wanted.has(key)) await this.#remove(mirror, key);
    this.#countSkipped(mirror, wanted);
    await this.#bound();
  }

  #isGone(mirror: Mirror): boolean {
    return this.#closed || this.#mirrors.get(mirror.watched.target.name) !== mirror;
  }

  async #describe(mirror: Mirror): Promise<void> {
    const text = JSON.stringify(this.#deps.describe(mirror.watched));
    if (text === mirror.described || this.#isGone(mirror)) return;
    await this.#deps.files.makeFolder(mirror.folder);
    await this.#put(`${mirror.folder}/${TARGET_NAME}`, [Buffer.from(`${text}\n`)]);
    mirror.described = text;
  }

  async #write(mirror: Mirror, key: string, missing: Missing): Promise<void> {
    const chunks = await this.#deps.protect(mirror.watched, missing.chunks);
    const file = generationFile(key, chunks);
    const bytes = await this.#put(`${mirror.folder}/${file}`, chunks);
    mirror.sealed.delete(key);
    if (this.#isGone(mirror)) return;
    mirror.kept.set(key, { file, bytes, wallEnd: missing.wallEnd });
    this.#bytes += bytes;
  }

  /** Under its name once it is whole: an agent that dies meanwhile leaves no half. */
  async #put(path: string, chunks: readonly Uint8Array[]): Promise<number> {
    const { files } = this.#deps;
    const part = `${path}.part`;
    let bytes = 0;
    await files.remove(part);
    const file = await files.create(part);
    try {
      for (const chunk of chunks) {
        await file.write(chunk);
        bytes += chunk.byteLength;
      }
    } finally {
      await file.close();
    }
    await files.rename(part, path);
    return bytes;
  }

  async #remove(mirror: Mirror, key: string): Promise<void> {
    const kept = mirror.kept.get(key);
    if (kept === undefined) return;
    this.#bytes -= kept.bytes;
    mirror.kept.delete(key);
    if (kept.bytes === 0) return;
    await this.#deps.files.remove(`${mirror.folder}/${kept.file}`).catch(() => undefined);
  }

  #failed(mirror: Mirror, error: unknown): void {
    const code = error instanceof GorewindError ? error.code : (errnoOf(error) ?? "unexpected");
    if (mirror.failing === code) return;
    mirror.failing = code;
    const target = mirror.watched.target.name;
    this.#deps.emit({ kind: "ring.mirror_failed", target, code, message: errorMessage(error) });
  }

  #countSkipped(mirror: Mirror, wanted: ReadonlyMap<string, unknown>): void {
    let generations = 0;
    for (const key of mirror.sealed) {
      if (wanted.has(key)) continue;
      mirror.sealed.delete(key);
      generations++;
    }
    const reason = mirror.failing === undefined ? "behind" : "failed";
    if (generations > 0) this.#skipped(mirror, generations, reason);
  }

  /** Over all targets the oldest goes. */
  async #bound(): Promise<void> {
    while (this.#bytes > this.#maxBytes) {
      let oldest: { mirror: Mirror; key: string; file: string; wallEnd: number } | undefined;
      for (const mirror of this.#mirrors.values()) {
        for (const [key, { file, bytes, wallEnd }] of mirror.kept) {
          if (bytes > 0 && (oldest === undefined || wallEnd < oldest.wallEnd))
            oldest = { mirror, key, file, wallEnd };
        }
      }
      if (oldest === undefined) return;
      const { mirror, key, file, wallEnd } = oldest;
      await this.#remove(mirror, key);
      mirror.kept.set(key, { file, bytes: 0, wallEnd });
      this.#skipped(mirror, 1, "bound");
    }
  }

  #skipped(mirror: Mirror, generations: number, reason: "behind" | "failed" | "bound"): void {
    const target = mirror.watched.target.name;
    this.#deps.emit({ kind: "ring.mirror_skipped", target, generations, reason });
  }
}
