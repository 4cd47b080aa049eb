/**
 * Puts the events of a generation in order and checks them: the merge of all threads' streams through the state machine
 * of goroutines, procs and threads. This is the hot loop of the engine.
 *
 *  1. Take the thread whose next event is earliest; a CPU sample that is earlier still goes first.
 *  2. Decode the event's arguments and try to advance the state by it. "Not yet" is possible where another thread must
 *     come first (a start before its unblock): then sort the threads by time and try the others.
 *  3. Write the row, read the thread's next event up to its time, and stay with the thread while that is the earliest.
 *
 * One long function on purpose: its locals live in registers, and the regular case of the events that make up nearly all
 * of a trace allocates nothing and calls nothing. Everything else (advance/plain.ts) has every check and says no, not
 * yet, or what is wrong. Tests run both ways and compare. Read from Go's reader.go, batchcursor.go and order.go.
 */

import { advancePlain } from "./advance/plain.ts";
import type { EventColumns } from "./columns.ts";
import { Frontier } from "./frontier.ts";
import type { DecodedGeneration } from "./generation.ts";
import { Scheduler, WIDE, wideOr } from "./scheduler.ts";
import { Ev, GoState, GoStatus, ProcState, NOT_TIMED, ProcStatus, timedArgCount } from "./spec.ts";
import { MAX_RELATIVE_NS } from "./time.ts";

/** Rows one event can make: a coroutine switch makes three. */
const MAX_ROWS_PER_EVENT = 3;

export class Ordering {
  readonly scheduler = new Scheduler();
  readonly #frontier = new Frontier();
  #generation: DecodedGeneration | undefined;
  #nextSample = 0;
  /** Heap index being tried; above 0 after the earliest thread could not advance. */
  #attempt = 0;
  /** For tests: never take the short way. */
  readonly #plainOnly: boolean;

