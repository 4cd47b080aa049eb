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
 * Sets the times of `events` to nanoseconds since the first one and returns the rows in order of time.
 * Events of timers and syscall exits move to Ps of their own. Throws `corrupt` if times contradict the order.
 */
export function settleTimes(events: MergedEvents, scan: V1Scan): Uint32Array {
  if (!events.sorted) throw outOfOrder();
  const moved = restoreSyscallExits(events, scan);
  const order = orderByTime(events, moved);
  toNanoseconds(events, order, scan);
  moveTimers(events, scan);
  return order;
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

/**
 * The rows by time, those of one time as they are. All but the moved ones are in order already: these are sorted by
 * themselves and merged in.
 */
function orderByTime(events: MergedEvents, moved: readonly number[]): Uint32Array {
  const { count, time } = events;
  const order = new Uint32Array(count);
  const byTime = Float64Array.from(moved).sort((a, b) => time[a]! - time[b]! || a - b);
  let filled = 0;
  let stays = 0;
  let skipped = 0;
  for (const exit of byTime) {
    const exitTime = time[exit]!;
    for (; stays < count; stays++) {
      if (moved[skipped] === stays) skipped++;
      else if (time[stays]! < exitTime || (time[stays] === exitTime && stays < exit)) order[filled++] = stays;
      else break;
    }
    order[filled++] = exit;
  }
  for (; stays < count; stays++) {
    if (moved[skipped] === stays) skipped++;
    else order[filled++] = stays;
  }
  return order;
}

function toNanoseconds(events: MergedEvents, order: Uint32Array, scan: V1Scan): void {
  const { count, time } = events;
  if (count === 0) return;
  const start = time[order[0]!]!;
  // The reference divides in this order for v1, and in another for v2.
  const nsPerTick = 1e9 / scan.ticksPerSecond;
  const length = (time[order[count - 1]!]! - start) * nsPerTick;
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
