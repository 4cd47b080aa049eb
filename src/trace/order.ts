/* oxlint-disable max-lines -- the hot loop is one function on purpose, see below */
/**
 * Puts the events of a generation in order and checks them: the merge of all threads' streams through the state machine
 * of goroutines, procs and threads. This is the hot loop of the engine.
 *
 *  1. Take the thread whose next event is earliest; a CPU sample that is earlier still goes first.
 *  2. Decode the event's arguments and try to advance the state by it. "Not yet" is possible where another thread must
 *     come first (a start before its unblock): then sort the threads by time and try the others.
 *  3. Write the row, read the thread's next event up to its time, and stay with the thread while that is the earliest.
 *
 * One long function on purpose: every local lives in a register or a stack slot, nothing is allocated and nothing is
 * called for the events that make up nearly all of a trace. Rarer events go through the handlers in advance/.
 * Read from Go's reader.go, batchcursor.go and order.go.
 */

import { createError, mayCreate } from "./advance/create.ts";
import { advanceRare } from "./advance/rare.ts";
import { currentGoroutine, forgetGoroutine } from "./advance/switch.ts";
import type { EventColumns } from "./columns.ts";
import { Frontier } from "./frontier.ts";
import type { DecodedGeneration } from "./generation.ts";
import { Scheduler } from "./scheduler.ts";
import { Ev, GoState, GoStatus, ProcState, ProcStatus, timedArgCount } from "./spec.ts";
import { MAX_RELATIVE_NS } from "./time.ts";

/** Rows one event can make: a coroutine switch makes three. */
const MAX_ROWS_PER_EVENT = 3;
/** An argument count that says: not an event of a thread's stream. */
const NOT_TIMED = 255;

export class Ordering {
  readonly scheduler = new Scheduler();
  readonly #frontier = new Frontier();
  #generation: DecodedGeneration | undefined;
  #nextSample = 0;
  /** Heap index being tried; above 0 after the earliest thread could not advance. */
  #attempt = 0;

  /** Takes a generation on. `initial`: no state carries over to it. Returns whether it has any events. */
  enter(generation: DecodedGeneration, initial: boolean): boolean {
    const { scheduler } = this;
    scheduler.enter(generation, initial);
    this.#generation = generation;
    this.#nextSample = 0;
    this.#attempt = 0;
    const frontier = this.#frontier;
    frontier.reset(generation);
    for (let c = 0; c < generation.threads.length; c++) {
      frontier.slots[c] = scheduler.threads.slot(generation.threads[c]!);
      if (frontier.openBatch(c)) frontier.insert(c);
    }
    return frontier.length > 0;
  }

