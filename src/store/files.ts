import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";

/**
 * The few things asked of a file system, with durability spelled out: nothing is on disk until it is synced, and a
 * name is not until its folder is. The tests put a file system under it that takes this literally.
 */
export interface Files {
  /** With its parents; it may be there already. */
  makeFolder(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  stat(path: string): Promise<FileStat | undefined>;
  read(path: string): Promise<Uint8Array>;
  /** Exactly `length` bytes, or fewer at the end of the file. */
  readRange(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** A new file; it must not be there. */
  create(path: string): Promise<WritableFile>;
  /** To write at the end of a file, made when it is not there. */
  append(path: string): Promise<WritableFile>;
  truncate(path: string, bytes: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A file or a whole folder; it may be gone already. */
  remove(path: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>;
}

export interface FileStat {
  readonly kind: "file" | "folder";
  readonly bytes: number;
  readonly modified: EpochMilliseconds;
}

export interface WritableFile {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes what was written durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const nodeFiles: Files = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true, mode: 0o750 });
  },
  list: (path) => readdir(path),
  async stat(path) {
    try {
      const found = await stat(path);
      const modified = epochMilliseconds(found.mtimeMs);
      return { kind: found.isDirectory() ? "folder" : "file", bytes: found.size, modified };
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
      throw error;
    }
  },
  read: (path) => readFile(path),
  async readRange(path, offset, length) {
    const file = await open(path, "r");
    try {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    } finally {
      await file.close();
    }
  },
  create: (path) => openForWriting(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY),
  append: (path) => openForWriting(path, constants.O_CREAT | constants.O_APPEND | constants.O_WRONLY),
  truncate: (path, bytes) => truncate(path, bytes),
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { recursive: true, force: true }),
  async syncFolder(path) {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

async function openForWriting(path: string, flags: number): Promise<WritableFile> {
  const file = await open(path, flags, 0o640);
  return {
    async write(bytes) {
      let written = 0;
      while (written < bytes.byteLength) {
        written += (await file.write(bytes, written)).bytesWritten;
      }
    },
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

/**
 * Makes a folder with its parents, and their names durable: a power cut does not take away a folder that files were
 * synced into.
 */
export async function makeFolderDurably(files: Files, path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; (await files.stat(at)) === undefined && dirname(at) !== at; at = dirname(at)) {
    missing.push(at);
  }
  if (missing.length === 0) return;
  await files.makeFolder(path);
  for (const folder of missing) await files.syncFolder(dirname(folder));
}

/** Whether `error` is the operating system's error `code`, such as `ENOENT`. */
export function isErrno(error: unknown, code: string): boolean {
  return errnoOf(error) === code;
}

export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
