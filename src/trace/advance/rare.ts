/** Events too rare for the hot loop: each to its handler. */

import type { Scheduler } from "../scheduler.ts";
import { Ev } from "../spec.ts";
import { advanceLabel, advanceLog, advanceRegion, advanceTaskBegin, advanceTaskEnd } from "./annotations.ts";
import {
  advanceAssistActive,
  advanceGc,
  advanceGoRangeBegin,
  advanceGoRangeEnd,
  advanceSweep,
} from "./ranges.ts";
import { advanceGoStatus, advanceProcStatus } from "./status.ts";
import { advanceGoCreateSyscall, advanceGoDestroySyscall, advanceGoSwitch } from "./switch.ts";

/** Advances the scheduler's current event, whose arguments after the time delta are a to d. False: not yet. */
export function advanceRare(s: Scheduler, a: number, b: number, c: number, d: number): boolean {
  switch (s.type) {
    case Ev.ProcStatus:
      advanceProcStatus(s, a, b);
      return true;
    case Ev.GoStatus:
    case Ev.GoStatusStack:
      advanceGoStatus(s, a, b, c, d);
      return true;
    case Ev.GoSwitch:
    case Ev.GoSwitchDestroy:
      return advanceGoSwitch(s, a, b);
    case Ev.GoCreateSyscall:
      advanceGoCreateSyscall(s, a);
      return true;
    case Ev.GoDestroySyscall:
      advanceGoDestroySyscall(s);
      return true;
    case Ev.ProcsChange:
      s.requireUser();
      s.emit(s.type, -1, 0, 0, a, 0, s.stack(b));
      return true;
    case Ev.STWBegin:
      advanceGoRangeBegin(s, a, b);
      return true;
    case Ev.GCMarkAssistBegin:
      advanceGoRangeBegin(s, 0, a);
      return true;
    case Ev.GCMarkAssistActive:
      advanceAssistActive(s, a);
      return true;
    case Ev.STWEnd:
    case Ev.GCMarkAssistEnd:
      advanceGoRangeEnd(s);
      return true;
    case Ev.GCActive:
    case Ev.GCBegin:
    case Ev.GCEnd:
      return advanceGc(s, a, b);
    case Ev.GCSweepActive:
    case Ev.GCSweepBegin:
    case Ev.GCSweepEnd:
      advanceSweep(s, a, b);
      return true;
    case Ev.GoLabel:
      advanceLabel(s, a);
      return true;
    case Ev.UserTaskBegin:
      advanceTaskBegin(s, a, b, c, d);
      return true;
    case Ev.UserTaskEnd:
      advanceTaskEnd(s, a, b);
      return true;
    case Ev.UserRegionBegin:
    case Ev.UserRegionEnd:
      advanceRegion(s, s.type === Ev.UserRegionBegin, a, b, c);
      return true;
    case Ev.UserLog:
      advanceLog(s, a, b, c, d);
      return true;
    default:
      // Experimental events (AllocFree) need a thread and are shown as they are.
      if (s.type < Ev.Span) throw s.fail(`bad event type found while ordering: ${s.type}`);
      if (s.thread === -1) throw s.fail("expected a thread but didn't have one");
      s.emit(s.type, a, 0, 0, b, c, 0);
      return true;
  }
}
