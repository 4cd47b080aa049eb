/**
 * Follows every goroutine through the rows: its state and since when, its name, and its time by state, all in typed
 * arrays by slot. Memory is bounded by the goroutines alive at once.
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

import { EventColumns } from "../trace/columns.ts";
import { emptyGeneration } from "../trace/generation.ts";
import type { Generation } from "../trace/generation.ts";
import { Ev, GoState, ProcState, specsOf } from "../trace/spec.ts";
import { NameIndex, Names } from "./names.ts";
import { SlotTable, widen } from "./slots.ts";
import { StackPool } from "./stacks.ts";
import { TrackedBatch } from "./tracked.ts";

/** Kinds of time a goroutine spends. Waits follow from `Time.wait`, one for each reason. */
export const Time = { exec: 0, sched: 1, syscall: 2, syscallBlock: 3, wait: 4 } as const;

/** Names of goroutine groups told apart. */
export const MAX_GROUPS = 1 << 16;
/** Reasons to wait told apart; Go 1.27 has 17. */
export const MAX_REASONS = 59;

const Kind = { other: 0, goroutine: 1, proc: 2, sync: 3 } as const;
const kinds = new Uint8Array(256);
for (const spec of specsOf(Infinity)) {
  if (spec.kind !== "StateTransition") continue;
  kinds[spec.type] = spec.type >= Ev.ProcStart && spec.type <= Ev.ProcStatus ? Kind.proc : Kind.goroutine;
}
kinds[Ev.Sync] = Kind.sync;

/** Where a transition's row has the stack of the goroutine itself. */
const OwnStack = { none: 0, stack: 1, arg0: 2 } as const;
const ownStacks = new Uint8Array(256);
for (const type of [Ev.GoStop, Ev.GoBlock, Ev.GoSyscallBegin, Ev.GoStatus, Ev.GoStatusStack])
  ownStacks[type] = OwnStack.stack;
for (const type of [Ev.GoCreate, Ev.GoCreateBlocked]) ownStacks[type] = OwnStack.arg0;

/** Something computed from the rows. analyse.ts says what is called when. */
export interface Pass {
  /** Event types `onRow` is called for. */
  readonly types?: readonly number[];
  onGeneration?(generation: Generation, tracker: GoroutineTracker): void;
  onRow?(columns: EventColumns, row: number, tracker: GoroutineTracker): void;
  onBatch?(batch: TrackedBatch, tracker: GoroutineTracker): void;
  /** The trace is over. Goroutines still alive have slots: `tracker.alive()`. */
  finish?(tracker: GoroutineTracker): void;
}

export class GoroutineTracker {
  /** Goroutine ids to slots. Also finds goroutines that ended in the current batch. */
  readonly slots = new SlotTable();
  /** Names of start functions; number 0 is "", not known. */
  readonly groups = new Names(MAX_GROUPS, "(other goroutines)", [""]);
  /** Reasons to wait; number 0 is "", not known. */
  readonly reasons = new Names(MAX_REASONS, "(other reasons)", [""]);
  readonly stacks = new StackPool();
  readonly batch = new TrackedBatch(new EventColumns(emptyGeneration(0, 0), 0));

  // By slot. Times are relative ns.
  /** `GoState`; Undetermined after a gap in the trace, until the goroutine is mentioned again. */
  state = new Uint8Array(256);
  /** When the state began. */
  since = new Float64Array(256);
  /** Why it waits. */
  reason = new Uint8Array(256);
  /** Type of the row that began the state, and that event's stack. */
  beganBy = new Uint8Array(256);
  beginStack = new Int32Array(256);
  /** Its own last known stack. */
  ownStack = new Int32Array(256);
  group = new Int32Array(256);
  created = new Float64Array(256);
  /** 1 if it exists since before the trace. */
  old = new Uint8Array(256);
  /** When it first ran, and ended; NaN if not yet. */
  firstRun = new Float64Array(256);
  ended = new Float64Array(256);
  /** When it lost its proc in the syscall it is in; NaN if it has it. */
  procLost = new Float64Array(256);
  /** ns by kind of time: `totals[slot * stride + Time.exec]`. What the current state adds is not yet in. */
  totals: Float64Array = new Float64Array(256 * 12);
  stride = 12;

  /** Slots of goroutines that ended in this batch. */
  deaths = new Int32Array(64);
  deathCount = 0;

  /** Rows by type. */
  readonly counts = new Float64Array(256);
  events = 0;
  startTime = NaN;
  lastTime = NaN;
  syncTime = NaN;
  timeBase = 0;
  /** Sync rows: one a generation, and one at the end. */
  syncs = 0;
  gaps = 0;
  generation: Generation | undefined;

