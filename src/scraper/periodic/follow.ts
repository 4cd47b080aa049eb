import { constants, type Stats } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";

/** What is read of a file at one look; what is beyond waits for the next. */
const MAX_READ = 1024 * 1024;
/** By so many of its first bytes a file is known again. */
const HEAD_BYTES = 256;
/** A longer line is cut there; the rest of it is not a line. */
const MAX_LINE = 64 * 1024;

/**
 * The lines that are appended to a file, from now on. Follows it over a rotation by rename (the rest of the old file is
 * read first) and by copy and truncate; a named pipe works as well. A file that is not there yet is waited for.
 */
export class LineFollower {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #inode = 0;
  #offset = 0;
  #pipe = false;
  #head: Buffer = Buffer.alloc(0);
  #rest = "";
  #cutting = false;
  #first = true;

  constructor(path: string) {
    this.#path = path;
  }

  /** The whole lines that came since the last look. @throws what the file system says, but for a file that is not there. */
  async look(): Promise<readonly string[]> {
    const info = await stat(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    const lines: string[] = [];
    if (this.#handle !== undefined && info?.ino !== this.#inode) {
      // Renamed or removed: its last lines are still ours to read.
      await this.#read(lines);
      await this.close();
    }
    if (info === undefined) {
      this.#first = false;
      return lines;
    }
    if (this.#handle === undefined) await this.#open(info);
    else if (!this.#pipe && (info.size < this.#offset || !(await this.#beginsAsBefore()))) {
      // Truncated in place, after somebody copied it.
      this.#offset = 0;
      this.#rest = "";
    }
    await this.#read(lines);
    if (!this.#pipe) this.#head = await this.#readHead();
    return lines;
  }

  /** A file that was truncated may have grown past where we were: then its beginning is another one. */
  async #beginsAsBefore(): Promise<boolean> {
    return (await this.#readHead()).subarray(0, this.#head.length).equals(this.#head);
  }

  /** The first bytes of what was read. */
  async #readHead(): Promise<Buffer> {
    const head = Buffer.alloc(Math.min(HEAD_BYTES, this.#offset));
    const read = await this.#handle?.read(head, 0, head.length, 0);
    return head.subarray(0, read?.bytesRead ?? 0);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    this.#head = Buffer.alloc(0);
    this.#rest = "";
    this.#cutting = false;
  }

  async #open(info: Stats): Promise<void> {
    this.#pipe = info.isFIFO();
    // A pipe without a writer must not hold a thread up.
    this.#handle = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#inode = info.ino;
    // What was written before we came is the past; what a rotation began is not.
    this.#offset = this.#first && !this.#pipe ? info.size : 0;
    this.#first = false;
  }

  async #read(lines: string[]): Promise<void> {
    if (this.#handle === undefined) return;
    const buffer = Buffer.allocUnsafe(64 * 1024);
    for (let total = 0; total < MAX_READ;) {
      const { bytesRead } = await this.#handle
        .read(buffer, 0, buffer.length, this.#pipe ? null : this.#offset)
        .catch((error: NodeJS.ErrnoException) => {
          // A pipe that is open at the other end and has nothing to say.
          if (error.code === "EAGAIN") return { bytesRead: 0 };
          throw error;
        });
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      total += bytesRead;
      this.#split(buffer.toString("latin1", 0, bytesRead), lines);
    }
  }

  /** Latin-1: the lines looked for are ASCII, and a cut in the middle of a character must not matter. */
  #split(text: string, lines: string[]): void {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const line of parts) {
      if (!this.#cutting) lines.push(line.slice(0, MAX_LINE));
      this.#cutting = false;
    }
    if (this.#rest.length <= MAX_LINE) return;
    if (!this.#cutting) lines.push(this.#rest.slice(0, MAX_LINE));
    this.#cutting = true;
    this.#rest = "";
  }
}
