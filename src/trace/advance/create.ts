/** GoCreate and GoCreateBlocked: who may create a goroutine. From Go's order.go. */

import type { TraceFormatError } from "../error.ts";
import type { Scheduler } from "../scheduler.ts";
import { GoStatus, eventName } from "../spec.ts";

/** The creator (goroutine g on a thread), if there is one, must be running; the created must be new. */
export function mayCreate(s: Scheduler, threadSlot: number, g: number, created: number): boolean {
  return (g === -1 || isRunning(s, threadSlot, g)) && s.goroutines.find(created) < 0;
}

/** Go checks the state of a creator only where it knows one. */
function isRunning(s: Scheduler, threadSlot: number, g: number): boolean {
  let slot = s.threads.goroutineSlot[threadSlot]!;
  if (s.goroutines.ids[slot] !== g) slot = s.goroutines.find(g);
  return slot < 0 || s.goroutines.status[slot] === GoStatus.Running;
}

export function createError(s: Scheduler, created: number): TraceFormatError {
  if (s.thread === -1 || s.p === -1) return s.contextError(true, undefined);
  if (s.g !== -1 && !isRunning(s, s.threadSlot, s.g)) {
    return s.fail(`${eventName(s.type)} event for goroutine that's not Running`);
  }
  return s.fail(`tried to create goroutine (${created}) that already exists`);
}