  constructor(plainOnly = false) {
    this.#plainOnly = plainOnly;
  }

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
    const frontier = this.#frontier;
    const s = this.scheduler;
    const sampleTimes = this.#generation!.samples.times;
    const full = out.capacity - MAX_ROWS_PER_EVENT;
    s.out = out;
    while (out.length <= full) {
      if (this.#attempt > 0) {
        this.#advanceThread(out, full, -Infinity);
        continue;
      }
      const sampleTime = this.#nextSample < sampleTimes.length ? sampleTimes[this.#nextSample]! : Infinity;
      if (sampleTime < frontier.topTime) this.#emitSample(this.#nextSample++);
      else if (frontier.length === 0) return true;
      else this.#advanceThread(out, full, Math.min(sampleTime, frontier.secondTime));
    }
    return false;
  }

  /** Advances by events of one thread, as long as they are not after `limit` and there is room for rows. */
  #advanceThread(out: EventColumns, full: number, startLimit: number): void {
    // Times above it are not exact, so nothing is done at them.
    let limit = startLimit < MAX_RELATIVE_NS ? startLimit : MAX_RELATIVE_NS;
    const generation = this.#generation!;
    const frontier = this.#frontier;
    const s = this.scheduler;
    const plainOnly = this.#plainOnly;
    const { goroutines, procs, threads, seqBase, wide } = s;
    const { buckets, ids, status, seq, marked } = goroutines;
    const { status: procStatus, seq: procSeq } = procs;
    const { bytes } = generation.raw;
    const { nsPerTick } = generation;
    const strings = generation.strings.table;
    const stacks = generation.stacks.table;
    const stringCount = strings.length;
    const stackCount = stacks.length;
    const mask = buckets.length - 1;
    const argCounts = timedArgCount;
    const { time, g: gs, p: ps, m: ms, stack: rowStacks, subject: subjects, from: froms, to: tos } = out;
    const { type: types, arg0: arg0s } = out;
    let { lastTime } = s;
    let n = out.length;

    const attempt = this.#attempt;
    const cursor = frontier.heap[attempt]!;
    const slot = frontier.slots[cursor]!;
    const thread = frontier.threads[cursor]!;
    let pos = frontier.positions[cursor]!;
    let end = frontier.ends[cursor]!;
    let t = frontier.times[cursor]!;
    let type = frontier.types[cursor]!;
    threads.seen[slot] = 1;
    s.thread = thread;
    s.threadSlot = slot;
    // What is bound to the thread; written back before anyone else looks.
    let g = threads.goroutine[slot]!;
    let gslot = threads.goroutineSlot[slot]!;
    if (ids[gslot] !== g) gslot = goroutines.find(g);
    let p = threads.proc[slot]!;
    let blocked = false;
    let alive = true;

    for (;;) {
      // Up to four arguments, each a varint: up to four bytes inline, longer ones by a call.
      const argsAt = pos;
      const count = argCounts[type]!;
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      let x = 0;
      if (count !== 0) {
        if (count === NOT_TIMED) throw this.#at(n, lastTime, type, t, pos).notTimed();
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
                a = WIDE;
                wide[0] = this.#long(n, lastTime, pos - 4, end);
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
                b = WIDE;
                wide[1] = this.#long(n, lastTime, pos - 3, end);
                pos = frontier.varintEnd;
              }
            }
          }
          if (count > 2) {
            c = bytes[pos++]!;
            if (c > 127) {
              x = bytes[pos++]!;
              c = (c & 0x7f) | (x << 7);
              if (x > 127) {
                c = WIDE;
                wide[2] = this.#long(n, lastTime, pos - 2, end);
                pos = frontier.varintEnd;
              }
            }
            if (count > 3) {
              d = bytes[pos++]!;
              if (d > 127) {
                d = WIDE;
                wide[3] = this.#long(n, lastTime, pos - 1, end);
                pos = frontier.varintEnd;
              }
            }
          }
        }
      }
      if (pos > end) throw this.#at(n, lastTime, type, t, argsAt).overrun();

      // The regular case: `to` is set. A missing string or stack, a wide argument (−1), a wrong state: not regular.
      let subject = g;
      let from = 0;
      let to = 0;
      let arg0 = 0;
      let stack = 0;
      const before = g;
      const proc = p;
      if (!plainOnly) {
        // Literal numbers, since only those become a jump table; a test holds them against the spec table.
        switch (type) {
          case 16 /* GoStart */: {
            let next = buckets[a & mask]!;
            if (ids[next] !== a) next = goroutines.find(a);
            if (
              p !== -1 &&
              g === -1 &&
              status[next] === GoStatus.Runnable &&
              seq[next]! + 1 === seqBase + b
            ) {
              status[next] = GoStatus.Running;
              seq[next] = seqBase + b;
              g = a;
              gslot = next;
              subject = a;
              from = GoState.Runnable;
              to = GoState.Running;
            }
            break;
          }
          case 21 /* GoUnblock */: {
            let next = buckets[a & mask]!;
            if (ids[next] !== a) next = goroutines.find(a);
            if (
              status[next] === GoStatus.Waiting &&
              seq[next]! + 1 === seqBase + b &&
              c >= 0 &&
              c < stackCount
            ) {
              stack = stacks[c]!;
              if (stack === 0 && c !== 0) break;
              status[next] = GoStatus.Runnable;
              seq[next] = seqBase + b;
              subject = a;
              from = GoState.Waiting;
              to = GoState.Runnable;
            }
            break;
          }
          case 20 /* GoBlock */:
          case 19 /* GoStop */:
            if (p !== -1 && status[gslot] === GoStatus.Running) {
              if (a < 0 || a >= stringCount || b < 0 || b >= stackCount) break;
              arg0 = strings[a]!;
              stack = stacks[b]!;
              if ((arg0 === 0 && a !== 0) || (stack === 0 && b !== 0)) break;
              status[gslot] = type === Ev.GoBlock ? GoStatus.Waiting : GoStatus.Runnable;
              from = GoState.Running;
              to = type === Ev.GoBlock ? GoState.Waiting : GoState.Runnable;
              g = -1;
              gslot = 0;
            }
            break;
          case 17 /* GoDestroy */:
            if (p !== -1 && status[gslot] === GoStatus.Running && marked[gslot] === 0) {
              goroutines.remove(gslot);
              from = GoState.Running;
              to = GoState.NotExist;
              g = -1;
              gslot = 0;
            }
            break;
          case 14 /* GoCreate */:
            if (p !== -1 && status[gslot] === GoStatus.Running && a >= 0) {
              if (b < 0 || b >= stackCount || c < 0 || c >= stackCount || goroutines.find(a) !== 0) break;
              arg0 = stacks[b]!;
              stack = stacks[c]!;
              if ((arg0 === 0 && b !== 0) || (stack === 0 && c !== 0)) break;
              goroutines.insert(a, GoStatus.Runnable, seqBase);
              // The tables grew: leave and come back with the new ones.
              if (goroutines.ids !== ids) limit = -Infinity;
              subject = a;
              from = GoState.NotExist;
              to = GoState.Runnable;
            }
            break;
          case 22 /* GoSyscallBegin */:
            if (
              p !== -1 &&
              ids[gslot] === g &&
              status[gslot] === GoStatus.Running &&
              b >= 0 &&
              b < stackCount
            ) {
              stack = stacks[b]!;
              if ((stack === 0 && b !== 0) || procSeq[p]! + 1 !== seqBase + a) break;
              status[gslot] = GoStatus.Syscall;
              procStatus[p] = ProcStatus.Syscall;
              procSeq[p] = seqBase + a;
              from = GoState.Running;
              to = GoState.Syscall;
            }
            break;
          case 23 /* GoSyscallEnd */:
            if (p !== -1 && status[gslot] === GoStatus.Syscall) {
              if (procStatus[p] !== ProcStatus.Syscall) break;
              status[gslot] = GoStatus.Running;
              procStatus[p] = ProcStatus.Running;
              from = GoState.Syscall;
              to = GoState.Running;
            }
            break;
          case 10 /* ProcStart */:
            if (
              p === -1 &&
              slot !== 0 &&
              a >= 0 &&
              a < procStatus.length &&
              procStatus[a] === ProcStatus.Idle
            ) {
              if (procSeq[a]! + 1 !== seqBase + b) break;
              procStatus[a] = ProcStatus.Running;
              procSeq[a] = seqBase + b;
              p = a;
              subject = a;
              from = ProcState.Idle;
              to = ProcState.Running;
            }
            break;
          case 11 /* ProcStop */:
            if (p !== -1 && procStatus[p] === ProcStatus.Running) {
              procStatus[p] = ProcStatus.Idle;
              subject = p;
              from = ProcState.Running;
              to = ProcState.Idle;
              p = -1;
            }
            break;
          default:
            break;
        }
      }
      if (to !== 0) {
        lastTime = t <= lastTime ? lastTime + 1 : t;
        time[n] = lastTime;
        types[n] = type;
        gs[n] = before;
        ps[n] = proc;
        ms[n] = thread;
        rowStacks[n] = stack;
        subjects[n] = subject;
        froms[n] = from;
        tos[n] = to;
        arg0s[n] = arg0;
        n++;
      } else {
        threads.goroutine[slot] = g;
        threads.goroutineSlot[slot] = gslot;
        threads.proc[slot] = p;
        this.#at(n, lastTime, type, t, pos);
        if (
          !advancePlain(s, wideOr(a, wide, 0), wideOr(b, wide, 1), wideOr(c, wide, 2), wideOr(d, wide, 3))
        ) {
          blocked = true;
          pos = argsAt;
          break;
        }
        n = out.length;
        ({ lastTime } = s);
        g = threads.goroutine[slot]!;
        gslot = threads.goroutineSlot[slot]!;
        p = threads.proc[slot]!;
        // A table grew: leave and come back with the new one.
        if (goroutines.ids !== ids || procs.status !== procStatus) limit = -Infinity;
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
        t = frontier.times[cursor]!;
        type = frontier.types[cursor]!;
      } else {
        type = bytes[pos++]!;
        x = 0;
        let dt = bytes[pos++]!;
        if (dt > 127) {
          x = bytes[pos++]!;
          dt = (dt & 0x7f) | (x << 7);
          if (x > 127) {
            x = bytes[pos++]!;
            dt = (dt & 0x3fff) | (x << 14);
          }
        }
        if (x > 127) {
          t += Math.floor(this.#long(n, lastTime, pos - 3, end) * nsPerTick);
          pos = frontier.varintEnd;
        } else t += Math.floor(dt * nsPerTick);
      }
      if (t > limit || n > full) break;
    }

    threads.goroutine[slot] = g;
    threads.goroutineSlot[slot] = gslot;
    threads.proc[slot] = p;
    out.length = n;
    s.lastTime = lastTime;
    if (t > MAX_RELATIVE_NS) throw s.tooLong();
    frontier.positions[cursor] = pos;
    frontier.times[cursor] = t;
    frontier.types[cursor] = type;
    if (!blocked) {
      if (alive) frontier.update(attempt);
      else frontier.remove(attempt);
      this.#attempt = 0;
      return;
    }
    // Not yet. Try the other threads in order of time; a sorted min-heap is still a min-heap.
    if (attempt === 0) frontier.sort();
    if (attempt + 1 >= frontier.length) throw s.absent(frontier.describeStuck());
    this.#attempt = attempt + 1;
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
