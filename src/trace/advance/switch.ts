/** Coroutine switches and cgo callbacks: events that stand for several. From Go's order.go. */

import { Mark } from "../kernel/layout.ts";
import type { Scheduler } from "../scheduler.ts";
import { Ev, GoState, GoStatus, ProcState, ProcStatus, eventName } from "../spec.ts";

/** A goroutine is gone: so are its regions and ranges. */
export function forgetGoroutine(s: Scheduler, id: number, slot: number): void {
  if (s.goroutines.marked(slot, Mark.regions | Mark.ranges)) {
    s.regions.delete(id);
    s.ranges.delete(id);
  }
  s.goroutines.remove(slot);
}

/** The slot of the goroutine bound to the event's thread; corrupt if it does not exist or is in another state. */
export function currentGoroutine(s: Scheduler, status: number): number {
  const slot = s.goroutines.find(s.g);
  if (slot === 0) throw s.fail(`event ${eventName(s.type)} for goroutine (${s.g}) that doesn't exist`);
  if (s.goroutines.status(slot) !== status) {
    throw s.fail(
      `${eventName(s.type)} event for goroutine that's not ${status === GoStatus.Running ? "Running" : "Syscall"}`,
    );
  }
  return slot;
}

/**
 * GoSwitch and GoSwitchDestroy are three events: the next goroutine is unblocked, the current one blocks or ends, the
 * next one starts. False: the next goroutine is not there yet.
 */
export function advanceGoSwitch(s: Scheduler, next: number, nextSeq: number): boolean {
  s.requireUser();
  const { goroutines } = s;
  const current = currentGoroutine(s, GoStatus.Running);
  const slot = goroutines.find(next);
  const seq = s.seqBase + nextSeq;
  if (slot === 0 || goroutines.status(slot) !== GoStatus.Waiting || goroutines.seq(slot) + 1 !== seq)
    return false;
  s.emit(s.type, next, GoState.Waiting, GoState.Runnable, 0, 0, 0);
  if (s.type === Ev.GoSwitch) {
    goroutines.setStatus(current, GoStatus.Waiting);
    s.emit(Ev.GoBlock, s.g, GoState.Running, GoState.Waiting, 0, 0, 0);
  } else {
    forgetGoroutine(s, s.g, current);
    s.emit(Ev.GoDestroy, s.g, GoState.Running, GoState.NotExist, 0, 0, 0);
  }
  goroutines.setStatus(slot, GoStatus.Running);
  goroutines.setSeq(slot, seq);
  s.bindGoroutine(next, slot);
  s.emitIn(-1, s.p, s.thread, Ev.GoStart, next, GoState.Runnable, GoState.Running, 0, 0, 0);
  return true;
}

/** A goroutine is born in a syscall: a cgo callback. */
export function advanceGoCreateSyscall(s: Scheduler, id: number): void {
  if (s.thread === -1 || s.g !== -1) throw s.contextError(undefined, false);
  if (s.goroutines.find(id) !== 0)
    throw s.fail(`tried to create goroutine (${id}) in syscall that already exists`);
  const slot = s.goroutines.insert(id, GoStatus.Syscall, s.seqBase);
  s.bindGoroutine(id, slot);
  s.emit(s.type, id, GoState.NotExist, GoState.Syscall, 0, 0, 0);
}

/**
 * A cgo callback's goroutine ends. If the thread still has a proc it loses it, which the API shows as a steal from
 * itself: the thread's id may be used again, and the proc must not be found on it then.
 */
export function advanceGoDestroySyscall(s: Scheduler): void {
  if (s.thread === -1 || s.g === -1) throw s.contextError(undefined, true);
  const { procs, g, p } = s;
  const slot = currentGoroutine(s, GoStatus.Syscall);
  forgetGoroutine(s, g, slot);
  s.bindGoroutine(-1, 0);
  if (p !== -1) {
    if (!procs.known(p)) throw s.fail(`found invalid proc ${p} during ${eventName(s.type)}`);
    if (procs.status(p) !== ProcStatus.Syscall) {
      throw s.fail(`proc ${p} in unexpected state ${procs.status(p)} during ${eventName(s.type)}`);
    }
    procs.setStatus(p, ProcStatus.SyscallAbandoned);
    s.bindProc(-1);
    s.emit(Ev.ProcSteal, p, ProcState.Running, ProcState.Idle, 0, 0, 0);
  }
  s.emit(s.type, g, GoState.Syscall, GoState.NotExist, 0, 0, 0);
}
