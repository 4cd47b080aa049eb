/**
 * Follows every goroutine through the rows, and lets passes see both. What it knows of a goroutine is in
 * goroutine-table.ts; the regular rows are done by a kernel (kernel/walk.ts), the others here.
 */

import { EventColumns } from "../trace/columns.ts";
import { emptyGeneration } from "../trace/generation.ts";
import type { Generation } from "../trace/generation.ts";
import { Ev, GoState, ProcState, specsOf } from "../trace/spec.ts";
import { GoroutineTable, Time } from "./goroutine-table.ts";
import { Intervals } from "./intervals.ts";
import { At, COUNTS, OWN, TAKEN, TALLY_KINDS_BITS, Way, WAYS } from "./kernel/layout.ts";
import { NameIndex, Names } from "./names.ts";
import { widen } from "./slots.ts";
import { StackPool } from "./stacks.ts";
import { Tallies } from "./tally.ts";
import { TrackedBatch } from "./tracked.ts";

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

/** The same for the kernel, to which the goroutines that are created are not known. */
const ways = kinds.map((kind) =>
  kind === Kind.other ? Way.none : kind === Kind.goroutine ? Way.goroutine : Way.leave,
);
const ofItself = ownStacks.map((where) => (where === OwnStack.stack ? 1 : 0));

export interface TrackerOptions {
  /** Whether to count single intervals (`tracker.intervals`). Default false. */
  readonly intervals?: boolean;
  /** For tests: do without the kernel. */
  readonly plain?: boolean;
}

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

export class GoroutineTracker extends GoroutineTable {
  /** Names of start functions; number 0 is "", not known. */
  readonly groups = new Names(MAX_GROUPS, "(other goroutines)", [""]);
  /** Reasons to wait; number 0 is "", not known. */
  readonly reasons = new Names(MAX_REASONS, "(other reasons)", [""]);
  readonly stacks = new StackPool(this.arena);
  readonly batch = new TrackedBatch(new EventColumns(emptyGeneration(0, 0), 0), this.arena);
  readonly tallies = new Tallies(this.arena);
  readonly intervals: Intervals | undefined;
  /** This batch is walked by the kernel, which has its columns. */
  hasKernel = false;

  /** Rows by type. */
  counts = this.arena.f64At(COUNTS, 256);
  events = 0;
  timeBase = 0;
  /** Sync rows: one a generation, and one at the end. */
  syncs = 0;
  generation: Generation | undefined;

  readonly #reasonIndex = new NameIndex(this.reasons, this.arena);
  /** Group + 1 by stack. */
  #groupOfStack = new Int32Array(512);
  readonly #forever = this.reasons.id("forever");
  readonly #passes: readonly Pass[];
  /** Passes by the event types they take, and 1 for types that any takes. */
  readonly #onRow: (readonly Pass[])[] = [];
  readonly #taken = new Uint8Array(256);
  readonly #plain: boolean;

