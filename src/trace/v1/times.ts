/**
 * Real times: syscall exits go back to when they happened, and ticks become nanoseconds since the first event.
 *
 * A syscall exit is recorded when the goroutine gets a P again, long after it happened; the event carries its real time.
 * It is put back only after all times were found in order: else broken clocks would look like broken logic.
 */

import { TraceFormatError } from "../error.ts";
import { MAX_RELATIVE_NS } from "../time.ts";
import { V1Cursor } from "./cursor.ts";
import { FAKE_PROC } from "./procs.ts";
import type { MergedEvents } from "./merge.ts";
import type { V1Scan } from "./scan.ts";
import { V1 } from "./spec.ts";

/** Index of the real time among the arguments of GoSysExit on the wire: after time, goroutine and sequence number. */
const REAL_TIME = 3;

/**
 * Puts `events` in the order of their real times, which become nanoseconds since the first one. Syscall exits, and
 * unblocks by timers, move to Ps of their own. Throws `corrupt` if times contradict the order.
 */
export function settleTimes(events: MergedEvents, scan: V1Scan): void {
  if (!events.sorted) throw outOfOrder();
  moveExits(events, restoreSyscallExits(events, scan));
  toNanoseconds(events, scan);
  moveTimers(events, scan);
}

/** Gives syscall exits their real time and a P of their own; returns the rows whose time has changed. */
function restoreSyscallExits(events: MergedEvents, scan: V1Scan): number[] {
  const { count, type, time, proc, g, offset } = events;
  const syscalls = events.pids.numberOf(FAKE_PROC.syscalls);
  const cursor = new V1Cursor(scan.bytes);
  const blockedAt = new Float64Array(events.goroutines.size);
  const moved: number[] = [];
  for (let row = 0; row < count; row++) {
    const kind = type[row]!;
    if (kind === V1.GoSysBlock || kind === V1.GoInSyscall) {
      blockedAt[g[row]!] = time[row]!;
    } else if (kind === V1.GoSysExit) {
      proc[row] = syscalls;
      cursor.pos = offset[row]!;
      // The local form has fewer arguments, and the reference reads no real time from it.
      const realTime = cursor.event() > REAL_TIME ? cursor.args[REAL_TIME]! : 0;
      if (realTime === 0) continue;
      const blocked = blockedAt[g[row]!]!;
      if (blocked === 0) throw new TraceFormatError("corrupt", "stray syscall exit", { offset: offset[row] });
      if (realTime < blocked) throw outOfOrder(offset[row]);
      time[row] = realTime;
      moved.push(row);
    }
  }
  return moved;
}

type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/**
 * Sorts the rows by time, those of one time as they are. All but the moved ones are in order already: these are taken
 * out, the others close up, and from the end on they make room again where each one belongs.
 */
function moveExits(events: MergedEvents, moved: readonly number[]): void {
  if (moved.length === 0) return;
  const { time } = events;
  const columns: readonly Column[] = [
    events.type,
    events.proc,
    events.g,
    events.subject,
    events.offset,
    time,
  ];
  const taken = columns.map((column) => takeOut(column, moved));
  const times = taken.at(-1)!;
  const byTime = Uint32Array.from(moved.keys()).sort((a, b) => times[a]! - times[b]! || a - b);
  let end = events.count - moved.length;
  for (let shift = moved.length - 1; shift >= 0; shift--) {
    const exit = byTime[shift]!;
    const place = placeOf(time, end, times[exit]!, moved[exit]! - exit);
    for (const [i, column] of columns.entries()) {
      column.copyWithin(place + shift + 1, place, end);
      column[place + shift] = taken[i]![exit]!;
    }
    end = place;
  }
}

/** Takes the values of some rows out of a column and closes it up. */
function takeOut(column: Column, rows: readonly number[]): Column {
  const out = column.slice(0, rows.length);
  for (const [index, row] of rows.entries()) out[index] = column[row]!;
  for (const [index, row] of rows.entries()) {
    column.copyWithin(row - index, row + 1, rows[index + 1] ?? column.length);
  }
  return out;
}

/** How many of the first `end` rows come before one of this time, which was after `before` of them. */
function placeOf(time: Float64Array, end: number, exitTime: number, before: number): number {
  let low = 0;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = time[middle]!;
    if (at < exitTime || (at === exitTime && middle < before)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function toNanoseconds(events: MergedEvents, scan: V1Scan): void {
  const { count, time } = events;
  if (count === 0) return;
  const start = time[0]!;
  // The reference divides in this order for v1, and in another for v2.
  const nsPerTick = 1e9 / scan.ticksPerSecond;
  const length = (time[count - 1]! - start) * nsPerTick;
  // With room for rows of one time, which are moved up by 1 ns each.
  if (length + 2 * count > MAX_RELATIVE_NS) {
    throw new TraceFormatError("limit", `a trace of ${length} ns is too long to keep its times exactly`);
  }
  for (let row = 0; row < count; row++) time[row] = Math.trunc((time[row]! - start) * nsPerTick);
}

/** Unblocks by the timers' goroutines go to a P of their own. */
function moveTimers(events: MergedEvents, scan: V1Scan): void {
  const { timerGoroutines } = scan;
  if (timerGoroutines.size === 0) return;
  const { count, type, proc, g, goroutines } = events;
  const timers = events.pids.numberOf(FAKE_PROC.timers);
  for (let row = 0; row < count; row++) {
    if (type[row] === V1.GoUnblock && timerGoroutines.has(goroutines.ids[g[row]!]!)) proc[row] = timers;
  }
}

function outOfOrder(offset?: number): TraceFormatError {
  return new TraceFormatError("corrupt", "time stamps out of order", { offset });
}
