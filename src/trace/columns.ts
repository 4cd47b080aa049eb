/**
 * Ordered events as a structure of arrays. One row is one event of Go's ReadEvent: the same order, the same time.
 *
 * | column | holds |
 * |---|---|
 * | `time` | ns relative to `generation.timeBase`; strictly increasing over a trace |
 * | `type` | event number (`Ev`), the wire's own. CPU samples are `Ev.CPUSample`, Sync events `Ev.Sync` |
 * | `g`, `p`, `m` | context Go's Event.Goroutine, Proc, Thread give: *before* a transition; −1 for none |
 * | `stack` | the event's own stack, an index into `generation.stacks`, 0 for none |
 * | `subject` | what the event is about: the G or P of a transition or range, a task's id, a Sync's number; −1 for none |
 * | `from`, `to` | states of the subject in a transition (`GoState`, `ProcState`), else 0 |
 * | `arg0`, `arg1` | as `specOf(type).row` says: a reason, name or label (string index), a metric's value, … |
 *
 * `specOf(type).row` names what each type has in `subject`, `arg0` and `arg1`. String and stack indexes are dense, from 1,
 * and belong to `generation`; a batch never spans generations.
 */

import type { Generation } from "./generation.ts";
import { Column, MAX_ROWS } from "./kernel/layout.ts";
import type { ColumnName } from "./kernel/layout.ts";

/** Rows in a batch: all columns of it stay in a core's second-level cache. */
export const DEFAULT_BATCH_ROWS = MAX_ROWS;

export class EventColumns {
  readonly capacity: number;
  length = 0;
  generation: Generation;
  readonly time: Float64Array;
  readonly g: Float64Array;
  readonly m: Float64Array;
  readonly subject: Float64Array;
  readonly arg0: Float64Array;
  readonly arg1: Float64Array;
  readonly p: Int32Array;
  readonly stack: Int32Array;
  readonly type: Uint8Array;
  readonly from: Uint8Array;
  readonly to: Uint8Array;

  /** @param buffer the memory the kernel writes rows to; undefined: columns of their own */
  constructor(generation: Generation, capacity = DEFAULT_BATCH_ROWS, buffer?: ArrayBufferLike) {
    this.generation = generation;
    this.capacity = capacity;
    const doubles = (name: ColumnName): Float64Array =>
      buffer === undefined ? new Float64Array(capacity) : new Float64Array(buffer, Column[name], capacity);
    const integers = (name: ColumnName): Int32Array =>
      buffer === undefined ? new Int32Array(capacity) : new Int32Array(buffer, Column[name], capacity);
    const bytes = (name: ColumnName): Uint8Array =>
      buffer === undefined ? new Uint8Array(capacity) : new Uint8Array(buffer, Column[name], capacity);
    this.time = doubles("time");
    this.g = doubles("g");
    this.m = doubles("m");
    this.subject = doubles("subject");
    this.arg0 = doubles("arg0");
    this.arg1 = doubles("arg1");
    this.p = integers("p");
    this.stack = integers("stack");
    this.type = bytes("type");
    this.from = bytes("from");
    this.to = bytes("to");
  }

  /** Empties the columns for rows of a generation. The hot loop relies on `arg1` being 0: few rows have one. */
  reset(generation: Generation): void {
    this.generation = generation;
    this.arg1.fill(0, 0, this.length);
    this.length = 0;
  }

  /** Adds a row by name. For whoever makes rows outside the hot loop. */
  push(row: EventRow): void {
    const i = this.length++;
    this.time[i] = row.time;
    this.type[i] = row.type;
    this.g[i] = row.g;
    this.p[i] = row.p;
    this.m[i] = row.m;
    this.stack[i] = row.stack ?? 0;
    this.subject[i] = row.subject ?? -1;
    this.from[i] = row.from ?? 0;
    this.to[i] = row.to ?? 0;
    this.arg0[i] = row.arg0 ?? 0;
    this.arg1[i] = row.arg1 ?? 0;
  }

  /** Row i as an object. For tests and for code that is not hot. */
  row(i: number): Required<EventRow> {
    return {
      time: this.time[i]!,
      type: this.type[i]!,
      g: this.g[i]!,
      p: this.p[i]!,
      m: this.m[i]!,
      stack: this.stack[i]!,
      subject: this.subject[i]!,
      from: this.from[i]!,
      to: this.to[i]!,
      arg0: this.arg0[i]!,
      arg1: this.arg1[i]!,
    };
  }

  /** A copy of its own, for whoever keeps rows beyond the next batch of a reader that reuses them. */
  clone(): EventColumns {
    const copy = new EventColumns(this.generation, this.length);
    copy.length = this.length;
    const columns = [
      "time",
      "g",
      "m",
      "subject",
      "arg0",
      "arg1",
      "p",
      "stack",
      "type",
      "from",
      "to",
    ] as const;
    for (const name of columns) copy[name].set(this[name].subarray(0, this.length));
    return copy;
  }
}

export interface EventRow {
  readonly time: number;
  readonly type: number;
  readonly g: number;
  readonly p: number;
  readonly m: number;
  readonly stack?: number;
  readonly subject?: number;
  readonly from?: number;
  readonly to?: number;
  readonly arg0?: number;
  readonly arg1?: number;
}
