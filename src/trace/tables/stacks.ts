/**
 * The stacks of a generation, flat: a stack is a run of frame indexes (leaf first), a frame is a row of columns.
 *
 * As in Go, a program counter has one frame in a generation: the first that named it. So equal frames share an index,
 * and whoever aggregates stacks can work on frame indexes alone. Index 0 is "no stack" and "no frame".
 */

import { TraceFormatError } from "../error.ts";
import { Ev, MAX_FRAMES_PER_STACK } from "../spec.ts";
import { ByteCursor, joinWords } from "../varint.ts";
import { IdIndex } from "./ids.ts";
import type { StringTable } from "./strings.ts";

/** One frame of a stack, its strings decoded. */
export interface Frame {
  readonly pc: bigint;
  readonly func: string;
  readonly file: string;
  readonly line: number;
}

export class StackTable {
  readonly #ids = new IdIndex();
  /** Stack i (from 1) has the frames `#frames[#ends[i-1]..#ends[i])`. */
  #ends = new Uint32Array(64);
  #frames = new Uint32Array(256);
  #frameTotal = 0;

  /** Columns of frames, from index 1. The PC by halves; func and file are string ids while reading, then indexes. */
  #pcLo = new Uint32Array(64);
  #pcHi = new Uint32Array(64);
  #func = new Float64Array(64);
  #file = new Float64Array(64);
  #line = new Float64Array(64);
  #frameCount = 0;
  /** Open-addressing hash of PCs to frame indexes. */
  #buckets = new Uint32Array(128);
  #strings: StringTable | undefined;

  /** How many stacks there are; indexes are 1 to this. */
  get count(): number {
    return this.#ids.count;
  }

  /** How many distinct frames there are; indexes are 1 to this. */
  get frameCount(): number {
    return this.#frameCount;
  }

