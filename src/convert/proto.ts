/** Writes protobuf messages: fields one after the other into bytes that grow. */

const FIRST_BYTES = 1 << 16;
const encoder = new TextEncoder();

export class ProtoWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  varint(field: number, value: number): void {
    this.#varint(field * 8);
    this.#varint(value);
  }

  /** For values a double cannot hold. Negative ones as 64-bit two's complement. */
  varint64(field: number, value: bigint): void {
    this.#varint(field * 8);
    this.#room(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  fixed64(field: number, value: number): void {
    this.#varint(field * 8 + 1);
    this.#room(8);
    const view = new DataView(this.#bytes.buffer, this.#length, 8);
    view.setUint32(0, value >>> 0, true);
    view.setUint32(4, Math.floor(value / 0x1_0000_0000), true);
    this.#length += 8;
  }

  string(field: number, text: string): void {
    this.bytes(field, encoder.encode(text));
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A message inside this one. It is written behind room for its length, which is mostly one byte. */
  message(field: number, write: () => void): void {
    this.#varint(field * 8 + 2);
    this.#room(1);
    const at = this.#length++;
    write();
    const length = this.#length - at - 1;
    if (length < 0x80) {
      this.#bytes[at] = length;
      return;
    }
    let more = 0;
    for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 128)) more++;
    this.#room(more);
    this.#bytes.copyWithin(at + 1 + more, at + 1, this.#length);
    this.#length = at;
    this.#varint(length);
    this.#length += length;
  }

  /** What was written since the last time; the writer goes on empty. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #varint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const wider = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    wider.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = wider;
  }
}
