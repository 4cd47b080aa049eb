/**
 * What is known of each goroutine, in typed arrays by slot: its state and since when, its name, and its time by state.
 * Memory is bounded by the goroutines alive at once. The arrays are in the memory of the tracker's kernel.
 *
 * Time by state is counted as Go's Summarizer counts it (internal/trace/summary.go):
 *
 * - A state found when a goroutine is first mentioned counts back to the last Sync.
 * - A wait for "forever" is the goroutine's end.
 * - A goroutine is named by the root frame of the first stack of its own that a transition carries.
 * - A syscall counts as blocked from when its proc goes idle. The Summarizer finds the goroutine by the proc and, when
 *   any goroutine returns from a syscall, forgets whom the proc it began on belongs to by now. `totals` repeats that;
 *   the interval columns (`procLost`) do not.
 */

import type { EventColumns } from "../trace/columns.ts";
import { MAX_ROWS } from "../trace/kernel/layout.ts";
import { GoState } from "../trace/spec.ts";
import { Arena } from "./kernel/arena.ts";
import { SlotTable, widen } from "./slots.ts";

/** Kinds of time a goroutine spends. Waits follow from `Time.wait`, one for each reason. */
export const Time = { exec: 0, sched: 1, syscall: 2, syscallBlock: 3, wait: 4 } as const;

/** The kind of time of an interval in a state (`GoState`); for a wait, with its reason. */
export function timeKind(state: number, reason: number): number {
  return stateKinds[state]! + (state === GoState.Waiting ? reason : 0);
}

/** By `GoState`: Undetermined, NotExist, Runnable, Running, Waiting, Syscall. */
const stateKinds = [Time.exec, Time.exec, Time.sched, Time.exec, Time.wait, Time.syscall];

export class GoroutineTable {
  readonly arena = new Arena();
  /** Goroutine ids to slots. Also finds goroutines that ended in the current batch. */
  readonly slots = new SlotTable(this.arena);

  // By slot. Times are relative ns.
  /** `GoState`; Undetermined after a gap in the trace, until the goroutine is mentioned again. */
  state = this.arena.u8(256);
  /** When the state began. */
  since = this.arena.f64(256);
  /** Why it waits. */
  reason = this.arena.u8(256);
  /** Type of the row that began the state, and that event's stack. */
  beganBy = this.arena.u8(256);
  beginStack = this.arena.i32(256);
  /** Its own last known stack. */
  ownStack = this.arena.i32(256);
  group = this.arena.i32(256);
  created = this.arena.f64(256);
  /** 1 if it exists since before the trace. */
  old = this.arena.u8(256);
  /** When it first ran, and ended; NaN if not yet. */
  firstRun = this.arena.f64(256);
  ended = this.arena.f64(256);
  /** When it lost its proc in the syscall it is in; NaN if it has it. */
  procLost = this.arena.f64(256);
  /** ns by kind of time: `totals[slot * stride + Time.exec]`. What the current state adds is not yet in. */
  totals: Float64Array = this.arena.f64(256 * 12);
  stride = 12;

  /** Slots of goroutines that ended in this batch. */
  deaths = this.arena.i32(MAX_ROWS);
  deathCount = 0;

  startTime = NaN;
  lastTime = NaN;
  syncTime = NaN;
  gaps = 0;

  /** How often an array became another one. */
  protected moves = 0;
  /** The syscall's start as the Summarizer counts it, and when it says the proc was lost. */
  protected syscallSince = this.arena.f64(256);
  protected goProcLost = this.arena.f64(256);
  protected syscallProc = this.arena.i32(256);
  /** Slot + 1 of the goroutine whose syscall runs on a proc (index proc + 1); the second as the Summarizer has it. */
  protected syscalling = new Int32Array(64);
  protected goSyscalling = new Int32Array(64);

