import { crc32 } from "node:zlib";
import type { Files, WritableFile } from "../files.ts";
import { decodeRecord, type JournalRecord } from "./progress.ts";

/**
 * What has become of each capture, one line a change: eight hexadecimal digits of CRC-32, a space, JSON. Lines are
 * only ever added; a line that is torn or whose checksum is wrong is skipped, and every record means the same however
 * often it is read. The captures themselves do not depend on it: without the journal an upload is merely done again,
 * to the same keys.
 *
 * A failed write leaves the file in a state nobody knows (after a failed fsync the kernel may have dropped the pages),
 * so the next append writes a whole new journal beside it and renames it into place.
 */
export class Journal {
  readonly #files: Files;
  readonly #path: string;
  readonly #folder: string;
  /** The records that say all that the lines so far say. */
  readonly #snapshot: () => Iterable<JournalRecord>;
  #file: WritableFile | undefined;
  #bytes = 0;
  #rewriteAt = MIN_REWRITE_BYTES;
  #tail: Promise<void> = Promise.resolve();

  constructor(files: Files, folder: string, snapshot: () => Iterable<JournalRecord>) {
    this.#files = files;
    this.#folder = folder;
    this.#path = `${folder}/${JOURNAL_NAME}`;
    this.#snapshot = snapshot;
  }

  /**
   * Adds a line and makes it durable. The state that `snapshot` sees must already hold the change.
   *
   * @throws {Error} of the file system; the next append starts a new file.
   */
  append(record: JournalRecord): Promise<void> {
    const done = this.#tail.then(() => this.#append(record));
    this.#tail = done.catch(() => undefined);
    return done;
  }

  async #append(record: JournalRecord): Promise<void> {
    if (this.#file === undefined || this.#bytes > this.#rewriteAt) return this.#rewrite();
    const line = encodeLine(record);
    try {
      await this.#file.write(line);
      await this.#file.sync();
      this.#bytes += line.byteLength;
    } catch (error) {
      await this.#letGo();
      throw error;
    }
  }

  async #rewrite(): Promise<void> {
    await this.#letGo();
    const next = `${this.#path}.new`;
    await this.#files.remove(next);
    const file = await this.#files.create(next);
    try {
      const lines = [...this.#snapshot()].map(encodeLine);
      const bytes = Buffer.concat(lines);
      await file.write(bytes);
      await file.sync();
      await this.#files.rename(next, this.#path);
      await this.#files.syncFolder(this.#folder);
      this.#file = file;
      this.#bytes = bytes.byteLength;
      this.#rewriteAt = Math.max(MIN_REWRITE_BYTES, 4 * bytes.byteLength);
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  async #letGo(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#letGo();
  }
}

export const JOURNAL_NAME = "journal";
const MIN_REWRITE_BYTES = 1024 * 1024;

/** The records of a journal as it was found, and how many bytes of it could not be read. */
export async function readJournal(
  files: Files,
  folder: string,
): Promise<{ readonly records: readonly JournalRecord[]; readonly tornBytes: number }> {
  const path = `${folder}/${JOURNAL_NAME}`;
  if ((await files.stat(path)) === undefined) return { records: [], tornBytes: 0 };
  const text = Buffer.from(await files.read(path)).toString("utf8");
  const records: JournalRecord[] = [];
  let tornBytes = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const record = decodeLine(line);
    if (record === undefined) tornBytes += Buffer.byteLength(line);
    else records.push(record);
  }
  return { records, tornBytes };
}

function encodeLine(record: JournalRecord): Uint8Array {
  const json = JSON.stringify(record);
  return Buffer.from(`${checksum(json)} ${json}\n`);
}

function decodeLine(line: string): JournalRecord | undefined {
  const json = line.slice(9);
  if (line.slice(0, 9) !== `${checksum(json)} `) return undefined;
  return decodeRecord(json);
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
