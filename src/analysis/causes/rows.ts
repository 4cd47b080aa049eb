/** Which rows the causes look at, by event type. */

import { Ev } from "../../trace/spec.ts";

/** Rows that are no goroutine's transition and mean something here. */
export const minds: Uint8Array = new Uint8Array(256);
for (const type of [
  Ev.UserTaskBegin,
  Ev.UserTaskEnd,
  Ev.STWBegin,
  Ev.STWEnd,
  Ev.GCMarkAssistActive,
  Ev.GCMarkAssistBegin,
  Ev.GCMarkAssistEnd,
  Ev.GCSweepActive,
  Ev.GCSweepBegin,
  Ev.GCSweepEnd,
  Ev.ProcStart,
  Ev.ProcStop,
  Ev.ProcSteal,
  Ev.ProcStatus,
  Ev.ProcsChange,
  Ev.Sync,
])
  minds[type] = 1;

/** Rows with a stack of the goroutine itself. */
export const ownStack: Uint8Array = new Uint8Array(256);
for (const type of [Ev.GoStop, Ev.GoBlock, Ev.GoSyscallBegin, Ev.GoStatus, Ev.GoStatusStack])
  ownStack[type] = 1;