  /** The syscall's start as the Summarizer counts it, and when it says the proc was lost. */
  #syscallSince = new Float64Array(256);
  #goProcLost = new Float64Array(256);
  #syscallProc = new Int32Array(256);
  /** Slot + 1 of the goroutine whose syscall runs on a proc (index proc + 1); the second as the Summarizer has it. */
  #syscalling = new Int32Array(64);
  #goSyscalling = new Int32Array(64);
  readonly #reasonIndex = new NameIndex(this.reasons);
  /** Group + 1 by stack. */
  #groupOfStack = new Int32Array(512);
  readonly #forever = this.reasons.id("forever");
  readonly #passes: readonly Pass[];
  /** Passes by the event types they take, and 1 for types that any takes. */
  readonly #onRow: (readonly Pass[])[] = [];
  readonly #taken = new Uint8Array(256);

  constructor(passes: readonly Pass[]) {
    this.#passes = passes;
    for (let type = 0; type < 256; type++) {
      const takers = passes.filter((pass) => pass.types?.includes(type) === true);
      this.#onRow[type] = takers;
      this.#taken[type] = takers.length === 0 ? 0 : 1;
    }
  }

  /** Arrays by slot need as many places. */
  get capacity(): number {
    return this.state.length;
  }

  /** How many kinds of time there are so far. */
  get timeKinds(): number {
    return Time.wait + this.reasons.count;
  }

  /** Walks a batch and lets the passes see it. */
  push(columns: EventColumns): void {
    this.deathCount = 0;
    this.batch.reset(columns);
    if (columns.generation !== this.generation) this.#enter(columns.generation);
    this.#walk(columns);
    for (const pass of this.#passes) pass.onBatch?.(this.batch, this);
    for (let k = 0; k < this.deathCount; k++) this.slots.remove(this.deaths[k]!);
    this.deathCount = 0;
  }

  finish(): void {
    if (Number.isNaN(this.startTime)) {
      // Not a single row.
      this.startTime = 0;
      this.lastTime = 0;
    }
    for (const pass of this.#passes) pass.finish?.(this);
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
        const begin = this.#syscallSince[slot]!;
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
    out[Time.syscall] = this.totals[from + Time.syscall]! + time - this.#syscallSince[slot]!;
    out[Time.syscallBlock] = this.totals[from + Time.syscallBlock]!;
    const lost = this.#goProcLost[slot]!;
    if (lost === lost) out[Time.sched]! += time - lost;
  }

  #enter(generation: Generation): void {
    this.generation = generation;
    if (Number.isNaN(this.startTime)) this.timeBase = generation.timeBase;
    this.#reasonIndex.enter(generation);
    this.stacks.enter(generation);
    for (const pass of this.#passes) pass.onGeneration?.(generation, this);
  }

  /**
   * The hot loop: one long function on purpose, its arrays in locals. What is rare is elsewhere, and is told the time as
   * a column and a row: a double that is an argument is an allocation, which the compiler would make for every row. After
   * a call that may widen arrays they are taken anew.
   */
  #walk(columns: EventColumns): void {
    const { length, type: types, time: times, from: froms, to: tos, subject, stack: stackIndexes } = columns;
    const { counts, slots, stacks, batch } = this;
    const {
      slot: rowSlots,
      since: rowSince,
      beganBy: rowBeganBy,
      beginStack: rowBeginStack,
      ownStack: rowOwnStack,
    } = batch;
    const taken = this.#taken;
    let { state, since, reason, beganBy, beginStack, ownStack, group, firstRun, totals, stride } = this;
    for (let i = 0; i < length; i++) {
      const type = types[i]!;
      counts[type]!++;
      switch (kinds[type]) {
        case Kind.goroutine: {
          const from = froms[i]!;
          const to = tos[i]!;
          if (from === to) {
            if (type === Ev.GoStatusStack) this.#stillThere(columns, i);
            break;
          }
          const time = times[i]!;
          let slot = slots.findIn(subject, i);
          if (slot < 0 || from <= GoState.NotExist) {
            slot = this.#appear(columns, i, slot);
            ({ state, since, reason, beganBy, beginStack, ownStack, group, firstRun, totals, stride } = this);
            rowSince[i] = NaN;
          } else {
            const begin = since[slot]!;
            rowSince[i] = begin;
            rowBeganBy[i] = beganBy[slot]!;
            rowBeginStack[i] = beginStack[slot]!;
            rowOwnStack[i] = ownStack[slot]!;
            const at = slot * stride;
            switch (from) {
              case GoState.Running:
                totals[at + Time.exec]! += time - begin;
                break;
              case GoState.Runnable:
                totals[at + Time.sched]! += time - begin;
                break;
              case GoState.Waiting: {
                const why = reason[slot]!;
                batch.reason[i] = why;
                totals[at + Time.wait + why]! += time - begin;
                break;
              }
              default:
                batch.procLost[i] = this.procLost[slot]!;
                this.#leaveSyscall(slot, at, times, i);
            }
          }
          rowSlots[i] = slot;
          const index = stackIndexes[i]!;
          const stack = index === 0 ? 0 : stacks.of(index);
          const where = ownStacks[type]!;
          if (where !== OwnStack.none) {
            const ownIndex = where === OwnStack.stack ? index : columns.arg0[i]!;
            if (ownIndex !== 0) {
              const own = where === OwnStack.stack ? stack : stacks.of(ownIndex);
              ownStack[slot] = own;
              if (group[slot] === 0) group[slot] = this.#groupOf(own, columns, ownIndex);
            }
          }
          beginStack[slot] = stack;
          beganBy[slot] = type;
          state[slot] = to;
          since[slot] = time;
          switch (to) {
            case GoState.Running:
              if (Number.isNaN(firstRun[slot]!)) firstRun[slot] = time;
              break;
            case GoState.Runnable:
              break;
            case GoState.Waiting: {
              const why = type === Ev.GoBlock ? this.#reasonIndex.of(columns.arg0[i]!) : 0;
              reason[slot] = why;
              if (why === this.#forever) this.#die(slot, times, i);
              else if (Time.wait + why >= stride) {
                this.#restride();
                ({ totals, stride } = this);
              }
              break;
            }
            case GoState.Syscall:
              this.#enterSyscall(slot, columns.p[i]!, times, i);
              break;
            default:
              this.#die(slot, times, i);
          }
          if (from === GoState.Undetermined) this.#found(slot, to, columns.p[i]!, times, i);
          break;
        }
        case Kind.proc:
          if (tos[i] === ProcState.Idle && froms[i] !== ProcState.Idle) this.#procIdle(subject[i]!, times, i);
          break;
        case Kind.sync:
          this.#sync(columns, i);
          break;
        default:
      }
      if (taken[type] === 1) for (const pass of this.#onRow[type]!) pass.onRow!(columns, i, this);
    }
    if (length > 0) this.lastTime = times[length - 1]!;
    this.events += length;
  }

  #sync(columns: EventColumns, i: number): void {
    const time = columns.time[i]!;
    if (Number.isNaN(this.startTime)) this.startTime = time;
    if (columns.arg0[i] === 1) this.#gap(i === 0 ? this.lastTime : columns.time[i - 1]!);
    this.syncTime = time;
    this.syncs++;
  }

  /** Events are missing: what was known counts until then. */
  #gap(time: number): void {
    this.gaps++;
    for (const slot of this.alive()) {
      if (this.state[slot] === GoState.Undetermined) continue;
      const at = slot * this.stride;
      this.snapshot(slot, time, this.totals, at);
      this.state[slot] = GoState.Undetermined;
      this.since[slot] = time;
    }
    this.#syscalling.fill(0);
    this.#goSyscalling.fill(0);
  }

  /** A goroutine is mentioned again in a state that is known; its stack may be news. */
  #stillThere(columns: EventColumns, i: number): void {
    const stack = columns.stack[i]!;
    if (stack === 0) return;
    const slot = this.slots.find(columns.subject[i]!);
    if (slot >= 0) this.ownStack[slot] = this.stacks.of(stack);
  }

