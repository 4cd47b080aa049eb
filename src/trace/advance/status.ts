/** ProcStatus and GoStatus: the first mention of a P or G in a generation. From Go's order.go. */

import { UNKNOWN_PROC } from "../resources.ts";
import type { Scheduler } from "../scheduler.ts";
import { GoState, GoStatus, ProcState, ProcStatus } from "../spec.ts";

/** Wire status → state as the API names it. A proc in a syscall runs until it is taken away. */
const goStates = [0, GoState.Runnable, GoState.Running, GoState.Syscall, GoState.Waiting];
const procStates = [0, ProcState.Running, ProcState.Idle, ProcState.Running, ProcState.Idle];

export function advanceProcStatus(s: Scheduler, proc: number, wireStatus: number): void {
  if (wireStatus < 0 || wireStatus >= procStates.length)
    throw s.fail(`invalid status for proc ${proc}: ${wireStatus}`);
  const { procs } = s;
  procs.reserve(proc);
  let status = wireStatus;
  let from = procStates[status]!;
  const known = procs.status(proc);
  let promoted = false;
  if (known !== UNKNOWN_PROC) {
    if (status === ProcStatus.SyscallAbandoned && known === ProcStatus.Syscall) {
      // We did see the syscall begin, so nothing was lost: the proc is still in it.
      from = ProcState.Running;
      status = ProcStatus.Syscall;
      promoted = true;
    } else if (known !== status) {
      throw s.fail(`inconsistent status for proc ${proc}: old ${known} vs. new ${status}`);
    }
  } else {
    procs.setStatus(proc, status);
    from = s.initial ? ProcState.Undetermined : ProcState.NotExist;
  }
  procs.setSeq(proc, s.seqBase);
  let { g, p, thread } = s;
  if (promoted) {
    // Its thief writes this status, but it belongs in the context of the thread it is bound to.
    const slot = s.threads.findByProc(proc);
    if (slot < 0) throw s.fail(`failed to find sched context for proc ${proc} that's about to be stolen`);
    thread = s.threads.id(slot);
    p = proc;
    g = s.threads.goroutine(slot);
  } else if (status === ProcStatus.Running || status === ProcStatus.Syscall) s.bindProc(proc);
  s.emitIn(g, p, thread, s.type, proc, from, procStates[status]!, status, 0, 0);
}

export function advanceGoStatus(
  s: Scheduler,
  id: number,
  thread: number,
  status: number,
  stackId: number,
): void {
  if (status < 0 || status >= goStates.length) throw s.fail(`invalid status for goroutine ${id}: ${status}`);
  const { goroutines, threads } = s;
  let from = goStates[status]!;
  let slot = goroutines.find(id);
  if (slot !== 0) {
    const known = goroutines.status(slot);
    if (known !== status)
      throw s.fail(`inconsistent status for goroutine ${id}: old ${known} vs. new ${status}`);
    goroutines.setSeq(slot, s.seqBase);
  } else if (s.initial) {
    slot = goroutines.insert(id, status, s.seqBase);
    from = GoState.Undetermined;
  } else {
    throw s.fail(
      `found goroutine status for new goroutine after the first generation: id=${id} status=${status}`,
    );
  }
  let { g } = s;
  let rowThread = s.thread;
  if (status === GoStatus.Running) s.bindGoroutine(id, slot);
  else if (status === GoStatus.Syscall) {
    if (thread === -1) throw s.fail(`found goroutine ${id} in syscall without a thread`);
    if (thread === s.thread) {
      if (!s.initial && g !== id) {
        throw s.fail(`inconsistent thread for syscalling goroutine ${id}: thread has goroutine ${g}`);
      }
      s.bindGoroutine(id, slot);
    } else {
      // A goroutine that sat in a syscall on another thread for the whole generation.
      const seen = threads.find(thread);
      if (seen >= 0) {
        if (threads.goroutine(seen) !== id) {
          throw s.fail(
            `inconsistent thread for syscalling goroutine ${id}: thread has goroutine ${threads.goroutine(seen)}`,
          );
        }
        g = id;
      } else {
        const made = threads.slot(thread);
        threads.see(made);
        threads.setProc(made, -1);
        threads.setGoroutine(made, id, slot);
      }
      rowThread = thread;
    }
  }
  const stack = s.stack(stackId);
  s.emitIn(g, s.p, rowThread, s.type, id, from, goStates[status]!, thread, 0, stack);
}
