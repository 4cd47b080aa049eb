/**
 * Real times: syscall exits go back to when they happened, and ticks become nanoseconds since the first event.
 *
 * A syscall exit is recorded when the goroutine gets a P again, long after it happened; the event carries its real time.
 */

import { TraceFormatError } from "../error.ts";
import { TYPE_BITS, V1Cursor } from "./cursor.ts";
import type { V1Scan } from "./scan.ts";
import { V1 } from "./spec.ts";

/** Index of the real time among the arguments of GoSysExit on the wire: after time, goroutine and sequence number. */
const REAL_TIME = 3;

/** Ticks to nanoseconds since the first event. The reference divides in this order for v1, and in another for v2. */
export function relativeNanoseconds(ticks: number, start: number, scan: V1Scan): number {
  return Math.trunc((ticks - start) * (1e9 / scan.ticksPerSecond));
}

/** Reads the real times of syscall exits. */
export class ExitTimes {
  private readonly cursor: V1Cursor;
  /** By goroutine number: ticks when it blocked in its latest syscall. As long as can be: memory not touched is free. */
  private readonly blockedAt: Float64Array;

  constructor(scan: V1Scan, rows: number) {
    this.cursor = new V1Cursor(scan.bytes);
    this.blockedAt = new Float64Array(rows + 2);
  }

  /** A goroutine blocks in a syscall. */
  block(g: number, ticks: number): void {
    this.blockedAt[g] = ticks;
  }

  /**
   * The ticks at which an exit happened; undefined: when it says. Throws `corrupt` if it cannot have.
   * @param g number of the goroutine
   */
  exit(g: number, offset: number): number | undefined {
    // The local form has fewer arguments, and the reference reads no real time from it.
    if ((this.cursor.bytes[offset]! & TYPE_BITS) !== V1.GoSysExit) return undefined;
    const happened = this.cursor.valueAt(offset, REAL_TIME);
    if (happened === 0) return undefined;
    const blocked = this.blockedAt[g]!;
    if (blocked === 0) throw new TraceFormatError("corrupt", "stray syscall exit", { offset });
    if (happened < blocked) throw outOfOrder(offset);
    return happened;
  }
}

/** Syscall exits at their real times; those of one time in the order in which they were recorded. */
export class MovedExits {
  count = 0;
  ticks = new Float64Array(64);
  /** Where in the order they were recorded. */
  row = new Uint32Array(64);
  /** Goroutine id. */
  g = new Float64Array(64);

  add(row: number, ticks: number, g: number): void {
    if (this.count === this.row.length) {
      this.ticks = copied(this.ticks, new Float64Array(this.count * 2));
      this.row = copied(this.row, new Uint32Array(this.count * 2));
      this.g = copied(this.g, new Float64Array(this.count * 2));
    }
    this.ticks[this.count] = ticks;
    this.row[this.count] = row;
    this.g[this.count] = g;
    this.count++;
  }

  /** Ticks of one of them, Infinity after the last. */
  ticksOf(index: number): number {
    return index < this.count ? this.ticks[index]! : Infinity;
  }

  /** Sorts them: no more will be added. */
  seal(): void {
    const { ticks, row, g } = this;
    const byTime = new Uint32Array(this.count).map((_, i) => i);
    byTime.sort((a, b) => ticks[a]! - ticks[b]! || a - b);
    this.ticks = new Float64Array(this.count).map((_, i) => ticks[byTime[i]!]!);
    this.row = byTime.map((from) => row[from]!);
    this.g = new Float64Array(this.count).map((_, i) => g[byTime[i]!]!);
  }
}

function copied<A extends Float64Array | Uint32Array>(old: A, to: A): A {
  to.set(old);
  return to;
}

export function outOfOrder(offset?: number): TraceFormatError {
  return new TraceFormatError("corrupt", "time stamps out of order", { offset });
}
