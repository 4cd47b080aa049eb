/**
 * One cursor a thread over its batches, and a min-heap of the cursors by the time of their next event.
 *
 * The heap moves exactly as Go's batchcursor.go does (strict comparisons, the same sift order), because among events of
 * equal time the heap's layout decides which comes first.
 */

import { TraceFormatError } from "./error.ts";
import type { DecodedGeneration } from "./generation.ts";
import { At, Cursor } from "./kernel/layout.ts";
import { Region } from "./kernel/memory.ts";
import type { LinearMemory } from "./kernel/memory.ts";
import { eventName, timedArgCount } from "./spec.ts";
import { MAX_RELATIVE_NS, ticksToNanoseconds } from "./time.ts";
import { ByteCursor } from "./varint.ts";

/** The kernel reads eight bytes at once, also at the end of a batch. */
const PADDING = 16;

export class Frontier {
  readonly #memory: LinearMemory;
  /** Addresses of the cursors that have an event to come, a binary min-heap by their times. */
  readonly #heap: Region;
  readonly #cursors: Region;
  /** A copy of each cursor's batch, where the kernel reads it: room for the thread's largest. */
  readonly #bytes: Region;
  /** Address of cursor c's copy, and what to add to an address in it for the place in the generation's bytes. */
  #copies = new Uint32Array(0);
  #origins = new Float64Array(0);
  /** Index in `threadBatches` of cursor c's next batch, and the index past its last. */
  #nextBatch = new Uint32Array(0);
  #lastBatch = new Uint32Array(0);
  #generation: DecodedGeneration | undefined;
  readonly #events = new ByteCursor(new Uint8Array(0));
  readonly #arguments = new Float64Array(4);
  argumentsEnd = 0;
  /** The arguments run over the end of the batch. */
  overran = false;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
    this.#heap = new Region(memory);
    this.#cursors = new Region(memory);
    this.#bytes = new Region(memory);
  }

  /** How many threads have an event to come. */
  get length(): number {
    return this.#memory.i32[At.heapLength >>> 2]!;
  }

  /** Begins a generation: a cursor for each thread, on its first event. `slots` are the threads'. */
  enter(generation: DecodedGeneration, slots: ArrayLike<number>): void {
    this.#generation = generation;
    const count = generation.threads.length;
    if (this.#nextBatch.length < count) {
      const size = count * 2;
      this.#copies = new Uint32Array(size);
      this.#origins = new Float64Array(size);
      this.#nextBatch = new Uint32Array(size);
      this.#lastBatch = new Uint32Array(size);
    }
    const { starts, ends } = generation.raw.batches;
    let room = 0;
    for (let c = 0; c < count; c++) {
      this.#nextBatch[c] = c === 0 ? 0 : generation.threadEnds[c - 1]!;
      this.#lastBatch[c] = generation.threadEnds[c]!;
      let largest = 0;
      for (let i = this.#nextBatch[c]!; i < this.#lastBatch[c]!; i++) {
        const batch = generation.threadBatches[i]!;
        largest = Math.max(largest, ends[batch]! - starts[batch]!);
      }
      this.#copies[c] = room;
      room += largest + PADDING;
    }
    this.#heap.ensure(count * 4);
    this.#cursors.ensure(count * Cursor.size);
    this.#bytes.ensure(room);
    const { i32 } = this.#memory;
    i32[At.heap >>> 2] = this.#heap.address;
    i32[At.heapLength >>> 2] = 0;
    this.#memory.f64[At.nsPerTick >>> 3] = generation.nsPerTick;
    for (let c = 0; c < count; c++) {
      this.#copies[c]! += this.#bytes.address;
      i32[(this.#at(c) + Cursor.thread) >>> 2] = slots[c]!;
      if (!this.#openBatch(c)) continue;
      i32[At.heapLength >>> 2]!++;
      this.#setHeap(this.length - 1, c);
      this.#siftUp(this.length - 1);
    }
  }

  /** The cursor at heap index i. */
  cursor(i: number): number {
    return (this.#memory.i32[(this.#heap.address >>> 2) + i]! - this.#cursors.address) / Cursor.size;
  }

  /** Relative ns of cursor c's next event. */
  time(c: number): number {
    return this.#memory.f64[(this.#at(c) + Cursor.time) >>> 3]!;
  }

  /** Event number of cursor c's next event. */
  type(c: number): number {
    return this.#memory.i32[(this.#at(c) + Cursor.type) >>> 2]!;
  }

  /** The thread of cursor c, and its slot. */
  thread(c: number): number {
    return this.#generation!.threads[c]!;
  }

  slot(c: number): number {
    return this.#memory.i32[(this.#at(c) + Cursor.thread) >>> 2]!;
  }

  /** Where cursor c's next event goes on after its time, in the generation's bytes. */
  offset(c: number): number {
    return this.#memory.i32[(this.#at(c) + Cursor.position) >>> 2]! + this.#origins[c]!;
  }

  /** The arguments of cursor c's next event, up to four, 0 for those it has not. Where they end is in `argumentsEnd`. */
  readArguments(c: number): Float64Array {
    const events = this.#eventsOf(c, this.offset(c));
    const { end } = events;
    events.end = events.bytes.length;
    const count = timedArgCount[this.type(c)]!;
    try {
      for (let i = 0; i < 4; i++) this.#arguments[i] = i < count ? events.uvarint() : 0;
    } catch (error) {
      throw this.#placed(error, this.#batch(c));
    }
    this.argumentsEnd = events.pos;
    this.overran = events.pos > end;
    return this.#arguments;
  }

  /** Moves cursor c past its event, to what is at `position` in the generation's bytes. False: no more. */
  next(c: number, position = this.offset(c)): boolean {
    const events = this.#eventsOf(c, position);
    if (events.done) return this.#openBatch(c);
    this.#readHead(c, events, this.time(c));
    return true;
  }

  #eventsOf(c: number, position: number): ByteCursor {
    const events = this.#events;
    events.bytes = this.#generation!.raw.bytes;
    events.pos = position;
    events.end = this.#memory.i32[(this.#at(c) + Cursor.end) >>> 2]! + this.#origins[c]!;
    return events;
  }

  /** The batch cursor c is in. */
  #batch(c: number): number {
    return this.#generation!.threadBatches[this.#nextBatch[c]! - 1]!;
  }

  /** Moves a cursor to its next batch that is not empty and reads the first event up to its time. False: no more. */
  #openBatch(c: number): boolean {
    const generation = this.#generation!;
    const { batches, bytes } = generation.raw;
    while (this.#nextBatch[c]! < this.#lastBatch[c]!) {
      const batch = generation.threadBatches[this.#nextBatch[c]!++]!;
      const start = batches.starts[batch]!;
      const end = batches.ends[batch]!;
      if (start === end) continue;
      const copy = this.#copies[c]!;
      this.#memory.u8.set(bytes.subarray(start, end), copy);
      this.#origins[c] = start - copy;
      this.#memory.i32[(this.#at(c) + Cursor.end) >>> 2] = copy + end - start;
      const time = ticksToNanoseconds(batches.ticks[batch]!, generation.nsPerTick) - generation.timeBase;
      this.#readHead(c, this.#eventsOf(c, start), time);
      return true;
    }
    return false;
  }

  /** Reads an event up to its time. */
  #readHead(c: number, events: ByteCursor, before: number): void {
    const start = events.pos;
    const { nsPerTick } = this.#generation!;
    const { i32, f64 } = this.#memory;
    try {
      i32[(this.#at(c) + Cursor.type) >>> 2] = events.byte();
      const time = before + ticksToNanoseconds(events.uvarint(), nsPerTick);
      if (!(Math.abs(time) <= MAX_RELATIVE_NS)) {
        const detail = "the trace is longer than 104 days or its clock is broken";
        throw new TraceFormatError("limit", detail, { offset: start });
      }
      f64[(this.#at(c) + Cursor.time) >>> 3] = time;
    } catch (error) {
      throw this.#placed(error, this.#batch(c));
    }
    i32[(this.#at(c) + Cursor.position) >>> 2] = events.pos - this.#origins[c]!;
  }

  /** What each thread waits for when none can advance: the error of a trace joined from two sessions. */
  describeStuck(): string {
    const shown = Array.from({ length: Math.min(this.length, 8) }, (_, i) => this.cursor(i)).map(
      (c) => `M ${this.thread(c)} at ${eventName(this.type(c))}`,
    );
    const more = this.length > shown.length ? ` and ${this.length - shown.length} more` : "";
    return `broken trace: failed to advance: ${shown.join(", ")}${more}`;
  }

  /** The same error, placed in the stream. */
  #placed(error: unknown, batch: number): unknown {
    if (!(error instanceof TraceFormatError)) return error;
    const { raw } = this.#generation!;
    const thread = raw.batches.threads[batch];
    return error.movedBy(raw.offset).at({ generation: raw.number, version: raw.version, batch, thread });
  }

  /** Time of the earliest next event; Infinity if there is none. */
  get topTime(): number {
    return this.length === 0 ? Infinity : this.time(this.cursor(0));
  }

  /** The cursor at heap index i has a new time. */
  update(i: number): void {
    if (this.#siftUp(i) === i) this.#siftDown(i);
  }

  /** Takes out the cursor at heap index i. */
  remove(i: number): void {
    const removed = this.cursor(i);
    for (let at = i; at > 0;) {
      const parent = (at - 1) >> 1;
      this.#setHeap(at, this.cursor(parent));
      this.#setHeap(parent, removed);
      at = parent;
    }
    const length = --this.#memory.i32[At.heapLength >>> 2]!;
    this.#setHeap(0, this.cursor(length));
    this.#siftDown(0);
  }

  /** Sorts the heap by time; a sorted min-heap is still one. */
  sort(): void {
    const cursors = Array.from({ length: this.length }, (_, i) => this.cursor(i));
    for (const [i, c] of cursors.sort((a, b) => this.time(a) - this.time(b)).entries()) this.#setHeap(i, c);
  }

  #at(c: number): number {
    return this.#cursors.address + c * Cursor.size;
  }

  #setHeap(i: number, c: number): void {
    this.#memory.i32[(this.#heap.address >>> 2) + i] = this.#at(c);
  }

  #swap(i: number, j: number): void {
    const moved = this.cursor(i);
    this.#setHeap(i, this.cursor(j));
    this.#setHeap(j, moved);
  }

  #siftUp(from: number): number {
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!(this.time(this.cursor(parent)) > this.time(this.cursor(i)))) break;
      this.#swap(i, parent);
      i = parent;
    }
    return i;
  }

  #siftDown(from: number): void {
    const { length } = this;
    let i = from;
    for (;;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < length && this.time(this.cursor(child)) < this.time(this.cursor(least))) least = child;
      }
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }
}
