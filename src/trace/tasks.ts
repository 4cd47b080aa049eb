/**
 * The tasks that began and did not end, while events are put in order. Those of this generation are records in the memory
 * that the kernel works on, by id; a generation's end moves them to a map, since their names' indexes end with it.
 */

import { At, Task } from "./kernel/layout.ts";
import { Region } from "./kernel/memory.ts";
import type { LinearMemory } from "./kernel/memory.ts";
import type { StringTable } from "./tables/strings.ts";

const FIRST_TASKS = 256;
/** Go's runtime hands out no such ids, and the table takes 0 for free. −1 is what 2^64 − 1 is read as. */
const ODD_IDS = [0, -1];

export interface ActiveTask {
  readonly parent: number;
  /** Of one that began in this generation the string's index, else the text: string ids change with the generation. */
  readonly name: number | string;
}

export class TaskTable {
  readonly #memory: LinearMemory;
  /** Open addressing, at most half full; id 0 is free. Ids are handed out in sequence: their low bits are hash enough. */
  readonly #records: Region;
  /** Of earlier generations. */
  readonly #older = new Map<number, ActiveTask>();

  constructor(memory: LinearMemory) {
    this.#memory = memory;
    this.#records = new Region(memory);
    this.#resize(FIRST_TASKS);
  }

  get count(): number {
    return this.#older.size + this.#count;
  }

  has(id: number): boolean {
    return this.#older.has(id) || this.#find(id) >= 0;
  }

  /** A task that is not there begins. */
  begin(id: number, parent: number, name: number): void {
    const { i32 } = this.#memory;
    if (id <= 0) {
      this.#older.set(id, { parent, name });
      return;
    }
    if ((this.#count + 1) * 2 > this.#mask + 1) this.#resize((this.#mask + 1) * 2);
    let bucket = id & this.#mask;
    while (this.#id(bucket) !== 0) bucket = (bucket + 1) & this.#mask;
    this.#put(bucket, id, parent, name);
    i32[At.taskCount >> 2] = this.#count + 1;
  }

  /** Ends a task. Undefined: its begin was not seen. */
  end(id: number): ActiveTask | undefined {
    const older = this.#older.get(id);
    if (older !== undefined) {
      this.#older.delete(id);
      return older;
    }
    const bucket = this.#find(id);
    if (bucket < 0) return undefined;
    const ended = this.#task(bucket);
    this.#remove(bucket);
    return ended;
  }

  /** A generation ends, and with it its strings. */
  keep(strings: StringTable): void {
    const { f64, i32 } = this.#memory;
    for (const id of ODD_IDS) {
      const task = this.#older.get(id);
      if (typeof task?.name === "number") this.#older.set(id, { ...task, name: strings.get(task.name) });
    }
    if (this.#count === 0) return;
    for (let bucket = 0; bucket <= this.#mask; bucket++) {
      const id = this.#id(bucket);
      if (id === 0) continue;
      const { parent, name } = this.#task(bucket);
      this.#older.set(id, { parent, name: strings.get(Number(name)) });
      f64[At.olderTask >> 3] = Math.max(f64[At.olderTask >> 3]!, id);
      f64[(this.#at(bucket) + Task.id) >> 3] = 0;
    }
    i32[At.taskCount >> 2] = 0;
  }

  clear(): void {
    const { f64, i32 } = this.#memory;
    this.#older.clear();
    for (let bucket = 0; bucket <= this.#mask; bucket++) f64[(this.#at(bucket) + Task.id) >> 3] = 0;
    i32[At.taskCount >> 2] = 0;
    f64[At.olderTask >> 3] = 0;
  }

  get #count(): number {
    return this.#memory.i32[At.taskCount >> 2]!;
  }

  get #mask(): number {
    return this.#memory.i32[At.taskMask >> 2]!;
  }

  #at(bucket: number): number {
    return this.#records.address + bucket * Task.size;
  }

  #id(bucket: number): number {
    return this.#memory.f64[(this.#at(bucket) + Task.id) >> 3]!;
  }

  #task(bucket: number): ActiveTask {
    const { f64, i32 } = this.#memory;
    const at = this.#at(bucket);
    return { parent: f64[(at + Task.parent) >> 3]!, name: i32[(at + Task.name) >> 2]! };
  }

  #put(bucket: number, id: number, parent: number, name: number): void {
    const { f64, i32 } = this.#memory;
    const at = this.#at(bucket);
    f64[(at + Task.id) >> 3] = id;
    f64[(at + Task.parent) >> 3] = parent;
    i32[(at + Task.name) >> 2] = name;
  }

  #find(id: number): number {
    if (id <= 0) return -1;
    for (let bucket = id & this.#mask; ; bucket = (bucket + 1) & this.#mask) {
      const there = this.#id(bucket);
      if (there === id) return bucket;
      if (there === 0) return -1;
    }
  }

  #remove(bucket: number): void {
    const mask = this.#mask;
    let hole = bucket;
    // Backward-shift deletion: whatever could not sit in the hole's place before may now.
    for (let next = (hole + 1) & mask; this.#id(next) !== 0; next = (next + 1) & mask) {
      const id = this.#id(next);
      if (((next - (id & mask)) & mask) < ((next - hole) & mask)) continue;
      const { parent, name } = this.#task(next);
      this.#put(hole, id, parent, Number(name));
      hole = next;
    }
    this.#memory.f64[(this.#at(hole) + Task.id) >> 3] = 0;
    this.#memory.i32[At.taskCount >> 2] = this.#count - 1;
  }

  #resize(buckets: number): void {
    const known = Array.from({ length: this.#records.bytes / Task.size }, (_, bucket) => bucket)
      .filter((bucket) => this.#id(bucket) !== 0)
      .map((bucket) => ({ id: this.#id(bucket), ...this.#task(bucket) }));
    this.#records.ensure(buckets * Task.size);
    const { f64, i32 } = this.#memory;
    for (let bucket = 0; bucket < buckets; bucket++) f64[(this.#at(bucket) + Task.id) >> 3] = 0;
    i32[At.tasks >> 2] = this.#records.address;
    i32[At.taskMask >> 2] = buckets - 1;
    i32[At.taskCount >> 2] = 0;
    for (const { id, parent, name } of known) this.begin(id, parent, Number(name));
  }
}
