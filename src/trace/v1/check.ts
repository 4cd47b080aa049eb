/**
 * The rules of the scheduler, over the ordered events: a P runs one goroutine at a time, a goroutine is blocked before it
 * is unblocked, and so on. The v1 counterpart of what the order of v2 checks as it goes.
 *
 * On the way three things are found that only the whole order tells: unblocks of network waits go to a P of their own,
 * the GC to another, and a syscall is known to have blocked if the next event of its goroutine says so.
 */

import { TraceFormatError } from "../error.ts";
import { V1Cursor } from "./cursor.ts";
import { FAKE_PROC } from "./procs.ts";
import type { MergedEvents } from "./merge.ts";
import type { V1Scan } from "./scan.ts";
import { V1, v1Names } from "./spec.ts";
import { DEAD, RUNNABLE, RUNNING, WAITING } from "./transitions.ts";

/** In `MergedEvents.type` after the check: a GoSysCall that is followed by GoSysBlock. Not a type of the wire. */
export const SYSCALL_BLOCKED = 63;

/** A region that has begun: what its end must name. */
interface OpenRegion {
  readonly task: number;
  readonly name: number;
  readonly outer: OpenRegion | undefined;
}

/** Checks the events, in order of time, and completes their `type` and `proc`. Throws `corrupt` at the first broken rule. */
export function checkEvents(events: MergedEvents, scan: V1Scan): void {
  new Checker(events, scan).run();
}

class Checker {
  private readonly events: MergedEvents;
  private readonly cursor: V1Cursor;
  private row = 0;

  // By goroutine number.
  private readonly state: Uint8Array;
  private readonly known: Uint8Array;
  private readonly assisting: Uint8Array;
  private readonly onNetwork: Uint8Array;
  /** Row + 1 of a goroutine's GoSysCall if that is its latest event. */
  private readonly syscall: Uint32Array;
  private readonly regions = new Map<number, OpenRegion>();

  // By P number.
  private readonly procRunning: Uint8Array;
  private readonly sweeping: Uint8Array;
  private readonly runs: Uint32Array;

  private readonly tasks = new Set<number>();
  private inGC = false;
  private inSTW = false;
  private readonly gcProc: number;
  private readonly networkProc: number;
  private readonly timerProc: number;

  constructor(events: MergedEvents, scan: V1Scan) {
    this.events = events;
    this.cursor = new V1Cursor(scan.bytes);
    this.gcProc = events.pids.numberOf(FAKE_PROC.gc);
    this.networkProc = events.pids.numberOf(FAKE_PROC.network);
    this.timerProc = events.pids.numberOf(FAKE_PROC.timers);
    const goroutines = events.goroutines.size;
    this.state = new Uint8Array(goroutines);
    this.known = new Uint8Array(goroutines);
    this.assisting = new Uint8Array(goroutines);
    this.onNetwork = new Uint8Array(goroutines);
    this.syscall = new Uint32Array(goroutines);
    const procs = events.pids.size;
    this.procRunning = new Uint8Array(procs);
    this.sweeping = new Uint8Array(procs);
    this.runs = new Uint32Array(procs);
    this.state[0] = RUNNING;
    this.known[0] = 1;
  }

  run(): void {
    const { type, proc, g, count } = this.events;
    const { syscall } = this;
    for (let row = 0; row < count; row++) {
      this.row = row;
      const kind = type[row]!;
      const goroutine = g[row]!;
      const call = syscall[goroutine]!;
      if (call !== 0) {
        syscall[goroutine] = 0;
        if (kind === V1.GoSysBlock) type[call - 1] = SYSCALL_BLOCKED;
      }
      if (kind === V1.GoSysCall) syscall[goroutine] = row + 1;
      this.check(kind, proc[row]!, goroutine);
    }
  }

