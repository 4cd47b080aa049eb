/**
 * One cursor a thread over its batches, and a min-heap of the cursors by the time of their next event.
 *
 * The heap moves exactly as Go's batchcursor.go does (strict comparisons, the same sift order), because among events of
 * equal time the heap's layout decides which comes first.
 */

import { TraceFormatError } from "./error.ts";
import type { DecodedGeneration } from "./generation.ts";
import { eventName } from "./spec.ts";
import { MAX_RELATIVE_NS, ticksToNanoseconds } from "./time.ts";
import { ByteCursor } from "./varint.ts";

export class Frontier {
  /** Cursor indexes, a binary min-heap by `times`. */
  heap = new Int32Array(0);
  length = 0;
  /** Relative ns of cursor c's next event. */
  times = new Float64Array(0);
  /** Event number of cursor c's next event, and the position of its arguments (after the time delta). */
  types = new Uint8Array(0);
  positions = new Int32Array(0);
  /** End of cursor c's current batch. */
  ends = new Int32Array(0);
  /** Index in `threadBatches` of cursor c's next batch, and the index past its last. */
  nextBatch = new Uint32Array(0);
  lastBatch = new Uint32Array(0);
  /** Thread of cursor c, and its slot in the thread table. */
  threads = new Float64Array(0);
  slots = new Int32Array(0);

  /** Position after the varint `longVarint` read. */
  varintEnd = 0;
  #generation: DecodedGeneration | undefined;
  readonly #long = new ByteCursor(new Uint8Array(0));

  /** Sizes the arrays for a generation. The heap is empty after. */
  reset(generation: DecodedGeneration): void {
    this.#generation = generation;
    const count = generation.threads.length;
    this.length = 0;
    if (this.heap.length < count) {
      const size = Math.max(16, count * 2);
      this.heap = new Int32Array(size);
      this.times = new Float64Array(size);
      this.types = new Uint8Array(size);
      this.positions = new Int32Array(size);
      this.ends = new Int32Array(size);
      this.nextBatch = new Uint32Array(size);
      this.lastBatch = new Uint32Array(size);
      this.threads = new Float64Array(size);
      this.slots = new Int32Array(size);
    }
    for (let c = 0; c < count; c++) {
      this.threads[c] = generation.threads[c]!;
      this.nextBatch[c] = c === 0 ? 0 : generation.threadEnds[c - 1]!;
      this.lastBatch[c] = generation.threadEnds[c]!;
    }
  }

  /** Moves a cursor to its next batch that is not empty and reads the first event up to its time. False: no more. */
  openBatch(cursor: number): boolean {
    const generation = this.#generation!;
    const { batches, bytes } = generation.raw;
    while (this.nextBatch[cursor]! < this.lastBatch[cursor]!) {
      const batch = generation.threadBatches[this.nextBatch[cursor]!++]!;
      const start = batches.starts[batch]!;
      const end = batches.ends[batch]!;
      if (start === end) continue;
      const events = new ByteCursor(bytes, start, end);
      const batchTime = ticksToNanoseconds(batches.ticks[batch]!, generation.nsPerTick) - generation.timeBase;
      try {
        this.types[cursor] = events.byte();
        this.times[cursor] = batchTime + ticksToNanoseconds(events.uvarint(), generation.nsPerTick);
      } catch (error) {
        throw this.#placed(error, batch);
      }
      if (!(Math.abs(this.times[cursor]) <= MAX_RELATIVE_NS)) {
        const detail = "the trace is longer than 104 days or its clock is broken";
        throw this.#placed(new TraceFormatError("limit", detail, { offset: start }), batch);
      }
      this.positions[cursor] = events.pos;
      this.ends[cursor] = end;
      return true;
    }
    return false;
  }

  /** Reads a varint of any length; where it ends is in `varintEnd`. */
  longVarint(pos: number, end: number): number {
    const cursor = this.#long;
    const { raw } = this.#generation!;
    cursor.bytes = raw.bytes;
    cursor.pos = pos;
    cursor.end = end;
    try {
      const value = cursor.uvarint();
      this.varintEnd = cursor.pos;
      return value;
    } catch (error) {
      const { ends, count } = raw.batches;
      let batch = 0;
      while (batch < count && pos >= ends[batch]!) batch++;
      throw this.#placed(error, batch);
    }
  }

  /** What each thread waits for when none can advance: the error of a trace joined from two sessions. */
  describeStuck(): string {
    const shown = [...this.heap.subarray(0, Math.min(this.length, 8))].map(
      (cursor) => `M ${this.threads[cursor]} at ${eventName(this.types[cursor]!)}`,
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
    return this.length === 0 ? Infinity : this.times[this.heap[0]!]!;
  }

  /** Time of the earliest next event of all threads but the earliest. */
  get secondTime(): number {
    const { heap, times, length } = this;
    if (length < 2) return Infinity;
    const left = times[heap[1]!]!;
    if (length === 2) return left;
    const right = times[heap[2]!]!;
    return left < right ? left : right;
  }

  insert(cursor: number): void {
    this.heap[this.length++] = cursor;
    this.#siftUp(this.length - 1);
  }

  /** The cursor at heap index i has a new time. */
  update(i: number): void {
    if (this.#siftUp(i) !== i) return;
    this.#siftDown(i);
  }

  /** Takes out the cursor at heap index i. */
  remove(i: number): void {
    const { heap } = this;
    const removed = heap[i]!;
    for (let at = i; at > 0;) {
      const parent = (at - 1) >> 1;
      heap[at] = heap[parent]!;
      heap[parent] = removed;
      at = parent;
    }
    this.length--;
    heap[0] = heap[this.length]!;
    this.#siftDown(0);
  }

  /** Sorts the heap by time; a sorted min-heap is still one. */
  sort(): void {
    const sorted = [...this.heap.subarray(0, this.length)].sort((a, b) => this.times[a]! - this.times[b]!);
    this.heap.set(sorted);
  }

  #siftUp(from: number): number {
    const { heap, times } = this;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!(times[heap[parent]!]! > times[heap[i]!]!)) break;
      const moved = heap[parent]!;
      heap[parent] = heap[i]!;
      heap[i] = moved;
      i = parent;
    }
    return i;
  }

  #siftDown(from: number): void {
    const { heap, times, length } = this;
    let i = from;
    for (;;) {
      let least = i;
      let time = i < length ? times[heap[i]!]! : Infinity;
      const left = 2 * i + 1;
      if (left < length && times[heap[left]!]! < time) {
        time = times[heap[left]!]!;
        least = left;
      }
      if (left + 1 < length && times[heap[left + 1]!]! < time) least = left + 1;
      if (least === i) return;
      const moved = heap[i]!;
      heap[i] = heap[least]!;
      heap[least] = moved;
      i = least;
    }
  }
}
