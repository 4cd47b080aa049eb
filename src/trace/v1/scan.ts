/**
 * The first pass over a v1 trace: checks every byte's form, and gathers what is not an event on a P.
 *
 * Batches of one P are in order in the file, those of different Ps are mixed; strings are among them; stacks and the
 * frequency come last. So the whole file is read before the first event can be told.
 */

import { TraceFormatError } from "../error.ts";
import type { V1Version } from "../header.ts";
import { TYPE_BITS, V1Cursor } from "./cursor.ts";
import { sinceVersion, V1, V1_TYPES, v1Names } from "./spec.ts";
import { FRAME_VALUES, V1Tables } from "./tables.ts";

/** Go's reader takes no stack of more frames. */
const MAX_FRAMES = 1000;
const MAX_PID = 0x7fff_ffff;

/** The batches of one P, in order. */
export interface ProcBatches {
  /** -1 for the batches of no P. */
  readonly pid: number;
  /** Byte offset of each batch, of its header byte. */
  readonly starts: number[];
  readonly ends: number[];
}

/** What the first pass found. */
export interface V1Scan {
  readonly bytes: Uint8Array;
  readonly version: V1Version;
  readonly procs: readonly ProcBatches[];
  /** Timed events on Ps, without CPU samples. */
  readonly events: number;
  readonly ticksPerSecond: number;
  readonly tables: V1Tables;
  /** Goroutines that ran the timers of their P (Go 1.11 to 1.13). */
  readonly timerGoroutines: ReadonlySet<number>;
  /** Byte offsets of the CPU samples, by time. */
  readonly samples: readonly number[];
}

/** Scans a v1 trace without its header. Throws a TraceFormatError at the first byte out of form. */
export function scanV1(bytes: Uint8Array, version: V1Version): V1Scan {
  return new Scanner(bytes, version).scan();
}

class Scanner {
  private readonly cursor: V1Cursor;
  private readonly bytes: Uint8Array;
  private readonly version: V1Version;
  private readonly procs = new Map<number, ProcBatches>();
  private current: ProcBatches | undefined;
  private events = 0;
  private ticksPerSecond = 0;
  private readonly tables = new V1Tables();
  private readonly timerGoroutines = new Set<number>();
  private readonly samples: { readonly offset: number; readonly ticks: number }[] = [];

  constructor(bytes: Uint8Array, version: V1Version) {
    this.bytes = bytes;
    this.version = version;
    this.cursor = new V1Cursor(bytes);
  }

  scan(): V1Scan {
    const { cursor, bytes } = this;
    while (!cursor.done) {
      const offset = cursor.pos;
      const type = bytes[offset]! & TYPE_BITS;
      if (type === V1.None || type >= V1_TYPES || sinceVersion[type]! > this.version) {
        throw this.corrupt(`unknown event type ${type}`, offset);
      }
      if (type === V1.String) this.string();
      else if (type === V1.Batch) this.batch();
      else if (this.current === undefined)
        throw this.corrupt(`${v1Names[type]} before the first batch`, offset);
      else this.event(type);
    }
    this.closeBatch();
    if (this.ticksPerSecond === 0) {
      throw new TraceFormatError("truncated", "no frequency event found: the trace was cut before its end", {
        offset: bytes.length,
      });
    }
    return {
      bytes,
      version: this.version,
      procs: [...this.procs.values()],
      events: this.events,
      ticksPerSecond: this.ticksPerSecond,
      tables: this.tables,
      timerGoroutines: this.timerGoroutines,
      samples: this.samples.sort((a, b) => a.ticks - b.ticks).map((sample) => sample.offset),
    };
  }

  private event(type: number): void {
    const { cursor } = this;
    const offset = cursor.pos;
    switch (type) {
      case V1.Frequency:
        this.single(type);
        this.ticksPerSecond = cursor.args[0]!;
        if (this.ticksPerSecond <= 0)
          throw this.corrupt(`frequency of ${this.ticksPerSecond} ticks/s`, offset);
        return;
      case V1.TimerGoroutine:
        this.single(type);
        this.timerGoroutines.add(cursor.args[0]!);
        return;
      case V1.Stack:
        this.stack();
        return;
      case V1.CPUSample:
        cursor.checkTimed(type);
        this.samples.push({ offset, ticks: cursor.valueAt(offset, 1) });
        cursor.pos = offset;
        cursor.event();
        return;
      case V1.UserLog:
        cursor.checkTimed(type);
        cursor.stringRange();
        this.events++;
        return;
      default:
        cursor.checkTimed(type);
        this.events++;
    }
  }

  private single(type: number): void {
    const offset = this.cursor.pos;
    const count = this.cursor.event();
    if (count !== 1)
      throw this.corrupt(`${v1Names[type]} has wrong number of arguments: ${count}`, offset, "1");
  }

  private batch(): void {
    const { cursor } = this;
    const offset = cursor.pos;
    if (cursor.byte() >> 6 !== 1) throw this.corrupt("batch has wrong number of arguments", offset, "2");
    const pid = cursor.value();
    if (pid < -1 || pid > MAX_PID)
      throw this.corrupt(`proc id ${pid} is out of range`, offset, `at most ${MAX_PID}`);
    cursor.value();
    this.closeBatch(offset);
    let proc = this.procs.get(pid);
    if (proc === undefined) {
      proc = { pid, starts: [], ends: [] };
      this.procs.set(pid, proc);
    }
    proc.starts.push(offset);
    this.current = proc;
  }

  private closeBatch(end = this.bytes.length): void {
    this.current?.ends.push(end);
  }

  private string(): void {
    const { cursor } = this;
    const offset = cursor.pos++;
    const id = cursor.value();
    const range = cursor.stringRange();
    // Go's reader takes the strings of batches only.
    if (this.current === undefined) return;
    if (id === 0) throw this.corrupt("string has invalid id 0", offset);
    if (range.length === 0) throw this.corrupt("string has invalid length 0", offset);
    this.tables.addString(id, cursor.pos - range.length, range.length);
  }

  private stack(): void {
    const { cursor, tables } = this;
    const offset = cursor.pos;
    const count = cursor.event();
    const frames = cursor.args[1]!;
    if (count < 2) throw this.corrupt(`stack has wrong number of arguments: ${count}`, offset, "at least 2");
    if (frames < 0 || frames > MAX_FRAMES) {
      throw this.corrupt(`stack has bad number of frames: ${frames}`, offset, `at most ${MAX_FRAMES}`);
    }
    const want = 2 + FRAME_VALUES * frames;
    if (count !== want)
      throw this.corrupt(`stack has wrong number of arguments: ${count}`, offset, String(want));
    // The reference keeps the low 32 bits of a stack id.
    const id = cursor.args[0]! >>> 0;
    if (id !== 0 && frames > 0) tables.addStack(id, offset);
  }

  private corrupt(detail: string, offset: number, expected?: string): TraceFormatError {
    return new TraceFormatError("corrupt", detail, { offset, expected });
  }
}
