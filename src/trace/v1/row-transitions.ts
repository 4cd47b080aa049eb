/** The v1 events that become one transition of a goroutine: nine of ten. */

import { Ev, GoState } from "../spec.ts";
import { blockReasons, stopReasons } from "./reasons.ts";
import { V1 } from "./spec.ts";

/** How a kind of event is converted: by `convert`, or to one transition, of its goroutine or of the one it names. */
export const SLOW = 0;
export const OF_CONTEXT = 1;
export const OF_SUBJECT = 2;
/** A GoSysCall that is marked: the goroutine blocks in it. Not a type of the wire. */
export const SYSCALL_BLOCKED = 63;
/** Event types and that one. */
export const KINDS = 64;
export const handlingOf = new Uint8Array(KINDS);
/** What the row of a kind that is one transition holds: type, state before, state after. */
export const rowType = new Uint8Array(KINDS);
export const rowFrom = new Uint8Array(KINDS);
export const rowTo = new Uint8Array(KINDS);

function transition(kind: number, handling: number, type: number, from: number, to: number): void {
  handlingOf[kind] = handling;
  rowType[kind] = type;
  rowFrom[kind] = from;
  rowTo[kind] = to;
}
for (const [kind] of blockReasons) transition(kind, OF_CONTEXT, Ev.GoBlock, GoState.Running, GoState.Waiting);
for (const [kind] of stopReasons) transition(kind, OF_CONTEXT, Ev.GoStop, GoState.Running, GoState.Runnable);
transition(V1.GoStart, OF_SUBJECT, Ev.GoStart, GoState.Runnable, GoState.Running);
transition(V1.GoUnblock, OF_SUBJECT, Ev.GoUnblock, GoState.Waiting, GoState.Runnable);
transition(V1.GoEnd, OF_CONTEXT, Ev.GoDestroy, GoState.Running, GoState.NotExist);
transition(SYSCALL_BLOCKED, OF_CONTEXT, Ev.GoSyscallBegin, GoState.Running, GoState.Syscall);
transition(V1.GoSysExit, OF_CONTEXT, Ev.GoSyscallEndBlocked, GoState.Syscall, GoState.Runnable);