  constructor() {
    this.arena.onMove(() => this.#move());
  }

  /** Arrays by slot need as many places. */
  get capacity(): number {
    return this.state.length;
  }

  /** Slots of all goroutines alive. */
  *alive(): Generator<number, void, undefined> {
    for (let slot = 0; slot < this.slots.used; slot++) if (this.slots.id(slot) !== -1) yield slot;
  }

  /** Adds what the current state has lasted up to `time`, with syscalls split where the proc was really lost. */
  snapshot(slot: number, time: number, out: Float64Array, at: number): void {
    const from = slot * this.stride;
    for (let k = 0; k < this.stride; k++) out[at + k] = this.totals[from + k]!;
    const since = this.since[slot]!;
    switch (this.state[slot]) {
      case GoState.Running:
        out[at + Time.exec]! += time - since;
        break;
      case GoState.Runnable:
        out[at + Time.sched]! += time - since;
        break;
      case GoState.Waiting:
        out[at + Time.wait + this.reason[slot]!]! += time - since;
        break;
      case GoState.Syscall: {
        const begin = this.syscallSince[slot]!;
        const lost = this.procLost[slot]!;
        const end = lost < time ? Math.max(lost, begin) : time;
        out[at + Time.syscall]! += end - begin;
        out[at + Time.syscallBlock]! += time - end;
        break;
      }
      default:
    }
  }

  /** The same as the Summarizer does it at the end of a trace: a syscall that lost its proc counts as scheduler wait, too. */
  goSnapshot(slot: number, time: number, out: Float64Array): void {
    this.snapshot(slot, time, out, 0);
    if (this.state[slot] !== GoState.Syscall) return;
    const from = slot * this.stride;
    out[Time.syscall] = this.totals[from + Time.syscall]! + time - this.syscallSince[slot]!;
    out[Time.syscallBlock] = this.totals[from + Time.syscallBlock]!;
    const lost = this.goProcLost[slot]!;
    if (lost === lost) out[Time.sched]! += time - lost;
  }

  /** Events are missing: what was known counts until then. */
  protected gap(time: number): void {
    this.gaps++;
    for (const slot of this.alive()) {
      if (this.state[slot] === GoState.Undetermined) continue;
      const at = slot * this.stride;
      this.snapshot(slot, time, this.totals, at);
      this.state[slot] = GoState.Undetermined;
      this.since[slot] = time;
    }
    this.syscalling.fill(0);
    this.goSyscalling.fill(0);
  }

  protected procIdle(proc: number, times: Float64Array, row: number): void {
    const time = times[row]!;
    if (proc + 1 >= this.syscalling.length) return;
    const slot = this.syscalling[proc + 1]! - 1;
    if (slot >= 0) {
      this.procLost[slot] = time;
      this.syscalling[proc + 1] = 0;
    }
    const goSlot = this.goSyscalling[proc + 1]! - 1;
    if (goSlot >= 0) {
      this.goProcLost[goSlot] = time;
      this.goSyscalling[proc + 1] = 0;
    }
  }

  /** A goroutine that is new, or mentioned for the first time. */
  protected appear(columns: EventColumns, i: number, known: number): number {
    const isNew = columns.from[i] === GoState.NotExist;
    // Known before a gap: it goes on.
    if (known >= 0 && !isNew) return known;
    const slot = known >= 0 ? known : this.slots.insert(columns.subject[i]!);
    if (slot >= this.state.length) this.grow(this.slots.capacity);
    this.group[slot] = 0;
    this.created[slot] = isNew ? columns.time[i]! : this.syncTime;
    this.old[slot] = isNew ? 0 : 1;
    this.firstRun[slot] = NaN;
    this.ended[slot] = NaN;
    this.procLost[slot] = NaN;
    this.goProcLost[slot] = NaN;
    this.ownStack[slot] = 0;
    this.reason[slot] = 0;
    const at = slot * this.stride;
    for (let kind = 0; kind < this.stride; kind++) this.totals[at + kind] = 0;
    return slot;
  }

  protected enterSyscall(slot: number, proc: number, times: Float64Array, row: number): void {
    while (proc + 1 >= this.syscalling.length) {
      this.syscalling = widen(this.syscalling, new Int32Array(this.syscalling.length * 2));
      this.goSyscalling = widen(this.goSyscalling, new Int32Array(this.goSyscalling.length * 2));
    }
    this.syscalling[proc + 1] = slot + 1;
    this.goSyscalling[proc + 1] = slot + 1;
    this.syscallProc[slot] = proc;
    this.syscallSince[slot] = times[row]!;
    this.procLost[slot] = NaN;
    this.goProcLost[slot] = NaN;
  }

  /** A state found at the first mention began, as far as is known, with the generation. */
  protected found(slot: number, state: number, proc: number, times: Float64Array, row: number): void {
    this.since[slot] = this.syncTime;
    if (state !== GoState.Syscall) return;
    // Without a proc it was blocked so far.
    if (proc === -1) {
      this.totals[slot * this.stride + Time.syscallBlock]! += times[row]! - this.syncTime;
      this.procLost[slot] = this.syncTime;
    } else this.syscallSince[slot] = this.syncTime;
  }

  protected leaveSyscall(slot: number, at: number, times: Float64Array, row: number): void {
    const time = times[row]!;
    const begin = this.syscallSince[slot]!;
    const lost = this.goProcLost[slot]!;
    if (lost === lost) {
      this.totals[at + Time.syscallBlock]! += time - lost;
      this.totals[at + Time.syscall]! += lost - begin;
    } else this.totals[at + Time.syscall]! += time - begin;
    const proc = this.syscallProc[slot]!;
    this.goSyscalling[proc + 1] = 0;
    if (this.syscalling[proc + 1] === slot + 1) this.syscalling[proc + 1] = 0;
    this.procLost[slot] = NaN;
    this.goProcLost[slot] = NaN;
  }

  protected die(slot: number, times: Float64Array, row: number): void {
    this.ended[slot] = times[row]!;
    this.state[slot] = GoState.NotExist;
    if (this.deathCount === this.deaths.length)
      this.deaths = widen(this.deaths, new Int32Array(this.deathCount * 2));
    this.deaths[this.deathCount++] = slot;
  }

  /** A reason more than there was room for. */
  protected restride(): void {
    const stride = this.stride + 8;
    const wider = this.arena.f64(this.capacity * stride);
    this.totals = restrided(this.totals, this.stride, stride, this.capacity, wider);
    this.stride = stride;
    this.moves++;
  }

  protected grow(length: number): void {
    this.state = widen(this.state, this.arena.u8(length));
    this.since = widen(this.since, this.arena.f64(length));
    this.reason = widen(this.reason, this.arena.u8(length));
    this.beganBy = widen(this.beganBy, this.arena.u8(length));
    this.beginStack = widen(this.beginStack, this.arena.i32(length));
    this.ownStack = widen(this.ownStack, this.arena.i32(length));
    this.group = widen(this.group, this.arena.i32(length));
    this.created = widen(this.created, this.arena.f64(length));
    this.old = widen(this.old, this.arena.u8(length));
    this.firstRun = widen(this.firstRun, this.arena.f64(length));
    this.ended = widen(this.ended, this.arena.f64(length));
    this.procLost = widen(this.procLost, this.arena.f64(length));
    this.syscallSince = widen(this.syscallSince, this.arena.f64(length));
    this.goProcLost = widen(this.goProcLost, this.arena.f64(length));
    this.syscallProc = widen(this.syscallProc, this.arena.i32(length));
    this.totals = widen(this.totals, this.arena.f64(length * this.stride));
    this.moves++;
  }

  /** The memory moved that the arrays are in. */
  #move(): void {
    const { arena } = this;
    this.moves++;
    this.slots.move((table) => arena.moved(table));
    this.state = arena.moved(this.state);
    this.since = arena.moved(this.since);
    this.reason = arena.moved(this.reason);
    this.beganBy = arena.moved(this.beganBy);
    this.beginStack = arena.moved(this.beginStack);
    this.ownStack = arena.moved(this.ownStack);
    this.group = arena.moved(this.group);
    this.created = arena.moved(this.created);
    this.old = arena.moved(this.old);
    this.firstRun = arena.moved(this.firstRun);
    this.ended = arena.moved(this.ended);
    this.procLost = arena.moved(this.procLost);
    this.syscallSince = arena.moved(this.syscallSince);
    this.goProcLost = arena.moved(this.goProcLost);
    this.syscallProc = arena.moved(this.syscallProc);
    this.totals = arena.moved(this.totals);
    // A batch that is larger than the kernel's has one of its own.
    if (this.deaths.length === MAX_ROWS) this.deaths = arena.moved(this.deaths);
  }
}

/** The same rows of numbers with more room in each. */
export function restrided(
  from: Float64Array,
  stride: number,
  wider: number,
  rows: number,
  to: Float64Array = new Float64Array(rows * wider),
): Float64Array {
  for (let row = 0; row < rows; row++) to.set(from.subarray(row * stride, (row + 1) * stride), row * wider);
  return to;
}
