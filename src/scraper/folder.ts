import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ScrapeError } from "../base/errors.ts";
import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { ChunkSink } from "./stream.ts";

/** A folder with more entries is not one where flight recorders drop their files. */
const MAX_ENTRIES = 10_000;
const READ_BYTES = 1024 * 1024;
/** Being written by others, by the habits of those who write: a dot in front, or a name that says so. */
const UNFINISHED = /^\.|\.(tmp|part|partial|swp)$|~$/;

/** A file that appeared in the folder and no longer grows. */
export interface DroppedFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** When its last byte was written. */
  readonly modified: EpochMilliseconds;
}

interface Seen {
  /** Size and time of the last change. */
  readonly version: string;
  readonly given: boolean;
}

/** The files that appear in a folder, each once. What was there at the first look is not new. */
export class TraceFolder {
  readonly #path: string;
  #seen: Map<string, Seen> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Those that are new and are the same as at the look before, oldest first.
   *
   * @throws {ScrapeError} connect: the folder cannot be read. limit: it holds too much.
   */
  async look(): Promise<readonly DroppedFile[]> {
    const names = await this.#names();
    const found: DroppedFile[] = [];
    const seen = new Map<string, Seen>();
    for (const name of names) {
      const path = join(this.#path, name);
      const info = await stat(path).catch(() => undefined);
      if (info === undefined || !info.isFile()) continue;
      const version = `${info.ino} ${info.size} ${info.mtimeMs}`;
      const before = this.#seen?.get(name);
      const settled = before?.version === version;
      const given = this.#seen === undefined || (settled && (before?.given ?? false));
      if (settled && !given) {
        found.push({ name, path, bytes: info.size, modified: epochMilliseconds(info.mtimeMs) });
      }
      seen.set(name, { version, given: given || settled });
    }
    this.#seen = seen;
    return found.sort((a, b) => a.modified - b.modified);
  }

  async #names(): Promise<readonly string[]> {
    let names: string[];
    try {
      names = await readdir(this.#path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
      throw new ScrapeError("connect", `cannot read the folder ${this.#path} (${code})`, {
        cause: error,
        hint: "Is it mounted into the agent's container, and may the agent's user read it?",
      });
    }
    if (names.length > MAX_ENTRIES) {
      throw new ScrapeError("limit", `${this.#path} holds ${names.length} files, more than ${MAX_ENTRIES}`, {
        hint: "Let the service, or a cron job, remove old ones.",
      });
    }
    return names.filter((name) => !UNFINISHED.test(name));
  }
}

/** Hands a file to `sink` in pieces. @throws {ScrapeError} truncated: it cannot be read. */
export async function readDropped(file: DroppedFile, sink: ChunkSink): Promise<void> {
  try {
    const handle = await open(file.path, "r");
    try {
      for (;;) {
        const buffer = new Uint8Array(READ_BYTES);
        const { bytesRead } = await handle.read(buffer);
        if (bytesRead === 0 || sink(buffer.subarray(0, bytesRead)) === false) return;
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new ScrapeError("truncated", `cannot read ${file.path}`, { cause: error });
  }
}
