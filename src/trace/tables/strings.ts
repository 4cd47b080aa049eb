/** The strings of a generation. Bytes are copied once and decoded when asked for. Index 0 is the empty string. */

import { TraceFormatError } from "../error.ts";
import { Ev, MAX_STRING_BYTES } from "../spec.ts";
import { ByteCursor } from "../varint.ts";
import { IdIndex } from "./ids.ts";

declare const TextDecoder: new (
  label?: string,
  options?: { ignoreBOM?: boolean },
) => { decode(bytes: Uint8Array): string };
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export class StringTable {
  readonly #ids = new IdIndex();
  /** While reading: ranges in the generation's bytes. Once sealed: ranges in `#bytes`. */
  #starts = new Float64Array(64);
  #lengths = new Uint32Array(64);
  #bytes = new Uint8Array(0);
  #texts: (string | undefined)[] = [];
  /** Strings that came from an earlier generation (the name of a task that began there); indexes after the table's. */
  #extra = new Map<string, number>();

  /** How many strings there are; indexes are 1 to this. */
  get count(): number {
    return this.#ids.count + this.#extra.size;
  }

  /** Reads a Strings batch. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const cursor = new ByteCursor(bytes, start + 1, end);
    while (!cursor.done) {
      const at = cursor.pos;
      const type = cursor.byte();
      if (type !== Ev.String)
        throw new TraceFormatError("corrupt", `expected string event, got ${type}`, { offset: at });
      const id = cursor.uvarint();
      const length = cursor.uvarint();
      if (length > MAX_STRING_BYTES || length < 0) {
        throw new TraceFormatError(
          "corrupt",
          `invalid string size ${length}, maximum is ${MAX_STRING_BYTES}`,
          { offset: at },
        );
      }
      if (cursor.pos + length > end) {
        throw new TraceFormatError(
          "corrupt",
          `failed to read full string: read ${end - cursor.pos} but wanted ${length}`,
          { offset: at },
        );
      }
      this.push(id, cursor.pos, length);
      cursor.pos += length;
    }
  }

  /** Adds a string: its id and where its bytes are. */
  push(id: number, start: number, length: number): void {
    const i = this.#ids.count;
    if (i === this.#starts.length) {
      const starts = new Float64Array(i * 2);
      starts.set(this.#starts);
      this.#starts = starts;
      const lengths = new Uint32Array(i * 2);
      lengths.set(this.#lengths);
      this.#lengths = lengths;
    }
    this.#starts[i] = start;
    this.#lengths[i] = length;
    this.#ids.push(id);
  }

  /** All batches are read: copies the bytes out, so that the generation's own may be reused. */
  seal(bytes: Uint8Array): void {
    const twice = this.#ids.seal();
    if (twice !== undefined)
      throw new TraceFormatError("corrupt", `multiple strings with the same ID: id=${twice}`);
    let total = 0;
    for (let i = 0; i < this.#ids.count; i++) total += this.#lengths[i]!;
    const copy = new Uint8Array(total);
    let to = 0;
    for (let i = 0; i < this.#ids.count; i++) {
      const start = this.#starts[i]!;
      const length = this.#lengths[i]!;
      // Copying byte by byte beats a subarray an entry: strings are short.
      for (let k = 0; k < length; k++) copy[to + k] = bytes[start + k]!;
      this.#starts[i] = to;
      to += length;
    }
    this.#bytes = copy;
  }

  /** Index of a wire id, −1 if there is no such string. */
  find(id: number): number {
    return this.#ids.find(id);
  }

  /** Index by id, for the hot loop; 0 if absent. */
  get table(): Int32Array {
    return this.#ids.table;
  }

  /** The string of an index; "" for 0 and for indexes that do not exist. */
  get(index: number): string {
    const known = this.#texts[index];
    if (known !== undefined) return known;
    if (index <= 0 || index > this.#ids.count) return "";
    const start = this.#starts[index - 1]!;
    const text = utf8.decode(this.#bytes.subarray(start, start + this.#lengths[index - 1]!));
    this.#texts[index] = text;
    return text;
  }

  /** The raw bytes of a string: what is not UTF-8 decodes to replacement characters in `get`. */
  bytesOf(index: number): Uint8Array {
    if (index <= 0 || index > this.#ids.count) return new Uint8Array(0);
    const start = this.#starts[index - 1]!;
    return this.#bytes.subarray(start, start + this.#lengths[index - 1]!);
  }

  /** The wire id of an index. */
  idOf(index: number): number {
    return this.#ids.idOf(index);
  }

  /** Index of a string that the generation's table may not have: adds it. "" is 0. */
  intern(text: string): number {
    if (text === "") return 0;
    const known = this.#extra.get(text);
    if (known !== undefined) return known;
    const index = this.count + 1;
    this.#extra.set(text, index);
    this.#texts[index] = text;
    return index;
  }
}