  private check(kind: number, p: number, g: number): void {
    switch (kind) {
      case V1.GoStart:
      case V1.GoStartLabel:
        return this.start(p, g);
      case V1.GoUnblock:
        return this.unblock(p, g);
      case V1.GoCreate:
        return this.create(kind, p, g);
      case V1.GoSleep:
      case V1.GoBlock:
      case V1.GoBlockSend:
      case V1.GoBlockRecv:
      case V1.GoBlockSelect:
      case V1.GoBlockSync:
      case V1.GoBlockCond:
      case V1.GoBlockGC:
      case V1.GoSysBlock:
        return this.leave(kind, p, g, WAITING);
      case V1.GoBlockNet:
        this.leave(kind, p, g, WAITING);
        this.onNetwork[g] = 1;
        return undefined;
      case V1.GoSched:
      case V1.GoPreempt:
        return this.leave(kind, p, g, RUNNABLE);
      case V1.GoStop:
        return this.leave(kind, p, g, DEAD);
      case V1.GoEnd:
        this.leave(kind, p, g, DEAD);
        this.regions.delete(g);
        return undefined;
      case V1.GoSysCall:
        return this.requireRunning(kind, p, g, false);
      case V1.GoSysExit:
        if (this.state[g] !== WAITING)
          throw this.broken(`g ${this.goid(g)} is not waiting during syscall exit`);
        this.state[g] = RUNNABLE;
        return undefined;
      case V1.GoWaiting:
      case V1.GoInSyscall:
        if (this.state[g] !== RUNNABLE)
          throw this.broken(`g ${this.goid(g)} is not runnable before ${v1Names[kind]}`);
        this.state[g] = WAITING;
        return undefined;
      case V1.ProcStart:
      case V1.ProcStop:
        return this.procChange(kind, p);
      default:
        return this.checkRange(kind, p, g);
    }
  }

  private checkRange(kind: number, p: number, g: number): void {
    switch (kind) {
      case V1.GCStart:
        if (this.inGC) throw this.broken("previous GC is not ended before a new one");
        this.inGC = true;
        this.events.proc[this.row] = this.gcProc;
        break;
      case V1.GCDone:
        if (!this.inGC) throw this.broken("bogus GC end");
        this.inGC = false;
        break;
      case V1.STWStart:
        if (this.inSTW) throw this.broken("previous STW is not ended before a new one");
        this.inSTW = true;
        break;
      case V1.STWDone:
        if (!this.inSTW) throw this.broken("bogus STW end");
        this.inSTW = false;
        break;
      case V1.GCSweepStart:
        if (this.sweeping[p] !== 0) throw this.broken("previous sweeping is not ended before a new one");
        this.sweeping[p] = 1;
        break;
      case V1.GCSweepDone:
        if (this.sweeping[p] !== 1) throw this.broken("bogus sweeping end");
        this.sweeping[p] = 0;
        break;
      case V1.GCMarkAssistStart:
        if (this.assisting[g] !== 0) throw this.broken("previous mark assist is not ended before a new one");
        this.assisting[g] = 1;
        this.known[g] = 1;
        break;
      case V1.GCMarkAssistDone:
        // One may have been in progress when tracing began: no error.
        this.assisting[g] = 0;
        this.known[g] = 1;
        break;
      default:
        this.checkUser(kind, g);
    }
  }

  private checkUser(kind: number, g: number): void {
    if (kind !== V1.UserTaskCreate && kind !== V1.UserTaskEnd && kind !== V1.UserRegion) return;
    const task = this.argument(1);
    if (kind === V1.UserTaskCreate) {
      if (this.tasks.has(task)) throw this.broken(`task id conflicts: ${task}`);
      this.tasks.add(task);
    } else if (kind === V1.UserTaskEnd) {
      this.tasks.delete(task);
    } else {
      this.region(g, task, this.cursor.args[2]!, this.cursor.args[3]!);
    }
  }

