/**
 * The rules of the scheduler, over the ordered events: a P runs one goroutine at a time, a goroutine is blocked before it
 * is unblocked, and so on. The v1 counterpart of what the order of v2 checks as it goes.
 *
 * On the way two things are found that are to be known when the events are told: which unblocks are of network waits, and
 * which syscalls block, as the next event of their goroutine says.
 */

import { TraceFormatError } from "../error.ts";
import { V1Cursor } from "./cursor.ts";
import type { IdTable } from "./ids.ts";
import type { Marks } from "./marks.ts";
import { FAKE_PROC } from "./procs.ts";
import { blockReasons, stopReasons } from "./reasons.ts";
import type { V1Scan } from "./scan.ts";
import { V1, V1_TYPES, v1Names } from "./spec.ts";
import { relativeNanoseconds } from "./times.ts";
import { DEAD, RUNNABLE, RUNNING, STATUSES, WAITING } from "./transitions.ts";

/** A region that has begun: what its end must name. */
interface OpenRegion {
  readonly task: number;
  readonly name: number;
  readonly outer: OpenRegion | undefined;
}

/** In place of the index of a P: the event is an unblock by the timers' goroutine of some P. */
export const TIMERS = -1;

/** What is known of a goroutine, in a byte: its status in the low two bits, and these. */
const STATUS = STATUSES - 1;
const KNOWN = 4;
const ASSISTING = 8;
const ON_NETWORK = 16;
/** Its latest event is a GoSysCall. */
const IN_CALL = 32;
/** It has begun a region. */
const IN_REGION = 64;

/** By kind of event: the status it leaves a goroutine in that it takes off its P. */
const STAYS = 0xff;
const statusAfter = new Uint8Array(V1_TYPES).fill(STAYS);
for (const [type] of blockReasons) statusAfter[type] = WAITING;
for (const [type] of stopReasons) statusAfter[type] = RUNNABLE;
statusAfter[V1.GoSysBlock] = WAITING;
statusAfter[V1.GoStop] = DEAD;
statusAfter[V1.GoEnd] = DEAD;

/** Checks events, in order of time. */
export class Checker {
  private readonly scan: V1Scan;
  private readonly cursor: V1Cursor;
  private readonly goroutines: IdTable;
  private readonly marks: Marks;
  /** Ticks of the first event. */
  private start = 0;

  // The event that is checked.
  private row = 0;
  private ticks = 0;
  private offset = 0;
  /** Number of the goroutine it changes, if any. */
  private subject = 0;

  // By goroutine number. As long as can be: memory not touched is free.
  private readonly known: Uint8Array;
  /** Row of a goroutine's GoSysCall if that is its latest event. */
  private readonly call: Uint32Array;
  private readonly regions = new Map<number, OpenRegion>();

  // By index of the P.
  private readonly procRunning: Uint8Array;
  private readonly sweeping: Uint8Array;
  private readonly runs: Uint32Array;

  private readonly tasks = new Set<number>();
  private inGC = false;
  private inSTW = false;

  /** @param rows how many events there are; @param marks what is found is marked there. */
  constructor(scan: V1Scan, rows: number, goroutines: IdTable, marks: Marks) {
    // CPU samples come after all Ps.
    const procs = scan.procs.length + 1;
    this.scan = scan;
    this.cursor = new V1Cursor(scan.bytes);
    this.goroutines = goroutines;
    this.marks = marks;
    this.known = new Uint8Array(rows + 2);
    this.call = new Uint32Array(rows + 2);
    this.procRunning = new Uint8Array(procs);
    this.sweeping = new Uint8Array(procs);
    this.runs = new Uint32Array(procs);
    this.known[0] = RUNNING | KNOWN;
  }

  /**
   * Checks the next event. Throws `corrupt` if it breaks a rule.
   * @param kind its V1 type, never a Local one
   * @param p index of its P, or TIMERS
   * @param g number of the goroutine it is on
   * @param subject number of the goroutine it changes, if any
   */
  check(
    row: number,
    kind: number,
    p: number,
    g: number,
    subject: number,
    ticks: number,
    offset: number,
  ): void {
    this.row = row;
    this.ticks = ticks;
    this.offset = offset;
    this.subject = subject;
    if (row === 0) this.start = ticks;
    const known = this.known[g]!;
    if ((known & IN_CALL) !== 0) {
      this.known[g] = known & ~IN_CALL;
      if (kind === V1.GoSysBlock) this.marks.set(this.call[g]!);
    }
    // Nine of ten events are of these three kinds.
    const next = statusAfter[kind]!;
    if (next !== STAYS) this.leave(kind, p, g, next);
    else if (kind === V1.GoStart) this.begin(p, g);
    else if (kind === V1.GoUnblock) this.unblock(p, g);
    else this.checkScheduling(kind, p, g);
  }