  #procIdle(proc: number, times: Float64Array, row: number): void {
    const time = times[row]!;
    if (proc + 1 >= this.#syscalling.length) return;
    const slot = this.#syscalling[proc + 1]! - 1;
    if (slot >= 0) {
      this.procLost[slot] = time;
      this.#syscalling[proc + 1] = 0;
    }
    const goSlot = this.#goSyscalling[proc + 1]! - 1;
    if (goSlot >= 0) {
      this.#goProcLost[goSlot] = time;
      this.#goSyscalling[proc + 1] = 0;
    }
  }

  /** A goroutine that is new, or mentioned for the first time. */
  #appear(columns: EventColumns, i: number, known: number): number {
    const isNew = columns.from[i] === GoState.NotExist;
    // Known before a gap: it goes on.
    if (known >= 0 && !isNew) return known;
    const slot = known >= 0 ? known : this.slots.insert(columns.subject[i]!);
    if (slot >= this.state.length) this.#grow(this.slots.capacity);
    this.group[slot] = 0;
    this.created[slot] = isNew ? columns.time[i]! : this.syncTime;
    this.old[slot] = isNew ? 0 : 1;
    this.firstRun[slot] = NaN;
    this.ended[slot] = NaN;
    this.procLost[slot] = NaN;
    this.#goProcLost[slot] = NaN;
    this.ownStack[slot] = 0;
    this.reason[slot] = 0;
    const at = slot * this.stride;
    for (let kind = 0; kind < this.stride; kind++) this.totals[at + kind] = 0;
    return slot;
  }

  #enterSyscall(slot: number, proc: number, times: Float64Array, row: number): void {
    while (proc + 1 >= this.#syscalling.length) {
      this.#syscalling = widen(this.#syscalling, new Int32Array(this.#syscalling.length * 2));
      this.#goSyscalling = widen(this.#goSyscalling, new Int32Array(this.#goSyscalling.length * 2));
    }
    this.#syscalling[proc + 1] = slot + 1;
    this.#goSyscalling[proc + 1] = slot + 1;
    this.#syscallProc[slot] = proc;
    this.#syscallSince[slot] = times[row]!;
    this.procLost[slot] = NaN;
    this.#goProcLost[slot] = NaN;
  }

  /** A state found at the first mention began, as far as is known, with the generation. */
  #found(slot: number, state: number, proc: number, times: Float64Array, row: number): void {
    this.since[slot] = this.syncTime;
    if (state !== GoState.Syscall) return;
    // Without a proc it was blocked so far.
    if (proc === -1) {
      this.totals[slot * this.stride + Time.syscallBlock]! += times[row]! - this.syncTime;
      this.procLost[slot] = this.syncTime;
    } else this.#syscallSince[slot] = this.syncTime;
  }

  #leaveSyscall(slot: number, at: number, times: Float64Array, row: number): void {
    const time = times[row]!;
    const begin = this.#syscallSince[slot]!;
    const lost = this.#goProcLost[slot]!;
    if (lost === lost) {
      this.totals[at + Time.syscallBlock]! += time - lost;
      this.totals[at + Time.syscall]! += lost - begin;
    } else this.totals[at + Time.syscall]! += time - begin;
    const proc = this.#syscallProc[slot]!;
    this.#goSyscalling[proc + 1] = 0;
    if (this.#syscalling[proc + 1] === slot + 1) this.#syscalling[proc + 1] = 0;
    this.procLost[slot] = NaN;
    this.#goProcLost[slot] = NaN;
  }

  #die(slot: number, times: Float64Array, row: number): void {
    this.ended[slot] = times[row]!;
    this.state[slot] = GoState.NotExist;
    if (this.deathCount === this.deaths.length)
      this.deaths = widen(this.deaths, new Int32Array(this.deathCount * 2));
    this.deaths[this.deathCount++] = slot;
  }

  /** The group of goroutines with a stack of their own like this. */
  #groupOf(stack: number, columns: EventColumns, index: number): number {
    if (stack === 0) {
      // More stacks than are told apart.
      const { stacks } = columns.generation;
      return this.groups.id(stacks.func(stacks.rootFrame(index)));
    }
    while (stack >= this.#groupOfStack.length) {
      this.#groupOfStack = widen(this.#groupOfStack, new Int32Array(this.#groupOfStack.length * 2));
    }
    const known = this.#groupOfStack[stack]!;
    if (known !== 0) return known - 1;
    const group = this.groups.id(this.stacks.root(stack));
    this.#groupOfStack[stack] = group + 1;
    return group;
  }

  /** A reason more than there was room for. */
  #restride(): void {
    const stride = this.stride + 8;
    this.totals = restrided(this.totals, this.stride, stride, this.capacity);
    this.stride = stride;
  }

  #grow(length: number): void {
    this.state = widen(this.state, new Uint8Array(length));
    this.since = widen(this.since, new Float64Array(length));
    this.reason = widen(this.reason, new Uint8Array(length));
    this.beganBy = widen(this.beganBy, new Uint8Array(length));
    this.beginStack = widen(this.beginStack, new Int32Array(length));
    this.ownStack = widen(this.ownStack, new Int32Array(length));
    this.group = widen(this.group, new Int32Array(length));
    this.created = widen(this.created, new Float64Array(length));
    this.old = widen(this.old, new Uint8Array(length));
    this.firstRun = widen(this.firstRun, new Float64Array(length));
    this.ended = widen(this.ended, new Float64Array(length));
    this.procLost = widen(this.procLost, new Float64Array(length));
    this.#syscallSince = widen(this.#syscallSince, new Float64Array(length));
    this.#goProcLost = widen(this.#goProcLost, new Float64Array(length));
    this.#syscallProc = widen(this.#syscallProc, new Int32Array(length));
    this.totals = widen(this.totals, new Float64Array(length * this.stride));
  }
}

/** The same rows of numbers with more room in each. */
export function restrided(from: Float64Array, stride: number, wider: number, rows: number): Float64Array {
  const to = new Float64Array(rows * wider);
  for (let row = 0; row < rows; row++) to.set(from.subarray(row * stride, (row + 1) * stride), row * wider);
  return to;
}
