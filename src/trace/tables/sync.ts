/** The Sync batch (before 1.25: the Frequency batch): how fast the trace clock ticks, and what other clocks said. */

import type { BatchIndex } from "../batch.ts";
import { TraceFormatError } from "../error.ts";
import { Ev } from "../spec.ts";
import { ByteCursor } from "../varint.ts";

/** A near-simultaneous reading of the trace clock, the monotonic clock and the wall clock (1.25 on). */
export interface ClockSnapshot {
  /** The trace clock, in ticks. */
  readonly ticks: number;
  /** The machine's monotonic clock in ns. Above 2^53 after 104 days of uptime, hence a bigint. */
  readonly mono: bigint;
  /** Wall clock: seconds since the Unix epoch, and ns within the second. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

export interface SyncInfo {
  readonly ticksPerSecond: number;
  readonly clock: ClockSnapshot | undefined;
}

/** What Sync batches have said so far; a generation has one frequency and at most one snapshot. */
export class SyncTable {
  ticksPerSecond: number | undefined;
  clock: ClockSnapshot | undefined;

  add(bytes: Uint8Array, start: number, end: number, batchTicks: number, version: number): void {
    const cursor = new ByteCursor(bytes, start, end);
    if (version >= 25) cursor.byte();
    let ticks = batchTicks;
    while (!cursor.done) {
      const at = cursor.pos;
      const type = cursor.byte();
      if (type === Ev.Frequency) {
        if (this.ticksPerSecond !== undefined) throw corrupt("found multiple frequency events", at);
        this.ticksPerSecond = cursor.uvarint();
        if (this.ticksPerSecond <= 0) {
          throw new TraceFormatError(
            "limit",
            `a clock of ${this.ticksPerSecond} ticks a second has no times`,
            { offset: at },
          );
        }
      } else if (type === Ev.ClockSnapshot && version >= 25) {
        if (this.clock !== undefined) throw corrupt("found multiple clock snapshot events", at);
        ticks += cursor.uvarint();
        const mono = cursor.uvarint64();
        const seconds = cursor.uvarint();
        const nanoseconds = cursor.uvarint();
        this.clock = { ticks, mono, seconds, nanoseconds };
      } else throw corrupt(`expected frequency or clock snapshot event, got ${type}`, at);
    }
  }

  get info(): SyncInfo | undefined {
    if (this.ticksPerSecond === undefined) return undefined;
    return { ticksPerSecond: this.ticksPerSecond, clock: this.clock };
  }
}

/** The sync information of a generation if it is readable; never throws, since the decoder will say what is wrong. */
export function peekSync(bytes: Uint8Array, batches: BatchIndex, version: number): SyncInfo | undefined {
  const table = new SyncTable();
  for (let i = 0; i < batches.count; i++) {
    if (batches.kind(i, version) !== "sync") continue;
    try {
      table.add(bytes, batches.starts[i]!, batches.ends[i]!, batches.ticks[i]!, version);
    } catch (error) {
      if (error instanceof TraceFormatError) return undefined;
      throw error;
    }
  }
  return table.info;
}

function corrupt(detail: string, offset: number): TraceFormatError {
  return new TraceFormatError("corrupt", detail, { offset });
}