  /** Reads a Stacks batch. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const cursor = new ByteCursor(bytes, start + 1, end);
    while (!cursor.done) {
      const at = cursor.pos;
      const type = cursor.byte();
      if (type !== Ev.Stack)
        throw new TraceFormatError("corrupt", `expected stack event, got ${type}`, { offset: at });
      const id = cursor.uvarint();
      const frames = cursor.uvarint();
      if (frames > MAX_FRAMES_PER_STACK || frames < 0) {
        throw new TraceFormatError(
          "corrupt",
          `invalid stack size ${frames}, maximum is ${MAX_FRAMES_PER_STACK}`,
          { offset: at },
        );
      }
      for (let i = 0; i < frames; i++) {
        cursor.words();
        const { lo, hi } = cursor;
        const func = cursor.uvarint();
        const file = cursor.uvarint();
        const line = cursor.uvarint();
        this.pushFrame(lo, hi, func, file, line);
      }
      this.endStack(id);
    }
  }

  /** Ends a stack: the frames pushed since the one before are its own. */
  endStack(id: number): void {
    this.#ids.push(id);
    const i = this.#ids.count;
    if (i === this.#ends.length) {
      const ends = new Uint32Array(i * 2);
      ends.set(this.#ends);
      this.#ends = ends;
    }
    this.#ends[i] = this.#frameTotal;
  }

  /** Adds a frame, leaf first, to the stack that the next `endStack` ends. Func and file are string ids. */
  pushFrame(pcLo: number, pcHi: number, func: number, file: number, line: number): void {
    const frame = this.#frameIndex(pcLo, pcHi, func, file, line);
    if (this.#frameTotal === this.#frames.length) {
      const frames = new Uint32Array(this.#frameTotal * 2);
      frames.set(this.#frames);
      this.#frames = frames;
    }
    this.#frames[this.#frameTotal++] = frame;
  }

  /** The frame of a PC, made from these fields if it is new. */
  #frameIndex(lo: number, hi: number, func: number, file: number, line: number): number {
    const mask = this.#buckets.length - 1;
    let bucket = (Math.imul(lo ^ Math.imul(hi, 0x9e37_79b1), 0x85eb_ca6b) >>> 7) & mask;
    for (;;) {
      const frame = this.#buckets[bucket]!;
      if (frame === 0) break;
      if (this.#pcLo[frame] === lo && this.#pcHi[frame] === hi) return frame;
      bucket = (bucket + 1) & mask;
    }
    const frame = ++this.#frameCount;
    if (frame === this.#pcLo.length) this.#growFrames();
    this.#pcLo[frame] = lo;
    this.#pcHi[frame] = hi;
    this.#func[frame] = func;
    this.#file[frame] = file;
    this.#line[frame] = line;
    this.#buckets[bucket] = frame;
    if (frame * 2 > mask) this.#rehash();
    return frame;
  }

  #growFrames(): void {
    const length = this.#pcLo.length * 2;
    const wider = <A extends Float64Array | Uint32Array>(from: A, to: A): A => {
      to.set(from);
      return to;
    };
    this.#pcLo = wider(this.#pcLo, new Uint32Array(length));
    this.#pcHi = wider(this.#pcHi, new Uint32Array(length));
    this.#func = wider(this.#func, new Float64Array(length));
    this.#file = wider(this.#file, new Float64Array(length));
    this.#line = wider(this.#line, new Float64Array(length));
  }

  #rehash(): void {
    const buckets = new Uint32Array(this.#buckets.length * 2);
    const mask = buckets.length - 1;
    for (let frame = 1; frame <= this.#frameCount; frame++) {
      let bucket =
        (Math.imul(this.#pcLo[frame]! ^ Math.imul(this.#pcHi[frame]!, 0x9e37_79b1), 0x85eb_ca6b) >>> 7) &
        mask;
      while (buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
      buckets[bucket] = frame;
    }
    this.#buckets = buckets;
  }

  /** All batches are read: resolves the frames' strings against the (sealed) string table. */
  seal(strings: StringTable): void {
    const twice = this.#ids.seal();
    if (twice !== undefined)
      throw new TraceFormatError("corrupt", `multiple stacks with the same ID: id=${twice}`);
    for (let frame = 1; frame <= this.#frameCount; frame++) {
      const func = strings.find(this.#func[frame]!);
      const file = strings.find(this.#file[frame]!);
      if (func < 0) throw absent("func", this.#func[frame]!);
      if (file < 0) throw absent("file", this.#file[frame]!);
      this.#func[frame] = func;
      this.#file[frame] = file;
    }
    this.#strings = strings;
  }

  /** Index of a wire id, −1 if there is no such stack. */
  find(id: number): number {
    return this.#ids.find(id);
  }

  /** Index by id, for the hot loop; 0 if absent. */
  get table(): Int32Array {
    return this.#ids.table;
  }

  /** The wire id of an index. */
  idOf(index: number): number {
    return this.#ids.idOf(index);
  }

  /** Frame indexes of a stack, leaf first. A view. Empty for 0. */
  frames(index: number): Uint32Array {
    if (index <= 0 || index > this.#ids.count) return this.#frames.subarray(0, 0);
    return this.#frames.subarray(this.#ends[index - 1], this.#ends[index]);
  }

  /** Frame index of the top (leaf) frame, 0 if the stack has none. */
  topFrame(index: number): number {
    if (index <= 0 || index > this.#ids.count || this.#ends[index - 1] === this.#ends[index]) return 0;
    return this.#frames[this.#ends[index - 1]!]!;
  }

  /** Frame index of the root frame (where the goroutine began), 0 if the stack has none. */
  rootFrame(index: number): number {
    if (index <= 0 || index > this.#ids.count || this.#ends[index - 1] === this.#ends[index]) return 0;
    return this.#frames[this.#ends[index]! - 1]!;
  }

  /** String index of a frame's function. */
  funcString(frame: number): number {
    return this.#func[frame] ?? 0;
  }

  /** String index of a frame's file. */
  fileString(frame: number): number {
    return this.#file[frame] ?? 0;
  }

  line(frame: number): number {
    return this.#line[frame] ?? 0;
  }

  func(frame: number): string {
    return this.#strings?.get(this.funcString(frame)) ?? "";
  }

  file(frame: number): string {
    return this.#strings?.get(this.fileString(frame)) ?? "";
  }

  pcLo(frame: number): number {
    return this.#pcLo[frame] ?? 0;
  }

  pcHi(frame: number): number {
    return this.#pcHi[frame] ?? 0;
  }

  /** The PC as a double; throws `limit` if that would not be exact. */
  pcNumber(frame: number): number {
    return joinWords(this.pcLo(frame), this.pcHi(frame));
  }

  pc(frame: number): bigint {
    return (BigInt(this.pcHi(frame)) << 32n) | BigInt(this.pcLo(frame));
  }

  /** The frames of a stack as objects, leaf first. */
  resolve(index: number): Frame[] {
    return Array.from(this.frames(index), (frame) => ({
      pc: this.pc(frame),
      func: this.func(frame),
      file: this.file(frame),
      line: this.line(frame),
    }));
  }
}

function absent(what: string, id: number): TraceFormatError {
  return new TraceFormatError("corrupt", `found invalid ${what} string ID ${id}`, { missing: true });
}
