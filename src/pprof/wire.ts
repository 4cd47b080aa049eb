/** Protocol buffers' wire format: varints, and fields of varints and of bytes. */

import { PprofFormatError } from "./error.ts";

declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (label?: string) => { decode(bytes: Uint8Array): string };
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8");

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
/** A varint of 64 bits has at most 10 bytes. */
const MAX_VARINT_BYTES = 10;

/** Writes fields. Zero values are left out, as proto3 does. */
export class ProtoWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  /** A number of int64 or uint64; negative ones as two's complement. */
  varint(field: number, value: number | bigint): this {
    if (value === 0 || value === 0n) return this;
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  packed(field: number, values: readonly (number | bigint)[]): this {
    if (values.length === 0) return this;
    const content = new ProtoWriter();
    for (const value of values) content.#varint(value);
    return this.bytes(field, content.finish());
  }

  message(field: number, message: ProtoWriter): this {
    return this.bytes(field, message.finish());
  }

  /** A string; unlike numbers also when it is empty, since its place in a table counts. */
  text(field: number, text: string): this {
    return this.bytes(field, encoder.encode(text));
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#varint(field * 8 + BYTES);
    this.#varint(bytes.length);
    this.#put(bytes);
    return this;
  }

  /** The fields of another writer. */
  append(other: ProtoWriter): this {
    this.#put(other.finish());
    return this;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #varint(value: number | bigint): void {
    this.#room(MAX_VARINT_BYTES);
    if (typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
      let rest = value;
      while (rest >= 0x80) {
        this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
        rest = Math.floor(rest / 0x80);
      }
      this.#bytes[this.#length++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #put(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const wider = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    wider.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = wider;
  }
}

/** A field as read: a number, or bytes. */
export type ProtoField =
  | { readonly kind: "varint"; readonly number: number; readonly value: bigint }
  | { readonly kind: "bytes"; readonly number: number; readonly bytes: Uint8Array };

/** The fields of a message, in order. Those of fixed width, which profiles do not have, are left out. */
export function* protoFields(bytes: Uint8Array): Generator<ProtoField, void, undefined> {
  const cursor = { bytes, at: 0 };
  while (cursor.at < bytes.length) {
    const key = readVarint(cursor);
    const number = Number(key >> 3n);
    if (number === 0) throw new PprofFormatError("a field has number 0");
    const wire = Number(key & 7n);
    switch (wire) {
      case VARINT:
        yield { kind: "varint", number, value: readVarint(cursor) };
        break;
      case BYTES: {
        const length = Number(readVarint(cursor));
        yield { kind: "bytes", number, bytes: take(cursor, length) };
        break;
      }
      case FIXED64:
        take(cursor, 8);
        break;
      case FIXED32:
        take(cursor, 4);
        break;
      default:
        throw new PprofFormatError(`field ${number} has the unknown wire type ${wire}`);
    }
  }
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function take(cursor: Cursor, length: number): Uint8Array {
  if (length > cursor.bytes.length - cursor.at) {
    throw new PprofFormatError(
      `a field of ${length} bytes where ${cursor.bytes.length - cursor.at} are left`,
    );
  }
  const bytes = cursor.bytes.subarray(cursor.at, cursor.at + length);
  cursor.at += length;
  return bytes;
}

function readVarint(cursor: Cursor): bigint {
  // Below 2^28 in one number: nearly all.
  let small = 0;
  for (let i = 0; i < 4; i++) {
    const byte = next(cursor);
    small += (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return BigInt(small);
  }
  let value = BigInt(small);
  for (let i = 4; i < MAX_VARINT_BYTES; i++) {
    const byte = next(cursor);
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new PprofFormatError(`a number of more than ${MAX_VARINT_BYTES} bytes`);
}

function next(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at++];
  if (byte === undefined) throw new PprofFormatError("it ends within a number");
  return byte;
}

/** The numbers of a repeated field, packed or one by one. */
export function varintsOf(field: ProtoField): bigint[] {
  if (field.kind === "varint") return [field.value];
  const values: bigint[] = [];
  const cursor = { bytes: field.bytes, at: 0 };
  while (cursor.at < field.bytes.length) values.push(readVarint(cursor));
  return values;
}

/** UTF-8 bytes as text. */
export function textOf(field: ProtoField): string {
  return field.kind === "bytes" ? decoder.decode(field.bytes) : "";
}
