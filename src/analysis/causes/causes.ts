/**
 * Why it was slow: one pass over the rows that follows what each goroutine does, who wakes whom, and which tasks and
 * requests are in progress, and hands it to whoever counts: paths, budgets, locks, joins, stops, gaps, wakes, occupants,
 * births.
 *
 * Memory is bounded: the past (history.ts) is kept only once there is a task or a request, for the newest 262,144 state
 * changes. A path that would reach further back says how much is not kept. It costs about 80 ns an event, as much as the
 * tracker itself, so it ends after `maxEvents`; `followed_ns` says how far it came.
 */

import type { EventColumns } from "../../trace/columns.ts";
import type { Generation } from "../../trace/generation.ts";
import { Ev, GoState, ProcState } from "../../trace/spec.ts";
import { NameIndex } from "../names.ts";
import type { TrackedBatch } from "../tracked.ts";
import type { GoroutineTracker, Pass } from "../tracker.ts";
import { Births } from "./births.ts";
import { GAP_NS, Gaps } from "./gaps.ts";
import { gcTaxOf } from "./gc-tax.ts";
import { History, Mark, NO_RECORD } from "./history.ts";
import { Joins } from "./joins.ts";
import { Kind, Kinds } from "./kinds.ts";
import { FIRST_REQUEST, Ledger } from "./ledger.ts";
import { Locks } from "./locks.ts";
import { OccupantCount } from "./occupants.ts";
import type { PathEnd } from "./path.ts";
import type { CausesResult } from "./result.ts";
import { minds, ownStack } from "./rows.ts";
import { Served, Serving } from "./served.ts";
import { Sites } from "./sites.ts";
import { Standing } from "./standing.ts";
import { Stops } from "./stops.ts";
import { Units } from "./units.ts";
import { Wakes } from "./wakes.ts";

/** Events followed by default: about 95 MB of trace. */
export const DEFAULT_MAX_EVENTS = 1 << 24;

export interface CausesOptions {
  /** Events followed; what comes later is left out, and said to be. Default 2^24. */
  readonly maxEvents?: number;
}

export class CausesPass implements Pass {
  readonly #maxEvents: number;
  readonly #kinds = new Kinds();
  readonly #sites = new Sites();
  readonly #history = new History();
  readonly #units = new Units();
  readonly #ledger = new Ledger(this.#kinds, this.#sites, this.#history);
  readonly #served = new Served();
  readonly #locks = new Locks();
  readonly #joins = new Joins();
  readonly #stops = new Stops();
  readonly #gaps = new Gaps();
  readonly #wakes = new Wakes();
  readonly #occupants = new OccupantCount();
  readonly #births = new Births();
  readonly #mutex = this.#kinds.names.id("mutex");
  readonly #rwmutex = this.#kinds.names.id("rwmutex");
  readonly #waitgroup = this.#kinds.names.id("waitgroup");

  readonly #now = new Standing();
  #reasons: NameIndex | undefined;
  /** Whether the past is kept: from the first task or request on. */
  #keeps = false;
  #requests = 0;
  #running = 0;
  #procs = 0;
  #procsSeen = 0;
  #lastTime = NaN;
  #syncTime = 0;

  #events = 0;
  /** When it ended to follow, NaN before. */
  #until = NaN;

  constructor(options: CausesOptions = {}) {
    this.#maxEvents = options.maxEvents ?? DEFAULT_MAX_EVENTS;
  }

  onGeneration(generation: Generation, tracker: GoroutineTracker): void {
    this.#reasons ??= new NameIndex(tracker.reasons);
    this.#reasons.enter(generation);
  }

