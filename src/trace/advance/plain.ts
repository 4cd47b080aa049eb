/**
 * The events of goroutines and procs that make up nearly all of a trace, with every check. The hot loop does the regular
 * case of each by itself and comes here for the rest: what is not yet possible, what is wrong, and arguments above 2^28.
 * From Go's order.go.
 */

import type { Scheduler } from "../scheduler.ts";
import { Ev, GoState, GoStatus, ProcState, ProcStatus, eventName } from "../spec.ts";
import { advanceRare } from "./rare.ts";
import { currentGoroutine, forgetGoroutine } from "./switch.ts";

/** Advances the scheduler's current event, whose arguments after the time delta are a to d. False: not yet. */
export function advancePlain(s: Scheduler, a: number, b: number, c: number, d: number): boolean {
  switch (s.type) {
    case Ev.GoStart:
      return advanceGoStart(s, a, b);
    case Ev.GoUnblock:
      return advanceGoUnblock(s, a, b, c);
    case Ev.GoBlock:
    case Ev.GoStop:
    case Ev.GoDestroy:
      advanceGoEnd(s, a, b);
      return true;
    case Ev.GoCreate:
    case Ev.GoCreateBlocked:
      advanceGoCreate(s, a, b, c);
      return true;
    case Ev.GoSyscallBegin:
      advanceSyscallBegin(s, a, b);
      return true;
    case Ev.GoSyscallEnd:
      advanceSyscallEnd(s);
      return true;
    case Ev.GoSyscallEndBlocked:
      return advanceSyscallEndBlocked(s);
    case Ev.ProcStart:
      return advanceProcStart(s, a, b);
    case Ev.ProcStop:
      advanceProcStop(s);
      return true;
    case Ev.ProcSteal:
      return advanceProcSteal(s, a, b, c);
    case Ev.HeapAlloc:
    case Ev.HeapGoal:
      s.requireProc();
      s.emit(s.type, -1, 0, 0, a, 0, 0);
      return true;
    default:
      return advanceRare(s, a, b, c, d);
  }
}

/** Slot of a goroutine if it has this status and the event is its next by sequence, else 0. */
function nextInSequence(s: Scheduler, id: number, status: number, seq: number): number {
  const { goroutines } = s;
  const slot = goroutines.find(id);
  return slot !== 0 && goroutines.status(slot) === status && goroutines.seq(slot) + 1 === s.seqBase + seq
    ? slot
    : 0;
}

function advanceGoStart(s: Scheduler, id: number, seq: number): boolean {
  const slot = nextInSequence(s, id, GoStatus.Runnable, seq);
  if (slot === 0) return false;
  if (s.thread === -1 || s.p === -1 || s.g !== -1) throw s.contextError(true, false);
  s.goroutines.setStatus(slot, GoStatus.Running);
  s.goroutines.setSeq(slot, s.seqBase + seq);
  s.bindGoroutine(id, slot);
  s.emit(s.type, id, GoState.Runnable, GoState.Running, 0, 0, 0);
  return true;
}

/** Anything may unblock a goroutine, also what has no thread (the system monitor). */
function advanceGoUnblock(s: Scheduler, id: number, seq: number, stackId: number): boolean {
  const slot = nextInSequence(s, id, GoStatus.Waiting, seq);
  if (slot === 0) return false;
  s.goroutines.setStatus(slot, GoStatus.Runnable);
  s.goroutines.setSeq(slot, s.seqBase + seq);
  s.emit(s.type, id, GoState.Waiting, GoState.Runnable, 0, 0, s.stack(stackId));
  return true;
}

/** GoBlock, GoStop and GoDestroy: the running goroutine leaves its thread. */
function advanceGoEnd(s: Scheduler, reasonId: number, stackId: number): void {
  s.requireUser();
  const slot = currentGoroutine(s, GoStatus.Running);
  const { g } = s;
  s.bindGoroutine(-1, 0);
  if (s.type === Ev.GoDestroy) {
    forgetGoroutine(s, g, slot);
    s.emit(s.type, g, GoState.Running, GoState.NotExist, 0, 0, 0);
    return;
  }
  const block = s.type === Ev.GoBlock;
  s.goroutines.setStatus(slot, block ? GoStatus.Waiting : GoStatus.Runnable);
  const to = block ? GoState.Waiting : GoState.Runnable;
  s.emit(s.type, g, GoState.Running, to, s.string(reasonId), 0, s.stack(stackId));
}

/** GoCreate and GoCreateBlocked: the creator, if there is one, must be running; the created must be new. */
function advanceGoCreate(s: Scheduler, id: number, newStackId: number, stackId: number): void {
  s.requireProc();
  const { goroutines } = s;
  const creator = goroutines.find(s.g);
  if (s.g !== -1 && creator !== 0 && goroutines.status(creator) !== GoStatus.Running) {
    throw s.fail(`${eventName(s.type)} event for goroutine that's not Running`);
  }
  if (goroutines.find(id) !== 0) throw s.fail(`tried to create goroutine (${id}) that already exists`);
  const blocked = s.type === Ev.GoCreateBlocked;
  goroutines.insert(id, blocked ? GoStatus.Waiting : GoStatus.Runnable, s.seqBase);
  const to = blocked ? GoState.Waiting : GoState.Runnable;
  s.emit(s.type, id, GoState.NotExist, to, s.stack(newStackId), 0, s.stack(stackId));
}