  private checkScheduling(kind: number, p: number, g: number): void {
    switch (kind) {
      case V1.GoStartLabel:
        return this.begin(p, g);
      case V1.GoCreate:
        return this.create(kind, p, g);
      case V1.GoSysCall:
        this.known[g] = this.known[g]! | IN_CALL;
        this.call[g] = this.row;
        return this.requireRunning(kind, p, g, false);
      case V1.GoSysExit:
        if (this.status(g) !== WAITING)
          throw this.broken(`g ${this.goid(g)} is not waiting during syscall exit`);
        this.setStatus(g, RUNNABLE);
        return undefined;
      case V1.GoWaiting:
      case V1.GoInSyscall:
        if (this.status(g) !== RUNNABLE)
          throw this.broken(`g ${this.goid(g)} is not runnable before ${v1Names[kind]}`);
        this.setStatus(g, WAITING);
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
        if ((this.known[g]! & ASSISTING) !== 0)
          throw this.broken("previous mark assist is not ended before a new one");
        this.known[g] = this.known[g]! | ASSISTING | KNOWN;
        break;
      case V1.GCMarkAssistDone:
        // One may have been in progress when tracing began: no error.
        this.known[g] = (this.known[g]! & ~ASSISTING) | KNOWN;
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
      this.known[g] = this.known[g]! | IN_REGION;
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
    const created = this.subject;
    if ((this.known[created]! & KNOWN) !== 0) throw this.broken(`g ${this.goid(created)} already exists`);
    this.known[created] = (this.known[created]! & ~STATUS) | KNOWN | RUNNABLE;
  }

  private begin(p: number, g: number): void {
    if (this.status(g) !== RUNNABLE) throw this.broken(`g ${this.goid(g)} is not runnable before start`);
    const other = this.runs[p]!;
    if (other !== 0)
      throw this.broken(`p ${this.pid(p)} already runs g ${this.goid(other)} at start of g ${this.goid(g)}`);
    this.setStatus(g, RUNNING);
    this.runs[p] = g;
  }

  private unblock(p: number, g: number): void {
    if (this.status(g) !== RUNNING) throw this.broken(`g ${this.goid(g)} is not running while unpark`);
    if (!(p === TIMERS || this.runs[p] === g))
      throw this.broken(`p ${this.pid(p)} is not running g ${this.goid(g)} while unpark`);
    const woken = this.subject;
    const known = this.known[woken]!;
    if ((known & STATUS) !== WAITING) throw this.broken(`g ${this.goid(woken)} is not waiting before unpark`);
    if ((known & ON_NETWORK) !== 0) this.marks.set(this.row);
    this.known[woken] = (known & ~(STATUS | ON_NETWORK)) | RUNNABLE;
  }

  private leave(kind: number, p: number, g: number, next: number): void {
    const known = this.known[g]!;
    if ((known & STATUS) !== RUNNING || this.runs[p] !== g || g === 0) this.requireRunning(kind, p, g, false);
    this.known[g] = (known & ~STATUS) | next;
    this.runs[p] = 0;
    if (kind === V1.GoBlockNet) this.known[g] = this.known[g] | ON_NETWORK;
    else if (kind === V1.GoEnd && (known & IN_REGION) !== 0) this.regions.delete(g);
  }

  private requireRunning(kind: number, p: number, g: number, allowNone: boolean): void {
    const running = this.status(g) === RUNNING;
    if (running && this.runs[p] === g && (allowNone || g !== 0)) return;
    if (!running) throw this.broken(`g ${this.goid(g)} is not running while ${v1Names[kind]}`);
    if (this.runs[p] !== g)
      throw this.broken(`p ${this.pid(p)} is not running g ${this.goid(g)} while ${v1Names[kind]}`);
    throw this.broken(`g 0 did ${v1Names[kind]}`);
  }

  private status(g: number): number {
    return this.known[g]! & STATUS;
  }

  private setStatus(g: number, status: number): void {
    this.known[g] = (this.known[g]! & ~STATUS) | status;
  }

  /** An argument of the event, the time being the first; reads them all. */
  private argument(index: number): number {
    this.cursor.pos = this.offset;
    this.cursor.event();
    return this.cursor.args[index]!;
  }

  private goid(g: number): number {
    return this.goroutines.ids[g]!;
  }

  private pid(p: number): number {
    return p === TIMERS ? FAKE_PROC.timers : this.scan.procs[p]!.pid;
  }

  private broken(detail: string): TraceFormatError {
    const time = relativeNanoseconds(this.ticks, this.start, this.scan);
    return new TraceFormatError("corrupt", `${detail} (time ${time} ns)`, { offset: this.offset });
  }
}