  constructor(passes: readonly Pass[], options: TrackerOptions = {}) {
    super();
    this.#passes = passes;
    this.#plain = options.plain ?? false;
    if (options.intervals === true) this.intervals = new Intervals(this.arena, this.tallies);
    this.arena.onMove(() => {
      this.counts = this.arena.moved(this.counts);
      this.stacks.move((table) => this.arena.moved(table));
      this.#reasonIndex.move((table) => this.arena.moved(table));
    });
    for (let type = 0; type < 256; type++) {
      const takers = passes.filter((pass) => pass.types?.includes(type) === true);
      this.#onRow[type] = takers;
      this.#taken[type] = takers.length === 0 ? 0 : 1;
    }
    this.arena.u8At(WAYS, 256).set(ways);
    this.arena.u8At(TAKEN, 256).set(this.#taken);
    this.arena.u8At(OWN, 256).set(ofItself);
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
    this.hasKernel = this.arena.walk !== undefined && !this.#plain && this.batch.isShared;
    if (this.hasKernel) this.#walk(columns);
    else this.#walkPlain(columns);
    const { length } = columns;
    if (length > 0) this.lastTime = columns.time[length - 1]!;
    this.events += length;
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
    this.tallies.settle();
    for (const pass of this.#passes) pass.finish?.(this);
  }

  #enter(generation: Generation): void {
    this.generation = generation;
    if (Number.isNaN(this.startTime)) this.timeBase = generation.timeBase;
    this.#reasonIndex.enter(generation);
    this.stacks.enter(generation);
    for (const pass of this.#passes) pass.onGeneration?.(generation, this);
  }

  /** Walks the rows with the kernel, and those that are not regular without. */
  #walk(columns: EventColumns): void {
    this.batch.share();
    let at = this.arena.i32At(0, COUNTS / 4);
    for (let first = 0, moves = -1; ;) {
      if (moves !== this.moves) {
        moves = this.moves;
        at = this.arena.i32At(0, COUNTS / 4);
        this.#tellKernel(at, columns.length);
      }
      at[At.deathCount / 4] = this.deathCount;
      const stop = this.arena.walk!(first);
      this.deathCount = at[At.deathCount / 4]!;
      if (stop === -1) return;
      const i = stop >> 1;
      if ((stop & 1) === 0) this.#rows(columns, i, i + 1);
      else this.#show(columns, i);
      first = i + 1;
    }
  }

  /** Where the kernel finds what. */
  #tellKernel(at: Int32Array, length: number): void {
    const { buckets, ids, shift } = this.slots.tables;
    const tell = (address: number, value: number): number => (at[address >> 2] = value);
    tell(At.end, length);
    tell(At.buckets, buckets.byteOffset);
    tell(At.bucketMask, buckets.length - 1);
    tell(At.shift, shift);
    tell(At.ids, ids.byteOffset);
    tell(At.state, this.state.byteOffset);
    tell(At.since, this.since.byteOffset);
    tell(At.reason, this.reason.byteOffset);
    tell(At.beganBy, this.beganBy.byteOffset);
    tell(At.beginStack, this.beginStack.byteOffset);
    tell(At.ownStack, this.ownStack.byteOffset);
    tell(At.group, this.group.byteOffset);
    tell(At.firstRun, this.firstRun.byteOffset);
    tell(At.ended, this.ended.byteOffset);
    tell(At.deaths, this.deaths.byteOffset);
    tell(At.totals, this.totals.byteOffset);
    tell(At.stride, this.stride);
    tell(At.stackIds, this.stacks.ids.byteOffset);
    tell(At.reasonIds, this.#reasonIndex.ids.byteOffset);
    tell(At.reasonIdCount, this.#reasonIndex.ids.length);
    tell(At.forever, this.#forever);
    const tallies = this.intervals?.addresses;
    tell(At.tallies, tallies?.byteOffset ?? 0);
    tell(At.tallyGroups, (tallies?.length ?? 0) >> TALLY_KINDS_BITS);
  }

  #walkPlain(columns: EventColumns): void {
    this.batch.slot.fill(-1, 0, columns.length);
    for (let first = 0; first < columns.length;) first = this.#rows(columns, first, columns.length);
  }

  #show(columns: EventColumns, i: number): void {
    for (const pass of this.#onRow[columns.type[i]!]!) pass.onRow!(columns, i, this);
  }

  /**
   * The rows from `first` to `end`, or up to one that makes arrays others; gives where it stopped. Without the kernel this
   * is the hot loop: one long function on purpose, its arrays in locals. What is rare is elsewhere, and is told the time
   * as a column and a row: a double that is an argument is an allocation, which the compiler would make for every row.
   */
  #rows(columns: EventColumns, first: number, end: number): number {
    const { type: types, time: times, from: froms, to: tos, subject, stack: stackIndexes } = columns;
    const { counts, slots, stacks, batch, intervals, moves } = this;
    const {
      slot: rowSlots,
      since: rowSince,
      beganBy: rowBeganBy,
      beginStack: rowBeginStack,
      ownStack: rowOwnStack,
    } = batch;
    const taken = this.#taken;
    const { totals, stride } = this;
    let { state, since, beganBy, beginStack, ownStack, group, firstRun } = this;
    for (let i = first; i < end; i++) {
      const type = types[i]!;
      counts[type]!++;
      rowSlots[i] = -1;
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
            batch.since[i] = NaN;
            slot = this.appear(columns, i, slot);
            ({ state, since, beganBy, beginStack, ownStack, group, firstRun } = this);
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
                const why = this.reason[slot]!;
                batch.reason[i] = why;
                totals[at + Time.wait + why]! += time - begin;
                break;
              }
              default:
                batch.procLost[i] = this.procLost[slot]!;
                this.leaveSyscall(slot, at, times, i);
            }
          }
          batch.slot[i] = slot;
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
              // Looking up a reason may have moved the memory.
              this.reason[slot] = why;
              if (why === this.#forever) this.die(slot, times, i);
              else if (Time.wait + why >= stride) this.restride();
              break;
            }
            case GoState.Syscall:
              this.enterSyscall(slot, columns.p[i]!, times, i);
              break;
            default:
              this.die(slot, times, i);
          }
          if (from === GoState.Undetermined) this.found(slot, to, columns.p[i]!, times, i);
          else if (intervals !== undefined && from !== GoState.NotExist)
            intervals.end(batch, i, this.group[slot]!);
          break;
        }
        case Kind.proc:
          if (tos[i] === ProcState.Idle && froms[i] !== ProcState.Idle) this.procIdle(subject[i]!, times, i);
          break;
        case Kind.sync:
          this.#sync(columns, i);
          break;
        default:
      }
      if (taken[type] === 1) this.#show(columns, i);
      if (this.moves !== moves) return i + 1;
    }
    return end;
  }

  #sync(columns: EventColumns, i: number): void {
    const time = columns.time[i]!;
    if (Number.isNaN(this.startTime)) this.startTime = time;
    if (columns.arg0[i] === 1) this.gap(i === 0 ? this.lastTime : columns.time[i - 1]!);
    this.syncTime = time;
    this.syncs++;
  }

  /** A goroutine is mentioned again in a state that is known; its stack may be news. */
  #stillThere(columns: EventColumns, i: number): void {
    const stack = columns.stack[i]!;
    if (stack === 0) return;
    const slot = this.slots.find(columns.subject[i]!);
    if (slot >= 0) this.ownStack[slot] = this.stacks.of(stack);
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
}
