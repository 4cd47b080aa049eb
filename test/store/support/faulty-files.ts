import { basename, dirname } from "node:path";
import { epochMilliseconds } from "../../../src/base/units.ts";
import type { FileStat, Files, WritableFile } from "../../../src/store/files.ts";

/**
 * A file system in memory that takes durability literally. Bytes are on its disk once their file was synced, names
 * once their folder was. A power cut keeps any part of what was not: some names and not others, a beginning of the
 * unsynced bytes, zeros in place of them. An operation can be told to fail, with what fails really do: a write that
 * ends for want of space has written a part, and after a sync that failed the kernel forgets what it could not write.
 */
export class FaultyFiles implements Files {
  #root: Folder = newFolder();
  #operations = 0;
  #plan = new Map<number, Fault>();
  readonly #random: () => number;
  /** Callers of before a power cut are dead: nothing they do counts. */
  #generation = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Counts processes and power cuts: what was begun under an earlier number is dead. */
  get generation(): number {
    return this.#generation;
  }

  /** How many operations were begun so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Lets the n-th operation from now fail. */
  failAt(n: number, fault: Fault): void {
    this.#plan.set(this.#operations + n, fault);
  }

  noMoreFaults(): void {
    this.#plan.clear();
  }

  /** A view for the next process: what the processes before it still do has no effect. */
  session(): Files {
    const generation = ++this.#generation;
    const alive = (): void => {
      if (generation !== this.#generation) throw errno("EIO", "this process is dead");
    };
    const guard = async <T>(work: () => Promise<T>): Promise<T> => {
      alive();
      return work();
    };
    const wrap = async (open: Promise<WritableFile>): Promise<WritableFile> => {
      const file = await open;
      return {
        write: (bytes) => guard(() => file.write(bytes)),
        sync: () => guard(() => file.sync()),
        close: () => Promise.resolve(),
      };
    };
    return {
      makeFolder: (path) => guard(() => this.makeFolder(path)),
      list: (path) => guard(() => this.list(path)),
      stat: (path) => guard(() => this.stat(path)),
      read: (path) => guard(() => this.read(path)),
      readRange: (path, offset, length) => guard(() => this.readRange(path, offset, length)),
      create: (path) => wrap(guard(() => this.create(path))),
      append: (path) => wrap(guard(() => this.append(path))),
      truncate: (path, bytes) => guard(() => this.truncate(path, bytes)),
      rename: (from, to) => guard(() => this.rename(from, to)),
      remove: (path) => guard(() => this.remove(path)),
      syncFolder: (path) => guard(() => this.syncFolder(path)),
    };
  }

  /** The power goes and comes back. */
  powerCut(): void {
    this.#generation++;
    this.#plan.clear();
    this.#root = this.#survivor(this.#root, new Map()) as Folder;
  }

  #survivor(node: Node, done: Map<Node, Node>): Node {
    const known = done.get(node);
    if (known !== undefined) return known;
    if (node.kind === "file") {
      const file: File = { kind: "file", data: this.#tornData(node), durable: Buffer.alloc(0), lost: false };
      file.durable = file.data;
      done.set(node, file);
      return file;
    }
    const folder = newFolder();
    done.set(node, folder);
    for (const name of new Set([...node.durable.keys(), ...node.names.keys()])) {
      const [durable, latest] = [node.durable.get(name), node.names.get(name)];
      const chosen = durable === latest || this.#random() < 0.5 ? durable : latest;
      if (chosen !== undefined) folder.names.set(name, this.#survivor(chosen, done));
    }
    folder.durable = new Map(folder.names);
    return folder;
  }

  #tornData({ data, durable }: File): Buffer {
    if (data.equals(durable)) return durable;
    const choice = this.#random();
    if (choice < 0.4) return durable;
    const kept = durable.length + Math.floor(this.#random() * Math.max(0, data.length - durable.length + 1));
    const torn = Buffer.from(data.subarray(0, kept));
    // The length reached the disk, the bytes did not.
    if (choice > 0.8) torn.fill(0, Math.min(durable.length, torn.length));
    return torn;
  }

  /** Counts the operation, and fails it if that is planned. */
  async #step(what: string): Promise<void> {
    const n = this.#operations++;
    const generation = this.#generation;
    await Promise.resolve();
    if (generation !== this.#generation) throw errno("EIO", "the power went meanwhile");
    const fault = this.#plan.get(n);
    if (fault !== undefined) throw errno(fault, what);
  }

  async makeFolder(path: string): Promise<void> {
    await this.#step(`mkdir ${path}`);
    let at = this.#root;
    for (const name of segments(path)) {
      let next = at.names.get(name);
      if (next === undefined) {
        next = newFolder();
        at.names.set(name, next);
      }
      if (next.kind !== "folder") throw errno("ENOTDIR", path);
      at = next;
    }
  }

  async list(path: string): Promise<readonly string[]> {
    await this.#step(`list ${path}`);
    return [...this.#folder(path).names.keys()];
  }

  async stat(path: string): Promise<FileStat | undefined> {
    await this.#step(`stat ${path}`);
    const node = this.#find(path);
    if (node === undefined) return undefined;
    const bytes = node.kind === "file" ? node.data.length : 0;
    return { kind: node.kind, bytes, modified: epochMilliseconds(0) };
  }

  async read(path: string): Promise<Uint8Array> {
    await this.#step(`read ${path}`);
    return this.#file(path).data;
  }

  async readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
    await this.#step(`read ${path}`);
    return this.#file(path).data.subarray(offset, offset + length);
  }

  async create(path: string): Promise<WritableFile> {
    await this.#step(`create ${path}`);
    if (this.#find(path) !== undefined) throw errno("EEXIST", path);
    const file: File = { kind: "file", data: Buffer.alloc(0), durable: Buffer.alloc(0), lost: false };
    this.#folder(dirname(path)).names.set(basename(path), file);
    return this.#writable(file, path);
  }

  async append(path: string): Promise<WritableFile> {
    if (this.#find(path) === undefined) return this.create(path);
    await this.#step(`append ${path}`);
    return this.#writable(this.#file(path), path);
  }

  #writable(file: File, path: string): WritableFile {
    return {
      write: async (bytes) => {
        try {
          await this.#step(`write ${path}`);
        } catch (error) {
          const part = bytes.subarray(0, Math.floor(this.#random() * bytes.byteLength));
          file.data = Buffer.concat([file.data, part]);
          throw error;
        }
        file.data = Buffer.concat([file.data, bytes]);
      },
      sync: async () => {
        try {
          await this.#step(`sync ${path}`);
        } catch (error) {
          file.lost = true;
          throw error;
        }
        // What one failed sync could not write, a later one believes to be written.
        if (!file.lost) file.durable = file.data;
      },
      close: () => Promise.resolve(),
    };
  }

  async truncate(path: string, bytes: number): Promise<void> {
    await this.#step(`truncate ${path}`);
    const file = this.#file(path);
    file.data = file.data.subarray(0, bytes);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step(`rename ${from}`);
    const node = this.#find(from);
    if (node === undefined) throw errno("ENOENT", from);
    const there = this.#find(to);
    if (there?.kind === "folder" && there.names.size > 0) throw errno("ENOTEMPTY", to);
    this.#folder(dirname(from)).names.delete(basename(from));
    this.#folder(dirname(to)).names.set(basename(to), node);
  }

  async remove(path: string): Promise<void> {
    await this.#step(`remove ${path}`);
    const parent = this.#find(dirname(path));
    if (parent?.kind === "folder") parent.names.delete(basename(path));
  }

  async syncFolder(path: string): Promise<void> {
    await this.#step(`sync folder ${path}`);
    const folder = this.#folder(path);
    folder.durable = new Map(folder.names);
  }

  #find(path: string): Node | undefined {
    let at: Node | undefined = this.#root;
    for (const name of segments(path)) {
      at = at?.kind === "folder" ? at.names.get(name) : undefined;
    }
    return at;
  }

  #folder(path: string): Folder {
    const node = this.#find(path);
    if (node?.kind !== "folder") throw errno("ENOENT", path);
    return node;
  }

  #file(path: string): File {
    const node = this.#find(path);
    if (node?.kind !== "file") throw errno("ENOENT", path);
    return node;
  }
}

export type Fault = "ENOSPC" | "EIO";

interface File {
  readonly kind: "file";
  data: Buffer;
  durable: Buffer;
  lost: boolean;
}

interface Folder {
  readonly kind: "folder";
  readonly names: Map<string, Node>;
  durable: Map<string, Node>;
}

type Node = File | Folder;

function newFolder(): Folder {
  return { kind: "folder", names: new Map(), durable: new Map() };
}

function segments(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function errno(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