  onBatch(batch: TrackedBatch, tracker: GoroutineTracker): void {
    if (!Number.isNaN(this.#until)) return;
    this.#reserve(tracker.capacity);
    const { columns, slot } = batch;
    const { length, type, time, from } = columns;
    let last = this.#lastTime;
    for (let i = 0; i < length; i++) {
      const now = time[i]!;
      if (now - last >= GAP_NS && this.#running > 0)
        this.#gaps.add(last, now, this.#running, this.#procs || this.#procsSeen, tracker.startTime);
      last = now;
      const s = slot[i]!;
      if (s < 0) {
        if (minds[type[i]!] === 0) continue;
        this.#occupants.advance(time, i);
        this.#other(columns, i, tracker);
        continue;
      }
      this.#occupants.advance(time, i);
      if (from[i]! <= GoState.NotExist) this.#appears(columns, i, s, tracker);
      else this.#leaves(batch, i, s, tracker);
      this.#enters(columns, i, s, tracker);
    }
    this.#lastTime = last;
    // Those that wait forever end without a row that says so.
    for (let k = 0; k < tracker.deathCount; k++) {
      const dead = tracker.deaths[k]!;
      if (this.#now.alive[dead] === 1) this.#dies(dead, tracker.ended[dead]!, tracker);
    }
    this.#events += length;
    if (this.#events >= this.#maxEvents) this.#end(tracker);
  }

  finish(tracker: GoroutineTracker): void {
    if (Number.isNaN(this.#until)) this.#end(tracker);
  }

  #end(tracker: GoroutineTracker): void {
    this.#until = tracker.lastTime;
    this.#births.finish(tracker);
  }

  /** An interval is over. This and what it calls are hot: times are passed as a column and a row, not as doubles. */
  #leaves(batch: TrackedBatch, i: number, s: number, tracker: GoroutineTracker): void {
    const { columns } = batch;
    const { time } = columns;
    const kind = this.#now.kind[s]!;
    switch (columns.from[i]) {
      case GoState.Running: {
        this.#running--;
        const stack = columns.stack[i] === 0 ? this.#now.stack[s]! : tracker.stacks.of(columns.stack[i]!);
        this.#close(s, kind, stack, time, i);
        this.#occupants.stops(s, this.#now.group[s]!);
        if (this.#stops.isOpen) this.#stops.stands(columns.subject[i]!, this.#now.group[s]!, stack, time[i]!);
        break;
      }
      case GoState.Runnable:
        this.#occupants.waited(s);
        if (batch.beganBy[i] === Ev.GoUnblock) this.#wakes.runs(s, this.#now.since, time, i);
        this.#close(s, kind, this.#now.stack[s]!, time, i);
        break;
      case GoState.Syscall: {
        const lost = batch.procLost[i]!;
        if (lost > this.#now.since[s]! && lost < time[i]!)
          this.#close(s, Kind.syscall, this.#now.stack[s]!, batch.procLost, i);
        const last = lost < time[i]! ? Kind.syscallBlocked : Kind.syscall;
        this.#close(s, last, this.#now.stack[s]!, time, i);
        break;
      }
      default:
        this.#woken(columns, i, s, tracker);
    }
    if (this.#served.idle[s] === 1)
      this.#begins(s, FIRST_REQUEST + this.#requests++, 0, columns.time[i]!, tracker);
  }

  /** A wait is over. */
  #woken(columns: EventColumns, i: number, s: number, tracker: GoroutineTracker): void {
    const { time, g } = columns;
    const kind = this.#now.kind[s]!;
    const stack = this.#now.stack[s]!;
    const waker = g[i] === -1 || g[i] === columns.subject[i] ? -1 : tracker.slots.findIn(g, i);
    const wakerGroup = waker < 0 ? -1 : this.#now.group[waker]!;
    const wakeStack = columns.stack[i] === 0 ? 0 : tracker.stacks.of(columns.stack[i]!);
    this.#wakes.woken(s, wakerGroup, this.#now.group[s]!, this.#now.since, time, i);
    const isLock = kind === this.#mutex || kind === this.#rwmutex;
    if (isLock) {
      const site = this.#sites.of(stack, tracker.stacks);
      const wakerSite = this.#sites.of(wakeStack, tracker.stacks);
      this.#locks.got(s, site, stack, this.#now.since[s]!, time[i]!, waker, wakerSite, wakeStack);
    } else if (kind === this.#waitgroup)
      this.#joins.joined(s, this.#now.since[s]!, time[i]!, waker, this.#now.group, tracker);
    const at = this.#close(s, kind, stack, time, i);
    if (at >= 0 && waker >= 0) this.#history.wakenIn(at, this.#now, waker, wakeStack);
  }

  /** Ends what a goroutine does, with `kind`, at a row's time; gives the record's place, −1 if none is kept. */
  #close(s: number, kind: number, stack: number, times: Float64Array, row: number): number {
    const { since } = this.#now;
    if (this.#units.head[s]! >= 0) this.#units.spend(s, kind, stack, since[s]!, times[row]!);
    const at = this.#keeps ? this.#history.interval(this.#now, s, kind, stack, times, row) : -1;
    since[s] = times[row]!;
    return at;
  }

  #enters(columns: EventColumns, i: number, s: number, tracker: GoroutineTracker): void {
    const type = columns.type[i]!;
    if (ownStack[type] === 1 && columns.stack[i] !== 0) {
      const stack = tracker.stacks.of(columns.stack[i]!);
      this.#now.stack[s] = stack;
      if (this.#now.group[s] === 0) this.#now.group[s] = tracker.groups.id(tracker.stacks.root(stack));
      if (this.#served.at(s, stack, false, tracker.stacks) === Serving.ends)
        this.#requestEnds(s, columns.time[i]!, tracker);
    }
    switch (columns.to[i]) {
      case GoState.Running:
        // But for who stopped the world nobody ran, and now somebody does.
        if (this.#stops.isOpen && this.#running <= 1) this.#stops.restarts(columns.time[i]!);
        this.#running++;
        this.#now.kind[s] = this.#now.mode[s]!;
        this.#occupants.runs(s);
        break;
      case GoState.Runnable:
        this.#now.kind[s] = Kind.runnable;
        this.#occupants.waits(s, this.#units.head[s]! >= 0);
        break;
      case GoState.Syscall:
        this.#now.kind[s] = Kind.syscall;
        break;
      case GoState.Waiting: {
        const reason = type === Ev.GoBlock ? this.#reasons!.of(columns.arg0[i]!) : 0;
        const stack = this.#now.stack[s]!;
        const kind = this.#kinds.wait(reason, tracker.reasons.text(reason), stack, tracker.stacks);
        this.#now.kind[s] = kind;
        if (kind === this.#mutex || kind === this.#rwmutex)
          this.#locks.waits(this.#sites.of(stack, tracker.stacks));
        break;
      }
      default:
        this.#dies(s, columns.time[i]!, tracker);
    }
  }

  #appears(columns: EventColumns, i: number, s: number, tracker: GoroutineTracker): void {
    const now = columns.time[i]!;
    const type = columns.type[i]!;
    const isNew = columns.from[i] === GoState.NotExist;
    const isCreated = type === Ev.GoCreate || type === Ev.GoCreateBlocked;
    const creator = isNew ? columns.g[i]! : -1;
    const creatorSlot = creator === -1 ? -1 : tracker.slots.find(creator);
    const begin = isNew ? now : this.#syncTime;
    const stack = isCreated && columns.arg0[i] !== 0 ? tracker.stacks.of(columns.arg0[i]!) : 0;
    this.#now.id[s] = columns.subject[i]!;
    this.#now.alive[s] = 1;
    this.#now.mode[s] = Kind.running;
    this.#now.since[s] = begin;
    this.#now.past[s] = NO_RECORD;
    this.#now.stack[s] = stack;
    this.#now.group[s] = stack === 0 ? 0 : tracker.groups.id(tracker.stacks.root(stack));
    this.#units.head[s] = -1;
    this.#locks.forget(s);
    this.#wakes.forget(s);
    this.#served.appears(s);
    this.#joins.appears(s, creator, creatorSlot);
    const createStack = columns.stack[i] === 0 || !isCreated ? 0 : tracker.stacks.of(columns.stack[i]!);
    if (isCreated && creatorSlot >= 0) this.#births.born(s, createStack, this.#now.group[s], now);
    else this.#births.unknown(s);
    if (this.#keeps) {
      const kind = isNew ? Mark.created : Mark.found;
      const at = this.#history.interval(this.#now, s, kind, stack, this.#now.since, s);
      if (creatorSlot >= 0) this.#history.wakenIn(at, this.#now, creatorSlot, createStack);
    }
    if (stack !== 0 && this.#served.at(s, stack, true, tracker.stacks) === Serving.begins)
      this.#begins(s, FIRST_REQUEST + this.#requests++, 0, now, tracker);
  }

  #dies(s: number, now: number, tracker: GoroutineTracker): void {
    this.#now.alive[s] = 0;
    this.#requestEnds(s, now, tracker);
    this.#units.orphan(s);
    this.#joins.ends(s, now, tracker);
    this.#births.ends(s);
  }

  /** A task (or, with type 0 until it is known, a request) begins on a goroutine. */
  #begins(s: number, id: number, type: number, now: number, tracker: GoroutineTracker): void {
    this.#keeps = true;
    const unit = this.#units.add(id, type, tracker.slots.id(s), s, now);
    if (id >= FIRST_REQUEST) this.#served.begins(s, unit);
  }

  #requestEnds(s: number, now: number, tracker: GoroutineTracker): void {
    const unit = this.#served.unit[s]! - 1;
    if (unit < 0) return;
    const handler = this.#served.ends(s);
    if (handler !== undefined) {
      this.#units.type[unit] = this.#ledger.requestType(handler);
      this.#unitEnds(unit, s, now, 0, tracker);
    }
    this.#units.remove(unit);
  }

  /** @param s slot of the goroutine that ended it, −1 if that is not known. */
  #unitEnds(unit: number, s: number, now: number, stack: number, tracker: GoroutineTracker): void {
    const owner = this.#units.ownerSlot[unit]!;
    if (owner >= 0 && now > this.#now.since[owner]!)
      this.#units.spendOpen(
        unit,
        this.#now.kind[owner]!,
        this.#now.stack[owner]!,
        this.#now.since[owner]!,
        now,
      );
    this.#units.settle(unit, now);
    const from: PathEnd | undefined =
      s < 0
        ? undefined
        : {
            goroutine: tracker.slots.id(s),
            group: this.#now.group[s]!,
            past: this.#now.past[s]!,
            kind: this.#now.kind[s]!,
            stack: stack === 0 ? this.#now.stack[s]! : stack,
            end: now,
          };
    this.#ledger.ends(this.#units, unit, now, from, tracker);
  }

  /** Running changes its meaning: a mark assist or a sweep begins or ends. */
  #setMode(id: number, mode: number, columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    const s = id === -1 ? -1 : tracker.slots.find(id);
    if (s < 0 || this.#now.alive[s] === 0) return;
    const wasRunning = this.#now.kind[s] === this.#now.mode[s];
    this.#now.mode[s] = mode;
    if (!wasRunning || this.#now.kind[s] === mode) return;
    this.#close(s, this.#now.kind[s]!, this.#now.stack[s]!, columns.time, i);
    this.#now.kind[s] = mode;
  }

  /** Rows that are no transition of a goroutine. */
  #other(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    const now = columns.time[i]!;
    const subject = columns.subject[i]!;
    const goroutine = columns.g[i]!;
    switch (columns.type[i]) {
      case Ev.UserTaskBegin: {
        const s = tracker.slots.find(goroutine);
        if (s >= 0) {
          const name = columns.generation.strings.get(columns.arg1[i]!);
          this.#begins(s, subject, this.#ledger.taskType(name), now, tracker);
        }
        return;
      }
      case Ev.UserTaskEnd: {
        const unit = this.#units.slots.find(subject);
        if (unit < 0) return;
        const s = goroutine === -1 ? -1 : tracker.slots.find(goroutine);
        const stack = columns.stack[i] === 0 ? 0 : tracker.stacks.of(columns.stack[i]!);
        this.#unitEnds(unit, s, now, stack, tracker);
        this.#units.remove(unit);
        return;
      }
      case Ev.STWBegin:
        this.#stops.begin(goroutine, now);
        return;
      case Ev.STWEnd: {
        const kind = columns.generation.strings.get(columns.arg0[i]!);
        const begin = this.#stops.end(goroutine, kind, now, this.#units.slots.count);
        if (begin === begin) this.#units.stop(begin, now);
        return;
      }
      case Ev.GCMarkAssistActive:
      case Ev.GCMarkAssistBegin:
        this.#setMode(subject, Kind.assist, columns, i, tracker);
        return;
      case Ev.GCMarkAssistEnd:
        this.#setMode(subject, Kind.running, columns, i, tracker);
        return;
      case Ev.GCSweepActive:
      case Ev.GCSweepBegin:
        this.#setMode(goroutine, Kind.sweep, columns, i, tracker);
        return;
      case Ev.GCSweepEnd:
        this.#setMode(goroutine, Kind.running, columns, i, tracker);
        return;
      case Ev.ProcsChange:
        this.#procs = columns.arg0[i]!;
        return;
      case Ev.Sync:
        this.#syncTime = now;
        if (columns.arg0[i] === 1) this.#gap();
        return;
      default:
        if (columns.from[i] === columns.to[i]) return;
        if (subject >= this.#procsSeen) this.#procsSeen = subject + 1;
        this.#occupants.proc(subject, columns.to[i] === ProcState.Idle);
    }
  }

  /** Events are missing: nothing in progress is known to go on. */
  #gap(): void {
    this.#running = 0;
    this.#locks.reset();
    this.#stops.reset();
    this.#occupants.reset();
    for (let unit = 0; unit < this.#units.slots.used; unit++) {
      if (this.#units.slots.id(unit) === -1) continue;
      this.#units.remove(unit);
      this.#units.notFollowed++;
    }
    this.#served.unit.fill(0);
    this.#served.idle.fill(0);
  }

  #reserve(capacity: number): void {
    this.#now.reserve(capacity);
    this.#units.reserve(capacity);
    this.#served.reserve(capacity);
    this.#locks.reserve(capacity);
    this.#joins.reserve(capacity);
    this.#wakes.reserve(capacity);
    this.#occupants.reserve(capacity);
    this.#births.reserve(capacity);
  }

  result(tracker: GoroutineTracker): CausesResult {
    const waits = this.#occupants.result(tracker);
    const group = (id: number): string => tracker.groups.text(id);
    const units = this.#ledger.result(tracker);
    return {
      units,
      followed_ns: this.#until - tracker.startTime,
      units_not_followed: this.#units.notFollowed,
      occupants: waits.units,
      occupants_all: waits.all,
      gc_tax: gcTaxOf(units, waits.units),
      locks: this.#locks.result(this.#sites, tracker.stacks),
      joins: this.#joins.result(tracker),
      stops: this.#stops.result(tracker.startTime, group, this.#sites, tracker.stacks),
      gaps: this.#gaps.result(this.#until - tracker.startTime),
      wakes: this.#wakes.result(tracker),
      births: this.#births.result(this.#sites, tracker),
    };
  }
}
