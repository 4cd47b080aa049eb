/** Where time went, by kind: the words of the result for the tracker's numbers. */

import { Time } from "./goroutine-table.ts";
import type { GoroutineTracker } from "./tracker.ts";

/** ns by what a goroutine did; kinds without any time are left out of `block_ns`. */
export interface TimeSplit {
  readonly exec_ns: number;
  readonly sched_wait_ns: number;
  readonly syscall_ns: number;
  readonly syscall_block_ns: number;
  /** Waiting, by Go's reason; "" is a wait that began before the trace. */
  readonly block_ns: Readonly<Record<string, number>>;
}

/** Reads the kinds from `at` on. */
export function timeSplit(times: Float64Array, at: number, tracker: GoroutineTracker): TimeSplit {
  const block: Record<string, number> = {};
  const kinds = Math.min(tracker.timeKinds, times.length - at);
  for (let kind = Time.wait; kind < kinds; kind++) {
    const ns = times[at + kind]!;
    if (ns !== 0) block[tracker.reasons.text(kind - Time.wait)] = ns;
  }
  return {
    exec_ns: times[at + Time.exec]!,
    sched_wait_ns: times[at + Time.sched]!,
    syscall_ns: times[at + Time.syscall]!,
    syscall_block_ns: times[at + Time.syscallBlock]!,
    block_ns: block,
  };
}

/** Name of a kind of time, as distributions are keyed: `exec`, `sched_wait`, `syscall`, `syscall_block`, `block:REASON`. */
export function timeName(kind: number, tracker: GoroutineTracker): string {
  const fixed = ["exec", "sched_wait", "syscall", "syscall_block"][kind];
  return fixed ?? `block:${tracker.reasons.text(kind - Time.wait)}`;
}