  private region(g: number, task: number, mode: number, name: number): void {
    const innermost = this.regions.get(g);
    if (mode === 0) {
      this.regions.set(g, { task, name, outer: innermost });
      return;
    }
    if (mode !== 1) throw this.broken(`invalid user region mode: ${mode}`);
    // Without a begin, it began before tracing.
    if (innermost === undefined) return;
    if (!(innermost.task === task && innermost.name === name))
      throw this.broken(
        `misuse of region in goroutine ${this.goid(g)}: end of (task ${task}, name ${name}) when the innermost ` +
          `is (task ${innermost.task}, name ${innermost.name})`,
      );
    if (innermost.outer === undefined) this.regions.delete(g);
    else this.regions.set(g, innermost.outer);
  }

  private procChange(kind: number, p: number): void {
    if (kind === V1.ProcStart) {
      if (this.procRunning[p] !== 0) throw this.broken(`p ${this.pid(p)} is running before start`);
      this.procRunning[p] = 1;
      return;
    }
    if (this.procRunning[p] !== 1) throw this.broken(`p ${this.pid(p)} is not running before stop`);
    const g = this.runs[p]!;
    if (g !== 0) throw this.broken(`p ${this.pid(p)} is running goroutine ${this.goid(g)} during stop`);
    this.procRunning[p] = 0;
  }

  private create(kind: number, p: number, g: number): void {
    this.requireRunning(kind, p, g, true);
    const created = this.events.subject[this.row]!;
    if (this.known[created] !== 0) throw this.broken(`g ${this.goid(created)} already exists`);
    this.known[created] = 1;
    this.state[created] = RUNNABLE;
  }

  private start(p: number, g: number): void {
    if (this.state[g] !== RUNNABLE) throw this.broken(`g ${this.goid(g)} is not runnable before start`);
    const other = this.runs[p]!;
    if (other !== 0)
      throw this.broken(`p ${this.pid(p)} already runs g ${this.goid(other)} at start of g ${this.goid(g)}`);
    this.state[g] = RUNNING;
    this.runs[p] = g;
  }

  private unblock(p: number, g: number): void {
    if (this.state[g] !== RUNNING) throw this.broken(`g ${this.goid(g)} is not running while unpark`);
    if (!(p === this.timerProc || this.runs[p] === g))
      throw this.broken(`p ${this.pid(p)} is not running g ${this.goid(g)} while unpark`);
    const woken = this.events.subject[this.row]!;
    if (this.state[woken] !== WAITING)
      throw this.broken(`g ${this.goid(woken)} is not waiting before unpark`);
    if (this.onNetwork[woken] === 1) this.events.proc[this.row] = this.networkProc;
    this.onNetwork[woken] = 0;
    this.state[woken] = RUNNABLE;
  }

  private leave(kind: number, p: number, g: number, next: number): void {
    this.requireRunning(kind, p, g, false);
    this.state[g] = next;
    this.runs[p] = 0;
  }

  private requireRunning(kind: number, p: number, g: number, allowNone: boolean): void {
    if (this.state[g] === RUNNING && this.runs[p] === g && (allowNone || g !== 0)) return;
    if (this.state[g] !== RUNNING)
      throw this.broken(`g ${this.goid(g)} is not running while ${v1Names[kind]}`);
    if (this.runs[p] !== g)
      throw this.broken(`p ${this.pid(p)} is not running g ${this.goid(g)} while ${v1Names[kind]}`);
    throw this.broken(`g 0 did ${v1Names[kind]}`);
  }

  /** An argument of the current event, the time being the first; reads them all. */
  private argument(index: number): number {
    this.cursor.pos = this.events.offset[this.row]!;
    this.cursor.event();
    return this.cursor.args[index]!;
  }

  private goid(g: number): number {
    return this.events.goroutines.ids[g]!;
  }

  private pid(p: number): number {
    return this.events.pids.ids[p]!;
  }

  private broken(detail: string): TraceFormatError {
    const { time, offset } = this.events;
    return new TraceFormatError("corrupt", `${detail} (time ${time[this.row]} ns)`, {
      offset: offset[this.row],
    });
  }
}
