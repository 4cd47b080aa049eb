/**
 * Where goroutines wait, as pprof profiles: for the network, for each other, in syscalls, for a proc; and where they use
 * the CPU.
 *
 * | kind | intervals |
 * |---|---|
 * | `net` | waiting with reason "network" |
 * | `sync` | waiting with a reason that holds "chan", "sync" or "select" |
 * | `syscall` | in a syscall |
 * | `sched` | runnable, not running |
 * | `cpu` | CPU samples of 10 ms each, where a CPU profile ran as well |
 *
 * With `compat` the first four are `go tool trace -pprof=KIND` record by record (cmd/trace/pprof.go). Where that is wrong
 * the default is right: it counts the wait from a goroutine's creation to its first run, which Go loses; waits not
 * ended by the trace's end and waits that began before it, their reason read from the stack; and a wait for a proc has the
 * stack of the goroutine that waited, not that of the one that woke or created it.
 */

import type { EventColumns } from "../trace/columns.ts";
import { Ev, GoState } from "../trace/spec.ts";
import type { Profile, ProfileSample } from "../pprof/profile.ts";
import type { Pass } from "./tracker.ts";
import type { TrackedBatch } from "./tracked.ts";
import { SAMPLE_PERIOD_NS } from "./samples.ts";
import { ScopeTracker, scopeTypes } from "./scope.ts";
import type { Scope } from "./scope.ts";
import { widen } from "./slots.ts";
import { GoroutineTracker } from "./tracker.ts";
import { reasonFromStack } from "./waits.ts";

export const profileKinds = ["net", "sync", "syscall", "sched", "cpu"] as const;
export type ProfileKind = (typeof profileKinds)[number];

export interface ProfileFilters extends Scope {
  /** Start function of the goroutines. */
  readonly goroutine?: string;
  /** Only intervals of at least, and of less than, so many ns. */
  readonly minLatencyNs?: number;
  readonly maxLatencyNs?: number;
  /** Only what lies between, ns after the trace's start; intervals are clipped. */
  readonly fromNs?: number;
  readonly toNs?: number;
}

export interface ProfileOptions extends ProfileFilters {
  readonly kind: ProfileKind;
  /** As `go tool trace` computes it. */
  readonly compat?: boolean;
}

const states: Readonly<Record<ProfileKind, number>> = {
  net: GoState.Waiting,
  sync: GoState.Waiting,
  syscall: GoState.Syscall,
  sched: GoState.Runnable,
  cpu: -1,
};

/** Intervals kept of a goroutine whose name, or first run, is not known yet; further ones count as not matching. */
const MAX_PENDING = 1024;

interface Pending {
  readonly stack: number;
  readonly begin: number;
  readonly end: number;
}

export class ProfilePass implements Pass {
  readonly #kind: ProfileKind;
  readonly #state: number;
  readonly #compat: boolean;
  readonly #filters: ProfileFilters;
  readonly #scope: ScopeTracker;
  /** By stack: intervals and their ns. */
  #counts = new Float64Array(256);
  #times = new Float64Array(256);
  /** By goroutine slot: when the status event of a state found at the start was. */
  #found = new Float64Array(256);
  readonly #pending = new Map<number, Pending[]>();
  /** The last stack without PCs that came: 0, or one of frames that have none. */
  #blank = 0;
  /** By stack: 1 + whether a wait there is of the kind. */
  #stackMatches = new Uint8Array(256);

  constructor(options: ProfileOptions) {
    this.#kind = options.kind;
    this.#state = states[options.kind];
    this.#compat = options.compat ?? false;
    this.#filters = options;
    this.#scope = new ScopeTracker(options);
  }