  /**
   * Appends rows until `out` is full or the generation is done; true when it is done.
   * Throws TraceFormatError; rows before the error are in `out` then.
   */
  fill(out: EventColumns): boolean {
    const generation = this.#generation!;
    const frontier = this.#frontier;
    const s = this.scheduler;
    const { goroutines, procs, threads } = s;
    const { bytes } = generation.raw;
    const { nsPerTick, samples } = generation;
    const strings = generation.strings.table;
    const stacks = generation.stacks.table;
    const { seqBase } = s;
    const {
      time,
      type: types,
      g: gs,
      p: ps,
      m: ms,
      stack: stackColumn,
      subject: subjects,
      from: froms,
      to: tos,
      arg0: arg0s,
      arg1: arg1s,
    } = out;
    const sampleTimes = samples.times;
    const { heap, times } = frontier;
    const full = out.capacity - MAX_ROWS_PER_EVENT;
    let { lastTime } = s;
    let n = out.length;
    s.out = out;

    for (;;) {
      if (n > full) {
        out.length = n;
        s.lastTime = lastTime;
        return false;
      }
      const attempt = this.#attempt;
      // Stay with a thread while its next event is not after `limit`.
      let limit = -Infinity;
      if (attempt === 0) {
        const sample = this.#nextSample;
        const sampleTime = sample < sampleTimes.length ? sampleTimes[sample]! : Infinity;
        const top = frontier.length === 0 ? Infinity : times[heap[0]!]!;
        if (sampleTime < top) {
          out.length = n;
          s.lastTime = lastTime;
          this.#emitSample(sample);
          ({ lastTime } = s);
          n = out.length;
          this.#nextSample = sample + 1;
          continue;
        }
        if (frontier.length === 0) {
          out.length = n;
          s.lastTime = lastTime;
          return true;
        }
        limit = sampleTime;
        if (frontier.length > 1) {
          const left = times[heap[1]!]!;
          if (left < limit) limit = left;
          if (frontier.length > 2) {
            const right = times[heap[2]!]!;
            if (right < limit) limit = right;
          }
        }
      }
      const cursor = heap[attempt]!;
      let pos = frontier.positions[cursor]!;
      let end = frontier.ends[cursor]!;
      let t = times[cursor]!;
      let type = frontier.types[cursor]!;
      const thread = frontier.threads[cursor]!;
      const slot = frontier.slots[cursor]!;
      threads.seen[slot] = 1;
      s.thread = thread;
      s.threadSlot = slot;
      let blocked = false;
      let alive = true;

      for (;;) {
        const argsAt = pos;
        // Up to four arguments, each a varint: four bytes inline, longer ones by a call.
        let a = 0;
        let b = 0;
        let c = 0;
        let d = 0;
        const count = timedArgCount[type]!;
        if (count !== 0) {
          if (count === NOT_TIMED) throw this.#at(n, lastTime, type, t, pos).notTimed();
          let x = 0;
          a = bytes[pos++]!;
          if (a > 127) {
            x = bytes[pos++]!;
            a = (a & 0x7f) | (x << 7);
            if (x > 127) {
              x = bytes[pos++]!;
              a = (a & 0x3fff) | (x << 14);
              if (x > 127) {
                x = bytes[pos++]!;
                a = (a & 0x1f_ffff) | (x << 21);
                if (x > 127) {
                  a = this.#long(n, lastTime, pos - 4, end);
                  pos = frontier.varintEnd;
                }
              }
            }
          }
          if (count > 1) {
            b = bytes[pos++]!;
            if (b > 127) {
              x = bytes[pos++]!;
              b = (b & 0x7f) | (x << 7);
              if (x > 127) {
                x = bytes[pos++]!;
                b = (b & 0x3fff) | (x << 14);
                if (x > 127) {
                  x = bytes[pos++]!;
                  b = (b & 0x1f_ffff) | (x << 21);
                  if (x > 127) {
                    b = this.#long(n, lastTime, pos - 4, end);
                    pos = frontier.varintEnd;
                  }
                }
              }
            }
            if (count > 2) {
              c = bytes[pos++]!;
              if (c > 127) {
                x = bytes[pos++]!;
                c = (c & 0x7f) | (x << 7);
                if (x > 127) {
                  c = this.#long(n, lastTime, pos - 2, end);
                  pos = frontier.varintEnd;
                }
              }
              if (count > 3) {
                d = bytes[pos++]!;
                if (d > 127) {
                  d = this.#long(n, lastTime, pos - 1, end);
                  pos = frontier.varintEnd;
                }
              }
            }
          }
        }
        if (pos > end) throw this.#at(n, lastTime, type, t, argsAt).overrun();

        let g = threads.goroutine[slot]!;
        const p = threads.proc[slot]!;
        let subject = -1;
        let from = 0;
        let to = 0;
        let arg0 = 0;
        let stackId = 0;
        let common = true;
        switch (type) {
          case Ev.GoStart: {
            const gslot = goroutines.find(a);
            if (
              gslot < 0 ||
              goroutines.status[gslot] !== GoStatus.Runnable ||
              goroutines.seq[gslot]! + 1 !== seqBase + b
            ) {
              blocked = true;
              break;
            }
            if (thread === -1 || p === -1 || g !== -1)
              throw this.#at(n, lastTime, type, t, pos).contextError(true, false);
            goroutines.status[gslot] = GoStatus.Running;
            goroutines.seq[gslot] = seqBase + b;
            threads.goroutine[slot] = a;
            threads.goroutineSlot[slot] = gslot;
            subject = a;
            from = GoState.Runnable;
            to = GoState.Running;
            break;
          }
          case Ev.GoBlock:
          case Ev.GoStop:
          case Ev.GoDestroy: {
            let gslot = threads.goroutineSlot[slot]!;
            if (
              thread === -1 ||
              p === -1 ||
              g === -1 ||
              goroutines.ids[gslot] !== g ||
              goroutines.status[gslot] !== GoStatus.Running
            ) {
              this.#at(n, lastTime, type, t, pos);
              s.requireUser();
              gslot = currentGoroutine(s, GoStatus.Running);
            }
            subject = g;
            from = GoState.Running;
            if (type === Ev.GoDestroy) {
              forgetGoroutine(s, g, gslot);
              to = GoState.NotExist;
            } else {
              goroutines.status[gslot] = type === Ev.GoBlock ? GoStatus.Waiting : GoStatus.Runnable;
              to = type === Ev.GoBlock ? GoState.Waiting : GoState.Runnable;
              if (a !== 0) {
                arg0 = a > 0 && a < strings.length ? strings[a]! : 0;
                if (arg0 === 0) arg0 = this.#at(n, lastTime, type, t, pos).string(a);
              }
              stackId = b;
            }
            threads.goroutine[slot] = -1;
            break;
          }
          case Ev.GoUnblock: {
            const gslot = goroutines.find(a);
            if (
              gslot < 0 ||
              goroutines.status[gslot] !== GoStatus.Waiting ||
              goroutines.seq[gslot]! + 1 !== seqBase + b
            ) {
              blocked = true;
              break;
            }
            goroutines.status[gslot] = GoStatus.Runnable;
            goroutines.seq[gslot] = seqBase + b;
            subject = a;
            from = GoState.Waiting;
            to = GoState.Runnable;
            stackId = c;
            break;
          }
          case Ev.GoCreate:
          case Ev.GoCreateBlocked: {
            if (thread === -1 || p === -1 || !mayCreate(s, slot, g, a)) {
              throw createError(this.#at(n, lastTime, type, t, pos), a);
            }
            goroutines.insert(a, type === Ev.GoCreate ? GoStatus.Runnable : GoStatus.Waiting, seqBase);
            subject = a;
            from = GoState.NotExist;
            to = type === Ev.GoCreate ? GoState.Runnable : GoState.Waiting;
            if (b !== 0) {
              arg0 = b > 0 && b < stacks.length ? stacks[b]! : 0;
              if (arg0 === 0) arg0 = this.#at(n, lastTime, type, t, pos).stack(b);
            }
            stackId = c;
            break;
          }
          case Ev.GoSyscallBegin: {
            let gslot = threads.goroutineSlot[slot]!;
            if (
              thread === -1 ||
              p === -1 ||
              g === -1 ||
              goroutines.ids[gslot] !== g ||
              goroutines.status[gslot] !== GoStatus.Running
            ) {
              this.#at(n, lastTime, type, t, pos);
              s.requireUser();
              gslot = currentGoroutine(s, GoStatus.Running);
            }
            goroutines.status[gslot] = GoStatus.Syscall;
            if (procs.seq[p]! + 1 !== seqBase + a || !procs.known(p)) {
              this.#at(n, lastTime, type, t, pos);
              if (!procs.known(p)) throw s.fail(`uninitialized proc ${p} found during GoSyscallBegin`);
              throw s.fail(
                `failed to advance GoSyscallBegin: can't make sequence: ${procs.seq[p]! % 2 ** 32} -> ${a}`,
              );
            }
            procs.status[p] = ProcStatus.Syscall;
            procs.seq[p] = seqBase + a;
            subject = g;
            from = GoState.Running;
            to = GoState.Syscall;
            stackId = b;
            break;
          }
          case Ev.GoSyscallEnd: {
            let gslot = threads.goroutineSlot[slot]!;
            if (
              thread === -1 ||
              p === -1 ||
              g === -1 ||
              goroutines.ids[gslot] !== g ||
              goroutines.status[gslot] !== GoStatus.Syscall
            ) {
              this.#at(n, lastTime, type, t, pos);
              s.requireUser();
              gslot = currentGoroutine(s, GoStatus.Syscall);
            }
            goroutines.status[gslot] = GoStatus.Running;
            if (procs.status[p] !== ProcStatus.Syscall) {
              throw this.#at(n, lastTime, type, t, pos).fail(
                `expected proc ${p} in state Syscall, but got ${procs.status[p]} instead`,
              );
            }
            procs.status[p] = ProcStatus.Running;
            subject = g;
            from = GoState.Syscall;
            to = GoState.Running;
            break;
          }
          case Ev.GoSyscallEndBlocked: {
            if (p !== -1 && procs.status[p] === ProcStatus.Syscall) {
              blocked = true;
              break;
            }
            let gslot = threads.goroutineSlot[slot]!;
            if (
              thread === -1 ||
              g === -1 ||
              goroutines.ids[gslot] !== g ||
              goroutines.status[gslot] !== GoStatus.Syscall
            ) {
              this.#at(n, lastTime, type, t, pos);
              if (thread === -1 || g === -1) throw s.contextError(undefined, true);
              gslot = currentGoroutine(s, GoStatus.Syscall);
            }
            goroutines.status[gslot] = GoStatus.Runnable;
            threads.goroutine[slot] = -1;
            subject = g;
            from = GoState.Syscall;
            to = GoState.Runnable;
            break;
          }
          case Ev.ProcStart: {
            if (
              p !== -1 ||
              !procs.known(a) ||
              procs.status[a] !== ProcStatus.Idle ||
              procs.seq[a]! + 1 !== seqBase + b
            ) {
              blocked = true;
              break;
            }
            if (thread === -1) throw this.#at(n, lastTime, type, t, pos).contextError(undefined, undefined);
            procs.status[a] = ProcStatus.Running;
            procs.seq[a] = seqBase + b;
            threads.proc[slot] = a;
            subject = a;
            from = ProcState.Idle;
            to = ProcState.Running;
            break;
          }
          case Ev.ProcStop: {
            if (
              p === -1 ||
              (procs.status[p] !== ProcStatus.Running && procs.status[p] !== ProcStatus.Syscall)
            ) {
              this.#at(n, lastTime, type, t, pos);
              if (p === -1) throw s.fail("event ProcStop for proc (-1) that doesn't exist");
              throw s.fail("ProcStop event for proc that's not Running or Syscall");
            }
            procs.status[p] = ProcStatus.Idle;
            threads.proc[slot] = -1;
            subject = p;
            from = ProcState.Running;
            to = ProcState.Idle;
            break;
          }
          case Ev.ProcSteal: {
            const status = procs.known(a) ? procs.status[a]! : 0;
            if (
              (status !== ProcStatus.Syscall && status !== ProcStatus.SyscallAbandoned) ||
              procs.seq[a]! + 1 !== seqBase + b
            ) {
              blocked = true;
              break;
            }
            procs.status[a] = ProcStatus.Idle;
            procs.seq[a] = seqBase + b;
            subject = a;
            arg0 = c;
            // Of an abandoned proc it is not known who has it, so it was idle already as far as the API shows.
            from = status === ProcStatus.SyscallAbandoned ? ProcState.Idle : ProcState.Running;
            to = ProcState.Idle;
            if (status === ProcStatus.SyscallAbandoned && thread !== -1) break;
            // Stealing from the own thread is like a ProcStop; from another, that thread may go on without the proc.
            const victim = c === thread ? slot : threads.find(c);
            if (thread === -1 || victim < 0 || threads.proc[victim] !== a) {
              this.#at(n, lastTime, type, t, pos);
              if (thread === -1) throw s.contextError(undefined, undefined);
              if (victim < 0) throw s.fail(`stole proc from non-existent thread ${c}`);
              throw s.fail(
                `tried to steal proc ${a} from thread ${c}, but got proc ${threads.proc[victim]} instead`,
              );
            }
            threads.proc[victim] = -1;
            break;
          }
          case Ev.HeapAlloc:
          case Ev.HeapGoal:
            if (thread === -1 || p === -1) this.#at(n, lastTime, type, t, pos).requireProc();
            arg0 = a;
            break;
          default:
            common = false;
            this.#at(n, lastTime, type, t, pos);
            if (!advanceRare(s, a, b, c, d)) blocked = true;
            n = out.length;
            ({ lastTime } = s);
            break;
        }
        if (blocked) {
          pos = argsAt;
          break;
        }
        if (common) {
          let stack = 0;
          if (stackId !== 0) {
            stack = stackId > 0 && stackId < stacks.length ? stacks[stackId]! : 0;
            if (stack === 0) stack = this.#at(n, lastTime, type, t, pos).stack(stackId);
          }
          lastTime = t <= lastTime ? lastTime + 1 : t;
          time[n] = lastTime;
          types[n] = type;
          gs[n] = g;
          ps[n] = p;
          ms[n] = thread;
          stackColumn[n] = stack;
          subjects[n] = subject;
          froms[n] = from;
          tos[n] = to;
          arg0s[n] = arg0;
          arg1s[n] = 0;
          n++;
        }

        // The thread's next event, up to its time.
        if (pos === end) {
          out.length = n;
          s.lastTime = lastTime;
          if (!frontier.openBatch(cursor)) {
            alive = false;
            break;
          }
          pos = frontier.positions[cursor]!;
          end = frontier.ends[cursor]!;
          t = times[cursor]!;
          type = frontier.types[cursor]!;
        } else {
          type = bytes[pos++]!;
          let dt = bytes[pos++]!;
          if (dt > 127) {
            let x = bytes[pos++]!;
            dt = (dt & 0x7f) | (x << 7);
            if (x > 127) {
              x = bytes[pos++]!;
              dt = (dt & 0x3fff) | (x << 14);
              if (x > 127) {
                dt = this.#long(n, lastTime, pos - 3, end);
                pos = frontier.varintEnd;
              }
            }
          }
          t += Math.floor(dt * nsPerTick);
          if (!(t <= MAX_RELATIVE_NS)) throw this.#at(n, lastTime, type, t, pos).tooLong();
        }
        if (t > limit || n > full) break;
      }

      frontier.positions[cursor] = pos;
      times[cursor] = t;
      frontier.types[cursor] = type;
      if (!blocked) {
        if (alive) frontier.update(attempt);
        else frontier.remove(attempt);
        this.#attempt = 0;
        continue;
      }
      // Not yet. Try the other threads in order of time; a sorted min-heap is still a min-heap.
      if (attempt === 0) frontier.sort();
      if (attempt + 1 < frontier.length) this.#attempt = attempt + 1;
      else throw this.#at(n, lastTime, type, t, pos).fail(frontier.describeStuck());
    }
  }

  /** Hands the loop's locals to the scheduler, for a handler or an error. */
  #at(n: number, lastTime: number, type: number, time: number, pos: number): Scheduler {
    const s = this.scheduler;
    s.out!.length = n;
    s.lastTime = lastTime;
    s.type = type;
    s.time = time;
    s.g = s.threads.goroutine[s.threadSlot]!;
    s.p = s.threads.proc[s.threadSlot]!;
    s.offset = pos;
    return s;
  }

  /** A varint of more bytes than the loop reads inline. */
  #long(n: number, lastTime: number, pos: number, end: number): number {
    this.scheduler.out!.length = n;
    this.scheduler.lastTime = lastTime;
    return this.#frontier.longVarint(pos, end);
  }

  #emitSample(index: number): void {
    const s = this.scheduler;
    const { samples } = this.#generation!;
    const sample = samples.get(index);
    s.type = Ev.CPUSample;
    s.time = samples.times[index]!;
    const stack = s.stack(sample.stack);
    s.emitIn(sample.goroutine, sample.proc, sample.thread, Ev.CPUSample, -1, 0, 0, 0, 0, stack);
  }
}