/**
 * The proc's sequence number makes clear from which syscall a later ProcSteal takes it; a running proc must have the
 * right one, so there is nothing to wait for.
 */
function advanceSyscallBegin(s: Scheduler, procSeq: number, stackId: number): void {
  s.requireUser();
  const slot = currentGoroutine(s, GoStatus.Running);
  const { procs, p } = s;
  s.goroutines.setStatus(slot, GoStatus.Syscall);
  if (!procs.known(p)) throw s.fail(`uninitialized proc ${p} found during ${eventName(s.type)}`);
  procs.setStatus(p, ProcStatus.Syscall);
  if (procs.seq(p) + 1 !== s.seqBase + procSeq) {
    throw s.fail(
      `failed to advance ${eventName(s.type)}: can't make sequence: ${procs.seq(p) - s.seqBase} -> ${procSeq}`,
    );
  }
  procs.setSeq(p, s.seqBase + procSeq);
  s.emit(s.type, s.g, GoState.Running, GoState.Syscall, 0, 0, s.stack(stackId));
}

/** The syscall was short: the proc was kept. */
function advanceSyscallEnd(s: Scheduler): void {
  s.requireUser();
  const slot = currentGoroutine(s, GoStatus.Syscall);
  const { procs, p } = s;
  if (procs.status(p) !== ProcStatus.Syscall) {
    throw s.fail(`expected proc ${p} in state Syscall, but got ${procs.status(p)} instead`);
  }
  s.goroutines.setStatus(slot, GoStatus.Running);
  procs.setStatus(p, ProcStatus.Running);
  s.emit(s.type, s.g, GoState.Syscall, GoState.Running, 0, 0, 0);
}

/** The proc was lost during the syscall: until that was seen, it is not this event's turn. */
function advanceSyscallEndBlocked(s: Scheduler): boolean {
  if (s.p !== -1 && s.procs.status(s.p) === ProcStatus.Syscall) return false;
  if (s.thread === -1 || s.g === -1) throw s.contextError(undefined, true);
  const slot = currentGoroutine(s, GoStatus.Syscall);
  s.goroutines.setStatus(slot, GoStatus.Runnable);
  s.bindGoroutine(-1, 0);
  s.emit(s.type, s.g, GoState.Syscall, GoState.Runnable, 0, 0, 0);
  return true;
}

function advanceProcStart(s: Scheduler, proc: number, seq: number): boolean {
  const { procs } = s;
  if (!procs.known(proc) || procs.status(proc) !== ProcStatus.Idle || procs.seq(proc) + 1 !== s.seqBase + seq)
    return false;
  // A thread that still has a proc is in a syscall and has not yet been seen to lose it.
  if (s.p !== -1) return false;
  if (s.thread === -1) throw s.contextError(undefined, undefined);
  procs.setStatus(proc, ProcStatus.Running);
  procs.setSeq(proc, s.seqBase + seq);
  s.bindProc(proc);
  s.emit(s.type, proc, ProcState.Idle, ProcState.Running, 0, 0, 0);
  return true;
}

function advanceProcStop(s: Scheduler): void {
  const { procs, p } = s;
  if (!procs.known(p)) throw s.fail(`event ${eventName(s.type)} for proc (${p}) that doesn't exist`);
  if (procs.status(p) !== ProcStatus.Running && procs.status(p) !== ProcStatus.Syscall) {
    throw s.fail(`${eventName(s.type)} event for proc that's not Running or Syscall`);
  }
  s.requireProc();
  procs.setStatus(p, ProcStatus.Idle);
  s.bindProc(-1);
  s.emit(s.type, p, ProcState.Running, ProcState.Idle, 0, 0, 0);
}

function advanceProcSteal(s: Scheduler, proc: number, seq: number, victim: number): boolean {
  const { procs, threads } = s;
  const status = procs.known(proc) ? procs.status(proc) : 0;
  if (status !== ProcStatus.Syscall && status !== ProcStatus.SyscallAbandoned) return false;
  if (procs.seq(proc) + 1 !== s.seqBase + seq) return false;
  if (s.thread === -1) throw s.contextError(undefined, undefined);
  procs.setStatus(proc, ProcStatus.Idle);
  procs.setSeq(proc, s.seqBase + seq);
  if (status === ProcStatus.SyscallAbandoned) {
    // It is not known who has an abandoned proc; the API shows it as idle already.
    s.emit(s.type, proc, ProcState.Idle, ProcState.Idle, victim, 0, 0);
    return true;
  }
  // Stealing from the own thread is like a ProcStop; another thread may go on without the proc from here.
  const slot = victim === s.thread ? s.threadSlot : threads.find(victim);
  if (slot < 0) throw s.fail(`stole proc from non-existent thread ${victim}`);
  if (threads.proc(slot) !== proc) {
    throw s.fail(
      `tried to steal proc ${proc} from thread ${victim}, but got proc ${threads.proc(slot)} instead`,
    );
  }
  threads.setProc(slot, -1);
  s.emit(s.type, proc, ProcState.Running, ProcState.Idle, victim, 0, 0);
  return true;
}
