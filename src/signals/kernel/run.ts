/** What is done before and after the kernel runs: rows in, lists out. */

import type { EventColumns } from "../../trace/columns.ts";
import { Ev } from "../../trace/spec.ts";
import { countGoroutine, disappear } from "../goroutine-events.ts";
import { addRare, endRegion } from "../rare-events.ts";
import type { SessionState } from "../session-state.ts";
import { At, Column } from "./layout.ts";
import type { SignalsMemory } from "./memory.ts";

/** Puts the columns that the kernel reads into its memory. */
export function copyRows({ f64, i32, u8 }: SignalsMemory, batch: EventColumns): void {
  const { length } = batch;
  f64.set(batch.time.subarray(0, length), Column.time >> 3);
  f64.set(batch.subject.subarray(0, length), Column.subject >> 3);
  f64.set(batch.g.subarray(0, length), Column.g >> 3);
  f64.set(batch.arg0.subarray(0, length), Column.arg0 >> 3);
  i32.set(batch.p.subarray(0, length), Column.p >> 2);
  i32.set(batch.stack.subarray(0, length), Column.stack >> 2);
  u8.set(batch.type.subarray(0, length), Column.type);
}

/** Does what a run has put on its lists. */
export function finishRun(s: SessionState, batch: EventColumns): void {
  const { memory, schedLatencies } = s;
  const { f64, i32 } = memory;
  const latencies = i32[At.latencies >> 2]!;
  const syscalls = i32[At.syscalls >> 2]!;
  const later = i32[At.later >> 2]!;
  for (let i = 0; i < latencies; i++)
    schedLatencies.push(f64[(Column.latency >> 3) + i]!, f64[(Column.latencyAt >> 3) + i]!);
  for (let i = 0; i < syscalls; i++) {
    const series = i32[(Column.syscallOf >> 2) + i]!;
    s.series.syscalls.push(series, f64[(Column.syscall >> 3) + i]!, f64[(Column.syscallAt >> 3) + i]!);
  }
  for (let i = 0; i < later; i++) {
    // A task that begins may make the memory grow.
    const row = memory.i32[(Column.laterRow >> 2) + i]!;
    const slot = memory.i32[(Column.laterSlot >> 2) + i]!;
    switch (batch.type[row]!) {
      case Ev.UserRegionBegin:
        s.regions.begin(slot, batch.time[row]!);
        break;
      case Ev.UserRegionEnd:
        endRegion(s, slot, batch.arg0[row]!, batch.time[row]!);
        break;
      case Ev.GoCreate:
        countGoroutine(s, s.goroutines.start[slot]!, 1);
        break;
      case Ev.GoDestroy:
        disappear(s, slot, batch.time[row]!);
        break;
      default:
        addRare(s, batch, row, s.runnable);
    }
  }
}
