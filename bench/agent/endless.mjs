/**
 * A recorded trace as a stream that does not end: its generations again and again, numbered on and moved on in time, on
 * today's wall clock. Where it begins anew a generation's number is missing, which readers take for a gap, so that states
 * which do not line up are no error.
 */

import { Framing } from "../../dist/trace/framing.js";
import { Ev } from "../../dist/trace/spec.js";
import { nanosecondsPerTick } from "../../dist/trace/time.js";

/** Splits a recording (Go 1.26's format or newer) into what `EndlessTrace` sends. */
export function parseRecording(bytes) {
  const generations = [];
  const framing = new Framing();
  for (const raw of framing.push(bytes)) generations.push(parseGeneration(raw));
  // The first and the last were cut short by the recording.
  const whole = generations.slice(1, -1);
  const nsPerTick = nanosecondsPerTick(whole[0].ticksPerSecond);
  const first = whole[0].minTicks;
  for (const [i, generation] of whole.entries()) {
    generation.startMs = ((generation.minTicks - first) * nsPerTick) / 1e6;
    const end = whole[i + 1]?.minTicks ?? generation.maxTicks;
    generation.endMs = ((end - first) * nsPerTick) / 1e6;
  }
  const spanMs = whole.at(-1).endMs;
  const size = whole.reduce((sum, { bytes: b }) => sum + b.length, 0);
  return {
    header: bytes.slice(0, 16),
    generations: whole,
    nsPerTick,
    firstTicks: first,
    spanMs,
    spanTicks: Math.ceil((spanMs * 1e6) / nsPerTick),
    bytesPerSecond: size / (spanMs / 1000),
  };
}

function parseGeneration(raw) {
  const { bytes, batches } = raw;
  const parts = [];
  let at = 0;
  for (let i = 0; i < batches.count; i++) {
    const begin = at;
    at += bytes[begin] === Ev.ExperimentalBatch ? 2 : 1;
    const kind = bytes.subarray(begin, at);
    at = skip(bytes, at);
    const thread = bytes.subarray(at, (at = skip(bytes, at)));
    const payload = bytes.subarray(batches.starts[i], batches.ends[i]);
    const isSync = batches.kind(i, raw.version) === "sync";
    parts.push({
      kind,
      thread,
      ticks: batches.ticks[i],
      payload,
      sync: isSync ? parseSync(payload) : undefined,
    });
    at = batches.ends[i];
  }
  const { minTicks, maxTicks, sync } = raw;
  return { bytes, parts, tail: bytes.subarray(at), minTicks, maxTicks, ticksPerSecond: sync.ticksPerSecond };
}

/** Where in a Sync batch the wall clock is told: two numbers at the end of its clock snapshot. */
function parseSync(payload) {
  let at = 1;
  while (payload[at] !== Ev.ClockSnapshot) at = skip(payload, at + 1);
  const dt = skip(payload, at + 1);
  const delta = readUvarint(payload, at + 1);
  const wall = skip(payload, dt);
  return {
    before: payload.subarray(0, wall),
    delta,
    after: payload.subarray(skip(payload, skip(payload, wall))),
  };
}

export class EndlessTrace {
  #recording;
  #next;
  #round = 0;
  #number = 1;
  /** Wall clock, in ms, of the recording's first tick. */
  #epoch;

  /** @param from index of the generation it begins with. */
  constructor(recording, now, from = 0) {
    this.#recording = recording;
    this.#next = from % recording.generations.length;
    this.#epoch = now - recording.generations[this.#next].startMs;
  }

  /** The next generation and when, in wall-clock ms, it is to be sent: from its start to its end. */
  next() {
    const { generations, spanMs, spanTicks, nsPerTick, firstTicks } = this.#recording;
    const generation = generations[this.#next];
    const offset = this.#epoch + this.#round * spanMs;
    const bytes = this.#write(generation, this.#round * spanTicks, (ticks) => {
      return offset + ((ticks - firstTicks) * nsPerTick) / 1e6;
    });
    this.#next++;
    this.#number++;
    if (this.#next === generations.length) {
      this.#next = 0;
      this.#round++;
      this.#number++;
    }
    return { bytes, from: offset + generation.startMs, to: offset + generation.endMs };
  }

  #write({ parts, tail, bytes }, ticksOn, wallOf) {
    const out = Buffer.allocUnsafe(bytes.length + parts.length * 24 + 64);
    let at = 0;
    const copy = (from) => {
      out.set(from, at);
      at += from.length;
    };
    for (const { kind, thread, ticks, payload, sync } of parts) {
      copy(kind);
      at = writeUvarint(out, at, this.#number);
      copy(thread);
      at = writeUvarint(out, at, ticks + ticksOn);
      if (sync === undefined) {
        at = writeUvarint(out, at, payload.length);
        copy(payload);
        continue;
      }
      const wall = wallOf(ticks + sync.delta);
      const clock = Buffer.alloc(20);
      const seconds = writeUvarint(clock, 0, Math.floor(wall / 1000));
      const end = writeUvarint(clock, seconds, Math.floor((wall % 1000) * 1e6));
      at = writeUvarint(out, at, sync.before.length + end + sync.after.length);
      copy(sync.before);
      copy(clock.subarray(0, end));
      copy(sync.after);
    }
    copy(tail);
    return out.subarray(0, at);
  }
}

function skip(bytes, at) {
  while (bytes[at] > 127) at++;
  return at + 1;
}

function readUvarint(bytes, at) {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const b = bytes[at++];
    value += (b & 127) * scale;
    if (b < 128) return value;
  }
}

function writeUvarint(out, at, value) {
  while (value > 127) {
    out[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  out[at++] = value;
  return at;
}
