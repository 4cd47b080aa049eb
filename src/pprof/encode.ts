/**
 * Profiles to pprof's protobuf (github.com/google/pprof, proto/profile.proto). Not compressed: pprof takes it as it is,
 * and files are customarily gzipped by whoever writes them.
 */

import type { Profile, ProfileFrame, ValueType } from "./profile.ts";
import { ProtoWriter } from "./wire.ts";

/** Field numbers of profile.proto. */
const P = {
  sampleType: 1,
  sample: 2,
  location: 4,
  function: 5,
  stringTable: 6,
  timeNanos: 9,
  durationNanos: 10,
  periodType: 11,
  period: 12,
  comment: 13,
  defaultSampleType: 14,
} as const;

/** The profile's bytes. Locations are told apart by their PC, functions by name and file, as Go's tools do. */
export function encodeProfile(profile: Profile): Uint8Array {
  const tables = new Tables();
  const out = new ProtoWriter();
  const valueType = ({ type, unit }: ValueType): ProtoWriter =>
    new ProtoWriter().varint(1, tables.string(type)).varint(2, tables.string(unit));
  for (const type of profile.sampleTypes) out.message(P.sampleType, valueType(type));
  for (const { values, stack } of profile.samples) {
    out.message(
      P.sample,
      new ProtoWriter()
        .packed(
          1,
          stack.map((frame) => tables.location(frame)),
        )
        .packed(2, values),
    );
  }
  if (profile.timeNanos !== undefined) out.varint(P.timeNanos, profile.timeNanos);
  if (profile.durationNanos !== undefined) out.varint(P.durationNanos, profile.durationNanos);
  if (profile.periodType !== undefined) out.message(P.periodType, valueType(profile.periodType));
  out.varint(P.period, profile.period);
  out.packed(
    P.comment,
    profile.comments.map((comment) => tables.string(comment)),
  );
  if (profile.defaultSampleType !== undefined)
    out.varint(P.defaultSampleType, tables.string(profile.defaultSampleType));
  // The tables are complete now. The order of fields is free.
  out.append(tables.locations);
  out.append(tables.functions);
  for (const text of tables.strings) out.text(P.stringTable, text);
  return out.finish();
}

class Tables {
  readonly strings: string[] = [""];
  readonly locations = new ProtoWriter();
  readonly functions = new ProtoWriter();
  readonly #strings = new Map<string, number>([["", 0]]);
  readonly #functions = new Map<string, number>();
  readonly #locations = new Map<number | bigint, number>();

  string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    const index = this.strings.push(text) - 1;
    this.#strings.set(text, index);
    return index;
  }

  location(frame: ProfileFrame): number {
    const known = this.#locations.get(frame.pc);
    if (known !== undefined) return known;
    const id = this.#locations.size + 1;
    this.#locations.set(frame.pc, id);
    const line = new ProtoWriter().varint(1, this.#function(frame)).varint(2, frame.line);
    this.locations.message(P.location, new ProtoWriter().varint(1, id).varint(3, frame.pc).message(4, line));
    return id;
  }

  #function({ func, file }: ProfileFrame): number {
    const key = `${file}\0${func}`;
    const known = this.#functions.get(key);
    if (known !== undefined) return known;
    const id = this.#functions.size + 1;
    this.#functions.set(key, id);
    const name = this.string(func);
    const message = new ProtoWriter()
      .varint(1, id)
      .varint(2, name)
      .varint(3, name)
      .varint(4, this.string(file));
    this.functions.message(P.function, message);
    return id;
  }
}
