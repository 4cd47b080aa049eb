/** pprof's protobuf to profiles. Takes unpacked bytes: gunzip first. */

import { PprofFormatError } from "./error.ts";
import type { Profile, ProfileFrame, ProfileSample, ValueType } from "./profile.ts";
import { protoFields, textOf, varintsOf } from "./wire.ts";
import type { ProtoField } from "./wire.ts";

interface RawSample {
  locations: bigint[];
  values: bigint[];
}

interface RawLocation {
  id: bigint;
  address: bigint;
  lines: { func: bigint; line: bigint }[];
}

interface RawFunction {
  id: bigint;
  name: bigint;
  file: bigint;
}

interface RawProfile {
  readonly sampleTypes: { type: bigint; unit: bigint }[];
  readonly samples: RawSample[];
  readonly locations: RawLocation[];
  readonly functions: RawFunction[];
  readonly strings: string[];
  periodType: { type: bigint; unit: bigint } | undefined;
  timeNanos: bigint;
  durationNanos: bigint;
  period: bigint;
  comments: bigint[];
  defaultSampleType: bigint;
}

/** Reads a profile. A location with several lines (inlined calls) becomes as many frames of one PC. */
export function decodeProfile(bytes: Uint8Array): Profile {
  if (bytes.length === 0) throw new PprofFormatError("it is empty");
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) throw new PprofFormatError("it is gzipped");
  return resolve(readRaw(bytes));
}

function readRaw(bytes: Uint8Array): RawProfile {
  const raw: RawProfile = {
    sampleTypes: [],
    samples: [],
    locations: [],
    functions: [],
    strings: [],
    periodType: undefined,
    timeNanos: 0n,
    durationNanos: 0n,
    period: 0n,
    comments: [],
    defaultSampleType: 0n,
  };
  for (const field of protoFields(bytes)) {
    switch (field.number) {
      case 1:
        raw.sampleTypes.push(readValueType(field));
        break;
      case 2:
        raw.samples.push(readSample(field));
        break;
      case 4:
        raw.locations.push(readLocation(field));
        break;
      case 5:
        raw.functions.push(readFunction(field));
        break;
      case 6:
        raw.strings.push(textOf(field));
        break;
      case 9:
        raw.timeNanos = numberOf(field);
        break;
      case 10:
        raw.durationNanos = numberOf(field);
        break;
      case 11:
        raw.periodType = readValueType(field);
        break;
      case 12:
        raw.period = numberOf(field);
        break;
      case 13:
        raw.comments.push(...varintsOf(field));
        break;
      case 14:
        raw.defaultSampleType = numberOf(field);
        break;
      default:
    }
  }
  return raw;
}

function resolve(raw: RawProfile): Profile {
  if (raw.sampleTypes.length === 0) throw new PprofFormatError("it has no sample types");
  if (raw.strings[0] !== "")
    throw new PprofFormatError("its string table does not begin with the empty string");
  const text = (index: bigint): string => {
    const found = raw.strings[Number(index)];
    if (found === undefined) throw new PprofFormatError(`it has no string ${index}`);
    return found;
  };
  const valueType = ({ type, unit }: { type: bigint; unit: bigint }): ValueType => ({
    type: text(type),
    unit: text(unit),
  });
  const functions = new Map(
    raw.functions.map(({ id, name, file }) => [id, { name: text(name), file: text(file) }]),
  );
  const locations = new Map(
    raw.locations.map(({ id, address, lines }): [bigint, readonly ProfileFrame[]] => {
      const pc = address <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(address) : address;
      if (lines.length === 0) return [id, [{ pc, func: "", file: "", line: 0 }]];
      const frames = lines.map(({ func, line }) => {
        const { name, file } = functions.get(func) ?? { name: "", file: "" };
        return { pc, func: name, file, line: Number(BigInt.asIntN(64, line)) };
      });
      return [id, frames];
    }),
  );
  const samples = raw.samples.map((sample): ProfileSample => {
    if (sample.values.length !== raw.sampleTypes.length) {
      throw new PprofFormatError(`a sample has ${sample.values.length} values of ${raw.sampleTypes.length}`);
    }
    const stack = sample.locations.flatMap((id) => {
      const frames = locations.get(id);
      if (frames === undefined) throw new PprofFormatError(`it has no location ${id}`);
      return frames;
    });
    return { values: sample.values.map((value) => Number(BigInt.asIntN(64, value))), stack };
  });
  return {
    sampleTypes: raw.sampleTypes.map(valueType),
    periodType: raw.periodType === undefined ? undefined : valueType(raw.periodType),
    period: Number(BigInt.asIntN(64, raw.period)),
    timeNanos: raw.timeNanos === 0n ? undefined : raw.timeNanos,
    durationNanos: raw.durationNanos === 0n ? undefined : Number(raw.durationNanos),
    defaultSampleType: raw.defaultSampleType === 0n ? undefined : text(raw.defaultSampleType),
    comments: raw.comments.map(text),
    samples,
  };
}

function numberOf(field: ProtoField): bigint {
  if (field.kind !== "varint") throw new PprofFormatError(`field ${field.number} is not a number`);
  return field.value;
}

function fieldsOf(field: ProtoField): Iterable<ProtoField> {
  if (field.kind !== "bytes") throw new PprofFormatError(`field ${field.number} is not a message`);
  return protoFields(field.bytes);
}

function readValueType(field: ProtoField): { type: bigint; unit: bigint } {
  const value = { type: 0n, unit: 0n };
  for (const part of fieldsOf(field)) {
    if (part.number === 1) value.type = numberOf(part);
    else if (part.number === 2) value.unit = numberOf(part);
  }
  return value;
}

function readSample(field: ProtoField): RawSample {
  const sample: RawSample = { locations: [], values: [] };
  for (const part of fieldsOf(field)) {
    if (part.number === 1) sample.locations.push(...varintsOf(part));
    else if (part.number === 2) sample.values.push(...varintsOf(part));
  }
  return sample;
}

function readLocation(field: ProtoField): RawLocation {
  const location: RawLocation = { id: 0n, address: 0n, lines: [] };
  for (const part of fieldsOf(field)) {
    if (part.number === 1) location.id = numberOf(part);
    else if (part.number === 3) location.address = numberOf(part);
    else if (part.number === 4) {
      const line = { func: 0n, line: 0n };
      for (const piece of fieldsOf(part)) {
        if (piece.number === 1) line.func = numberOf(piece);
        else if (piece.number === 2) line.line = numberOf(piece);
      }
      location.lines.push(line);
    }
  }
  return location;
}

function readFunction(field: ProtoField): RawFunction {
  const read: RawFunction = { id: 0n, name: 0n, file: 0n };
  for (const part of fieldsOf(field)) {
    if (part.number === 1) read.id = numberOf(part);
    else if (part.number === 2) read.name = numberOf(part);
    else if (part.number === 4) read.file = numberOf(part);
  }
  return read;
}