  onBatch(batch: TrackedBatch, tracker: GoroutineTracker): void {
    const { slot, columns } = batch;
    const { length, type, from, time } = columns;
    if (this.#found.length < tracker.capacity)
      this.#found = widen(this.#found, new Float64Array(tracker.capacity));
    const scoped = this.#scope.active;
    if (scoped) this.#scope.reserve(tracker);
    for (let i = 0; i < length; i++) {
      const s = slot[i]!;
      if (s >= 0) {
        if (from[i] === this.#state) this.#interval(batch, i, tracker);
        else if (from[i] === GoState.Undetermined) this.#found[s] = time[i]!;
      } else if (type[i] === Ev.CPUSample && this.#kind === "cpu") this.#sample(columns, i, tracker);
      if (scoped && scopeTypes[type[i]!] === 1) this.#scope.row(columns, i, tracker);
    }
    if (this.#pending.size > 0) this.#settle(tracker);
    for (let k = 0; k < tracker.deathCount; k++) {
      const dead = tracker.deaths[k]!;
      this.#settleOne(dead, tracker);
      if (scoped) this.#scope.forget(dead);
    }
  }

  finish(tracker: GoroutineTracker): void {
    for (const slot of tracker.alive()) {
      const open = !this.#compat && tracker.state[slot] === this.#state;
      if (open && this.#matches(tracker.reason[slot]!, tracker.ownStack[slot]!, tracker)) {
        this.#record(slot, tracker.ownStack[slot]!, tracker.since[slot]!, tracker.lastTime, tracker);
      }
      this.#settleOne(slot, tracker);
    }
  }

  /** A goroutine leaves the state of the profile. */
  #interval(batch: TrackedBatch, i: number, tracker: GoroutineTracker): void {
    const slot = batch.slot[i]!;
    const end = batch.columns.time[i]!;
    const stack = this.#compat ? batch.beginStack[i]! : batch.ownStack[i]!;
    if (!this.#matches(this.#state === GoState.Waiting ? batch.reason[i]! : 0, stack, tracker)) return;
    const beganBy = batch.beganBy[i]!;
    const found = this.#compat && (beganBy === Ev.GoStatus || beganBy === Ev.GoStatusStack);
    this.#record(slot, stack, found ? this.#found[slot]! : batch.since[i]!, end, tracker);
  }

  /** Whether the profile is about a wait for this reason. */
  #matches(reason: number, stack: number, tracker: GoroutineTracker): boolean {
    if (this.#state !== GoState.Waiting) return true;
    if (reason !== 0 || this.#compat) return this.#matchesText(tracker.reasons.text(reason));
    while (stack >= this.#stackMatches.length) {
      this.#stackMatches = widen(this.#stackMatches, new Uint8Array(this.#stackMatches.length * 2));
    }
    if (this.#stackMatches[stack] === 0) {
      this.#stackMatches[stack] = this.#matchesText(reasonFromStack(tracker.stacks, stack)) ? 2 : 1;
    }
    return this.#stackMatches[stack] === 2;
  }

  #matchesText(reason: string): boolean {
    if (this.#kind === "net") return reason === "network";
    return reason.includes("chan") || reason.includes("sync") || reason.includes("select");
  }

  #sample(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    const slot = columns.g[i] === -1 ? -1 : tracker.slots.find(columns.g[i]!);
    const time = columns.time[i]! - tracker.startTime;
    const { goroutine, fromNs, toNs } = this.#filters;
    if (fromNs !== undefined && time < fromNs) return;
    if (toNs !== undefined && time >= toNs) return;
    if (slot < 0 && (goroutine !== undefined || this.#scope.active)) return;
    if (this.#scope.active && !this.#scope.has(slot)) return;
    if (goroutine !== undefined && tracker.groups.text(tracker.group[slot]!) !== goroutine) return;
    this.#add(tracker.stacks.of(columns.stack[i]!), SAMPLE_PERIOD_NS, tracker);
  }

  #record(slot: number, stack: number, begin: number, end: number, tracker: GoroutineTracker): void {
    const { minLatencyNs, maxLatencyNs, fromNs, toNs, goroutine } = this.#filters;
    const latency = end - begin;
    if (minLatencyNs !== undefined && latency < minLatencyNs) return;
    if (maxLatencyNs !== undefined && latency >= maxLatencyNs) return;
    if (this.#scope.active && !this.#scope.has(slot)) return;
    const from = fromNs === undefined ? begin : Math.max(begin, tracker.startTime + fromNs);
    const to = toNs === undefined ? end : Math.min(end, tracker.startTime + toNs);
    if (to <= from) return;
    const nameless = goroutine !== undefined && tracker.group[slot] === 0;
    if (nameless || (this.#compat && Number.isNaN(tracker.firstRun[slot]!))) {
      const list = this.#pending.get(slot);
      if (list === undefined) this.#pending.set(slot, [{ stack, begin: from, end: to }]);
      else if (list.length < MAX_PENDING) list.push({ stack, begin: from, end: to });
      return;
    }
    this.#accept(slot, stack, from, to, tracker);
  }

  /** An interval of a goroutine whose name and first run are known. */
  #accept(slot: number, stack: number, begin: number, end: number, tracker: GoroutineTracker): void {
    const { goroutine } = this.#filters;
    if (goroutine !== undefined && tracker.groups.text(tracker.group[slot]!) !== goroutine) return;
    // Go's goroutine filter, used without a filter as well, begins at the first run.
    const firstRun = this.#compat ? tracker.firstRun[slot]! : NaN;
    const from = firstRun > begin ? firstRun : begin;
    if (end > from) this.#add(stack, end - from, tracker);
  }

  #settle(tracker: GoroutineTracker): void {
    for (const slot of this.#pending.keys()) {
      if (this.#filters.goroutine !== undefined && tracker.group[slot] === 0) continue;
      if (this.#compat && Number.isNaN(tracker.firstRun[slot]!)) continue;
      this.#settleOne(slot, tracker);
    }
  }

  #settleOne(slot: number, tracker: GoroutineTracker): void {
    const list = this.#pending.get(slot);
    if (list === undefined) return;
    this.#pending.delete(slot);
    for (const { stack, begin, end } of list) this.#accept(slot, stack, begin, end, tracker);
  }

  #add(full: number, ns: number, tracker: GoroutineTracker): void {
    // Go tells stacks apart by PCs in an array filled up with zeros: a stack of frames without a PC is no stack, but
    // the profile shows the one that came last.
    let stack = full;
    if (stack === 0 || tracker.stacks.isBlank(stack)) {
      this.#blank = stack;
      stack = 0;
    }
    while (stack >= this.#counts.length) {
      this.#counts = widen(this.#counts, new Float64Array(this.#counts.length * 2));
      this.#times = widen(this.#times, new Float64Array(this.#times.length * 2));
    }
    this.#counts[stack]!++;
    this.#times[stack]! += ns;
  }

  /** The profile: most time first. */
  result(tracker: GoroutineTracker): Profile {
    const samples: ProfileSample[] = [];
    for (let stack = 0; stack < this.#counts.length; stack++) {
      const count = this.#counts[stack]!;
      if (count === 0) continue;
      const shown = stack === 0 && this.#compat ? this.#blank : stack;
      samples.push({ values: [count, this.#times[stack]!], stack: tracker.stacks.resolve(shown) });
    }
    samples.sort((a, b) => b.values[1]! - a.values[1]!);
    const cpu = this.#kind === "cpu";
    const own = !this.#compat || cpu;
    return {
      sampleTypes: [
        { type: cpu ? "samples" : "contentions", unit: "count" },
        { type: cpu ? "cpu" : "delay", unit: "nanoseconds" },
      ],
      periodType: cpu ? { type: "cpu", unit: "nanoseconds" } : { type: "trace", unit: "count" },
      period: cpu ? SAMPLE_PERIOD_NS : 1,
      timeNanos: undefined,
      durationNanos: own ? tracker.lastTime - tracker.startTime : undefined,
      defaultSampleType: own ? (cpu ? "cpu" : "delay") : undefined,
      comments: [],
      samples,
    };
  }
}

/** A profile of a trace's rows. */
export function profileOf(batches: Iterable<EventColumns>, options: ProfileOptions): Profile {
  const pass = new ProfilePass(options);
  const tracker = new GoroutineTracker([pass]);
  for (const batch of batches) tracker.push(batch);
  tracker.finish();
  return pass.result(tracker);
}

/** The same for rows that come asynchronously. */
export async function profileOfStream(
  batches: AsyncIterable<EventColumns>,
  options: ProfileOptions,
): Promise<Profile> {
  const pass = new ProfilePass(options);
  const tracker = new GoroutineTracker([pass]);
  for await (const batch of batches) tracker.push(batch);
  tracker.finish();
  return pass.result(tracker);
}
