/**
 * The wire event by event, uninterpreted: for the text form, the builder and whoever rewrites a trace. Needs no order and
 * checks no state; a batch's payload follows its EventBatch as events of its own.
 */

import { TraceFormatError } from "./error.ts";
import { HEADER_BYTES, headerBytes, isV2Version, parseHeader } from "./header.ts";
import { specOf } from "./spec.ts";
import type { EventSpec } from "./spec.ts";
import { ByteCursor, putUvarint } from "./varint.ts";

/** One event of the wire. */
export interface WireEvent {
  readonly spec: EventSpec;
  /** The spec's arguments; after a Stack's, four more a frame: pc, func, file, line. */
  readonly args: readonly bigint[];
  /** What follows a String or ExperimentalBatch. */
  readonly data: Uint8Array | undefined;
}

/** Most bytes of data an event may claim: a batch's. */
const MAX_DATA = 65_536;

/** Every wire event of a v2 trace in memory. Throws TraceFormatError where the bytes are none. */
export function* readWire(bytes: Uint8Array): Generator<WireEvent, void, undefined> {
  const version = parseHeader(bytes.subarray(0, HEADER_BYTES));
  if (!isV2Version(version)) {
    throw new TraceFormatError("unsupported-version", "the wire form is that of v2 traces", { version });
  }
  const cursor = new ByteCursor(bytes, HEADER_BYTES);
  while (!cursor.done) {
    const offset = cursor.pos;
    const type = cursor.byte();
    const spec = specOf(type);
    if (spec === undefined || spec.since > version) {
      throw new TraceFormatError("corrupt", `invalid event type: ${type}`, { offset, version });
    }
    yield readWireEvent(cursor, spec);
  }
}

/** The rest of an event whose type byte was read. */
export function readWireEvent(cursor: ByteCursor, spec: EventSpec): WireEvent {
  const args: bigint[] = [];
  for (let i = 0; i < spec.args.length; i++) args.push(cursor.uvarint64());
  if (spec.frames) {
    const frames = Number(args[1]);
    for (let i = 0; i < frames * 4; i++) args.push(cursor.uvarint64());
  }
  let data: Uint8Array | undefined;
  if (spec.data) {
    const length = cursor.uvarint();
    if (length < 0 || length > MAX_DATA || cursor.pos + length > cursor.end) {
      throw new TraceFormatError("corrupt", `${spec.name} claims ${length} bytes of data`, {
        offset: cursor.pos,
      });
    }
    data = cursor.bytes.slice(cursor.pos, cursor.pos + length);
    cursor.pos += length;
  }
  return { spec, args, data };
}

/** Appends an event's bytes. */
export function writeWireEvent(out: number[], event: WireEvent): void {
  out.push(event.spec.type);
  for (const arg of event.args) putUvarint(out, arg);
  if (event.data !== undefined) {
    putUvarint(out, event.data.length);
    for (const byte of event.data) out.push(byte);
  }
}

/** A trace of these events, with the header of a version. */
export function writeWire(version: number, events: Iterable<WireEvent>): Uint8Array {
  const out: number[] = [...headerBytes(version)];
  for (const event of events) writeWireEvent(out, event);
  return Uint8Array.from(out);
}
