/** The strings v1 says by event type or number, and v2 by name. Names from Go's internal/trace. */

import type { V1Version } from "../header.ts";
import { V1 } from "./spec.ts";

/** Why a goroutine waits, by the v1 event that blocks it. */
export const blockReasons: readonly (readonly [type: number, reason: string])[] = [
  [V1.GoStop, "forever"],
  [V1.GoSleep, "sleep"],
  [V1.GoBlock, ""],
  [V1.GoBlockSend, "chan send"],
  [V1.GoBlockRecv, "chan receive"],
  [V1.GoBlockSelect, "select"],
  [V1.GoBlockSync, "sync"],
  [V1.GoBlockCond, "sync.(*Cond).Wait"],
  [V1.GoBlockNet, "network"],
  [V1.GoBlockGC, "GC mark assist wait for work"],
];

/** Why a goroutine stops running but stays runnable. */
export const stopReasons: readonly (readonly [type: number, reason: string])[] = [
  [V1.GoSched, "runtime.Gosched"],
  [V1.GoPreempt, "preempted"],
];

/** Why the world is stopped, by Go 1.21's number. */
const stwKinds: readonly string[] = [
  "",
  "GC mark termination",
  "GC sweep termination",
  "write heap dump",
  "goroutine profile",
  "goroutine profile cleanup",
  "all goroutine stack trace",
  "read mem stats",
  "AllThreadsSyscall",
  "GOMAXPROCS",
  "start trace",
  "stop trace",
  "CountPagesInUse (test)",
  "ReadMetricsSlow (test)",
  "ReadMemStatsSlow (test)",
  "PageCachePagesLeaked (test)",
  "ResetDebugLog (test)",
];

/** Before 1.21 there were two kinds, numbered from 0. */
const stwKindsBefore21 = 2;

/** The name of a stop-the-world kind; "" if it has none. */
export function stwKind(version: V1Version, kind: number): string {
  if (version === 21) return stwKinds[kind] ?? "";
  return kind >= 0 && kind < stwKindsBefore21 ? stwKinds[kind + 1]! : "";
}
