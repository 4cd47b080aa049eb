/**
 * The signals of one trace session: rows of consecutive generations go in, the observations of each come out.
 *
 *     const signals = new TraceSignals();
 *     for (const generation of ring) {
 *       for (const batch of decoder.decode(generation)) signals.add(batch);
 *       use(signals.finish(wallOf));
 *     }
 *
 * Tasks, regions, states and ranges are carried from one generation to the next, so that their times are exact. What
 * began before it could be seen (before the session, or in a gap) gives no duration; its age is counted from first sight.
 * Everything is bounded, see `TraceSignalOptions`.
 */

import type { EventColumns } from "../trace/columns.ts";
import type { DecodedGeneration, Generation } from "../trace/generation.ts";
import { Ev, GoState } from "../trace/spec.ts";
import { pushLargest, takeCensus } from "./census.ts";
import { GoroutineColumns } from "./goroutine-columns.ts";
import { zeroed } from "./id-slots.ts";
import { Names, cutText } from "./names.ts";
import { OpenRegions } from "./open-regions.ts";
import { OpenTasks } from "./open-tasks.ts";
import { Processors, WORTH_A_LOOK_NS } from "./processors.ts";
import { RequestMark } from "./requests.ts";
import { SeriesSet } from "./series-set.ts";
import type { Observation } from "./signal.ts";
import { StackFacts } from "./stack-facts.ts";
import { DEFAULT_TRACE_SIGNAL_OPTIONS } from "./trace-signal-options.ts";
import type { DroppedCounts, TraceSignalOptions } from "./trace-signal-options.ts";
import type { ValueSample } from "./value-sample.ts";

const NS = 1e-9;
/** Reasons are a few dozen strings of Go's runtime. */
const MAX_REASONS = 64;
/** The runtime stops the world for one goroutine at a time; a few may be asking. */
const MAX_STOPS = 64;
/** A heap goal above 1 PiB says that there is none: GOGC=off. */
const NO_GOAL = 2 ** 50;

/** A stop-the-world in progress. */
interface Stop {
  readonly goroutine: number;
  readonly began: number;
}

export class TraceSignals {
  readonly #options: Required<TraceSignalOptions>;
  readonly #names: Names;
  readonly #reasons: Names;
  readonly #facts: StackFacts;
  readonly #goroutines: GoroutineColumns;
  readonly #tasks: OpenTasks;
  readonly #regions: OpenRegions;
  readonly #processors = new Processors();
  #stops: Stop[] = [];
  /** Begin of the running mark phase, NaN without one or if not seen. */
  #markBegan = Number.NaN;
  #heapLive = Number.NaN;
  #heapGoal = Number.NaN;
  #runnable = 0;
  #sawTask = false;
  #goroutinesDropped = 0;

  readonly #taskDurations: SeriesSet;
  readonly #taskAges: SeriesSet;
  readonly #regionDurations: SeriesSet;
  readonly #requestDurations: SeriesSet;
  readonly #requestAges: SeriesSet;
  readonly #schedLatencies: SeriesSet;
  readonly #pauses: SeriesSet;
  readonly #cycles: SeriesSet;
  readonly #blockedAges: SeriesSet;
  readonly #syscalls: SeriesSet;
  readonly #gaps: SeriesSet;
  readonly #logs: SeriesSet;

  // Of the generation being read.
  #generation: Generation | undefined;
  #intervalStart = Number.NaN;
  /** Time of the last event; NaN before the first. */
  #last = Number.NaN;
  #maxRunnable = 0;
  #runningNs = 0;
  #assistNs = 0;
  #gapNs = 0;
  #schedSample: ValueSample | undefined;
  /** Ns blocked by number of the reason. */
  readonly #blockedNs = new Float64Array(MAX_REASONS);
  /** Created less ended by number of the start function's name. */
  #balance = new Float64Array(256);
  /** By string index of the generation: number of the reason, or index of the region's series, plus one. */
  #reasonOf = new Int32Array(0);
  #regionSeries = new Int32Array(0);
  /** By stack index: the series of system calls made there, plus one. */
  #syscallSeries = new Int32Array(0);

  constructor(options: TraceSignalOptions = {}) {
    const all = { ...DEFAULT_TRACE_SIGNAL_OPTIONS, ...options };
    this.#options = all;
    this.#names = new Names(all.names, all.labelLength);
    this.#reasons = new Names(MAX_REASONS, all.labelLength);
    this.#facts = new StackFacts(this.#names);
    this.#goroutines = new GoroutineColumns(all.goroutines);
    this.#tasks = new OpenTasks(all.openTasks);
    this.#regions = new OpenRegions(this.#goroutines, all.openRegions);
    const series = (signal: string, ...labels: readonly string[]): SeriesSet =>
      new SeriesSet(signal, labels, all.labelSets, all.valuesPerSeries);
    this.#taskDurations = series("task_duration_seconds", "task");
    this.#taskAges = series("task_open_seconds", "task");
    this.#regionDurations = series("region_duration_seconds", "region");
    this.#requestDurations = series("request_duration_seconds", "request");
    this.#requestAges = series("request_open_seconds", "request");
    this.#schedLatencies = series("sched_latency_seconds");
    this.#pauses = series("stw_pause_seconds", "kind");
    this.#cycles = series("gc_cycle_seconds");
    this.#blockedAges = series("blocked_age_seconds", "reason", "function");
    this.#syscalls = series("syscall_duration_seconds", "function");
    this.#gaps = series("cpu_gap_seconds");
    this.#logs = series("log_records", "category", "message");
  }

  /** What the bounds cost so far. */
  get dropped(): DroppedCounts {
    const sets = this.#series();
    return {
      values: sets.reduce((sum, set) => sum + set.droppedValues, 0),
      labelSets: sets.reduce((sum, set) => sum + set.droppedLabelSets, 0),
      goroutines: this.#goroutinesDropped,
      tasks: this.#tasks.dropped,
      regions: this.#regions.dropped,
    };
  }

  /** Goroutines, tasks followed at present. */
  get following(): { readonly goroutines: number; readonly tasks: number } {
    return { goroutines: this.#goroutines.slots.count, tasks: this.#tasks.count };
  }

  /**
   * Takes rows of one generation, in order. One long function on purpose: it runs for every event of the trace, and what
   * it does for nearly all of them is inline.
   */
  add(batch: EventColumns): void {
    if (batch.generation !== this.#generation) this.#enter(batch);
    const {
      length,
      time,
      type: types,
      p: ps,
      stack: stacks,
      subject: subjects,
      from: froms,
      to: tos,
    } = batch;
    const { arg0: arg0s } = batch;
    const goroutines = this.#goroutines;
    const { slots } = goroutines;
    const processors = this.#processors;
    const facts = this.#facts;
    const intervalStart = this.#intervalStart;
    const blockedNs = this.#blockedNs;
    const sched = this.#schedSample!;
    const requests = this.#readsRequests;
    let last = this.#last;
    let runnable = this.#runnable;
    let maxRunnable = this.#maxRunnable;
    let runningNs = this.#runningNs;
    let assistNs = this.#assistNs;

    for (let i = 0; i < length; i++) {
      const t = time[i]!;
      const type = types[i]!;
      if (t - last >= WORTH_A_LOOK_NS && type !== Ev.Sync) this.#gap(last, t);
      if (type !== Ev.Sync) last = t;
      switch (type) {
        case Ev.GoStart:
        case Ev.GoStop:
        case Ev.GoBlock:
        case Ev.GoUnblock:
        case Ev.GoSyscallBegin:
        case Ev.GoSyscallEnd:
        case Ev.GoSyscallEndBlocked:
        case Ev.GoCreate:
        case Ev.GoCreateBlocked:
        case Ev.GoCreateSyscall:
        case Ev.GoDestroy:
        case Ev.GoDestroySyscall:
        case Ev.GoSwitch:
        case Ev.GoSwitchDestroy:
        case Ev.GoStatus:
        case Ev.GoStatusStack: {
          const to = tos[i]!;
          const slot = slots.find(subjects[i]!);
          if (slot < 0) {
            // New, or beyond the bound. Its state counts from here; a status from the generation's start.
            if (this.#appear(batch, i) && to === GoState.Runnable) {
              runnable++;
              if (runnable > maxRunnable) maxRunnable = runnable;
              if (runnable === 1) processors.settle(1, t);
            }
            break;
          }
          const old = goroutines.state[slot]!;
          if (type === Ev.GoStatus || type === Ev.GoStatusStack) {
            // It is known: the status says nothing new but, perhaps, where it is.
            if (type === Ev.GoStatusStack) this.#locate(slot, stacks[i]!, to);
            if (old === to) break;
          }
          const since = goroutines.since[slot]!;
          switch (old) {
            case GoState.Running: {
              const span = t - since;
              runningNs += span;
              if (goroutines.assisting[slot] === 1) assistNs += span;
              const p = ps[i]!;
              if (p >= 0 && p < processors.runningSince.length)
                processors.runningSince[p] = Number.POSITIVE_INFINITY;
              break;
            }
            case GoState.Runnable:
              runnable--;
              if (runnable === 0) processors.settle(0, t);
              if (to === GoState.Running && goroutines.exact[slot] === 1) sched.push(t - since, t);
              break;
            case GoState.Waiting:
              blockedNs[goroutines.reason[slot]!]! += t - (since > intervalStart ? since : intervalStart);
              if (requests && goroutines.requestSeen[slot] === 0) {
                // Woken from waiting for a request (or from before one): it begins now, if it is one.
                const began = goroutines.requestSince[slot]!;
                if (began === began) goroutines.requestSince[slot] = t;
              }
              break;
            case GoState.Syscall:
              if (goroutines.exact[slot] === 1) {
                const site = goroutines.site[slot]!;
                const series = site >= 0 ? this.#syscallSeries[site]! : 0;
                if (series > 0) this.#syscalls.push(series - 1, t - since, t);
                else this.#endSyscall(site, t - since, t);
              }
              break;
            default:
              break;
          }
          if (to === GoState.NotExist) {
            this.#disappear(slot, t);
            break;
          }
          goroutines.state[slot] = to;
          goroutines.since[slot] = t;
          goroutines.exact[slot] = 1;
          switch (to) {
            case GoState.Running:
              processors.runs(ps[i]!, t);
              break;
            case GoState.Runnable:
              runnable++;
              if (runnable > maxRunnable) maxRunnable = runnable;
              if (runnable === 1) processors.settle(1, t);
              break;
            case GoState.Waiting: {
              const text = arg0s[i]!;
              const reason = text < this.#reasonOf.length ? this.#reasonOf[text]! : 0;
              goroutines.reason[slot] = reason > 0 ? reason - 1 : this.#reason(text);
              goroutines.site[slot] = stacks[i]!;
              break;
            }
            case GoState.Syscall:
              goroutines.site[slot] = stacks[i]!;
              break;
            default:
              break;
          }
          // The stack of an unblock is the waker's.
          if (old !== GoState.Running) break;
          const stack = stacks[i]!;
          if (stack === 0) break;
          if (goroutines.start[slot]! < 0) goroutines.start[slot] = facts.root(stack);
          if (requests) {
            const known = facts.marks[stack]!;
            const mark = known === RequestMark.unread ? facts.mark(stack) : known;
            if (mark !== RequestMark.none) this.#request(slot, mark, stack, t);
          }
          break;
        }
        case Ev.ProcStart:
        case Ev.ProcStop:
        case Ev.ProcSteal:
        case Ev.ProcStatus:
          if (froms[i] !== tos[i]) processors.transition(subjects[i]!, tos[i]!, runnable, t);
          break;
        case Ev.HeapAlloc:
          this.#heapLive = arg0s[i]!;
          break;
        case Ev.HeapGoal:
          this.#heapGoal = arg0s[i]!;
          break;
        case Ev.GCMarkAssistActive:
        case Ev.GCMarkAssistBegin:
        case Ev.GCMarkAssistEnd: {
          const slot = slots.find(subjects[i]!);
          if (slot < 0) break;
          const assisting = type === Ev.GCMarkAssistEnd ? 0 : 1;
          if (goroutines.assisting[slot] === assisting) break;
          if (goroutines.state[slot] === GoState.Running) {
            // Split the run here, so that its parts are counted as what they are.
            const span = t - goroutines.since[slot]!;
            runningNs += span;
            if (assisting === 0) assistNs += span;
            goroutines.since[slot] = t;
          }
          goroutines.assisting[slot] = assisting;
          break;
        }
        case Ev.UserRegionBegin:
        case Ev.UserRegionEnd: {
          const slot = slots.find(batch.g[i]!);
          if (slot < 0) break;
          if (type === Ev.UserRegionBegin) this.#regions.begin(slot, t);
          else this.#endRegion(slot, arg0s[i]!, t);
          break;
        }
        default:
          this.#addRare(batch, i, runnable);
          break;
      }
    }
    this.#last = last;
    this.#runnable = runnable;
    this.#maxRunnable = maxRunnable;
    this.#runningNs = runningNs;
    this.#assistNs = assistNs;
  }

  /**
   * Ends the generation.
   * @param wallOf wall clock, in epoch milliseconds, of a row's time.
   */
  finish(wallOf: (relativeNs: number) => number): readonly Observation[] {
    const generation = this.#generation;
    const end = this.#last;
    if (generation === undefined || Number.isNaN(end)) return [];
    const into: Observation[] = [];
    const interval = Math.max(1, end - this.#intervalStart);
    this.#settle(end);
    this.#gauges(into, generation, interval, end);
    this.#drain(into, wallOf);

    this.#generation = undefined;
    this.#facts.leave();
    this.#intervalStart = end;
    this.#runningNs = 0;
    this.#assistNs = 0;
    this.#gapNs = 0;
    this.#blockedNs.fill(0);
    this.#balance.fill(0);
    if (this.#names.count * 2 > this.#options.names) this.#forgetNames();
    return into;
  }

  /** After a gap: states do not line up, and what ended meanwhile was not seen. So nothing is carried over. */
  reset(): void {
    this.#goroutines.slots.clear();
    this.#tasks.clear();
    this.#regions.clear();
    this.#processors.clear();
    this.#stops = [];
    this.#markBegan = Number.NaN;
    this.#runnable = 0;
    this.#maxRunnable = 0;
    this.#runningNs = 0;
    this.#assistNs = 0;
    this.#gapNs = 0;
    this.#blockedNs.fill(0);
    this.#balance.fill(0);
    this.#generation = undefined;
    this.#intervalStart = Number.NaN;
    this.#last = Number.NaN;
    for (const set of this.#series()) set.drain([], 1);
  }

  get #readsRequests(): boolean {
    const { requests } = this.#options;
    return requests === "always" || (requests === "auto" && !this.#sawTask);
  }

  #series(): readonly SeriesSet[] {
    return [
      this.#taskDurations,
      this.#taskAges,
      this.#regionDurations,
      this.#requestDurations,
      this.#requestAges,
      this.#schedLatencies,
      this.#pauses,
      this.#cycles,
      this.#blockedAges,
      this.#syscalls,
      this.#gaps,
      this.#logs,
    ];
  }

  #enter(batch: EventColumns): void {
    const { generation } = batch;
    if (batch.length > 0 && batch.type[0] === Ev.Sync && batch.arg0[0] === 1) this.reset();
    this.#generation = generation;
    if (Number.isNaN(this.#intervalStart)) this.#intervalStart = generation.startTime;
    this.#facts.enter(generation);
    const strings = generation.strings.count + 1;
    this.#reasonOf = zeroed(this.#reasonOf, strings);
    this.#regionSeries = zeroed(this.#regionSeries, strings);
    this.#syscallSeries = zeroed(this.#syscallSeries, generation.stacks.count + 1);
    this.#maxRunnable = this.#runnable;
    this.#schedSample = this.#schedLatencies.sample(this.#schedLatencies.index());
  }

  /** A goroutine seen for the first time. False if it is not followed. */
  #appear(batch: EventColumns, i: number): boolean {
    const to = batch.to[i]!;
    if (to === GoState.NotExist) return false;
    const from = batch.from[i]!;
    const type = batch.type[i]!;
    const time = batch.time[i]!;
    const isStatus = type === Ev.GoStatus || type === Ev.GoStatusStack;
    // A status tells the state since the generation began, as Go counts it too.
    const since = from === GoState.Undetermined ? Math.min(time, batch.generation.startTime) : time;
    const goroutines = this.#goroutines;
    const slot = goroutines.insert(batch.subject[i]!, to, since, from === GoState.NotExist);
    if (slot < 0) {
      this.#goroutinesDropped++;
      return false;
    }
    const stack = batch.stack[i]!;
    if (type === Ev.GoCreate || type === Ev.GoCreateBlocked) {
      const startStack = batch.arg0[i]!;
      goroutines.start[slot] = this.#facts.root(startStack);
      this.#count(goroutines.start[slot]!, 1);
      if (this.#readsRequests) {
        const mark = this.#facts.mark(startStack);
        if (mark === RequestMark.connection || mark === RequestMark.serving)
          goroutines.requestSince[slot] = time;
        if (mark === RequestMark.serving) goroutines.requestSeen[slot] = 1;
      }
    } else if (isStatus) this.#locate(slot, stack, to);
    else if (from === GoState.NotExist) this.#count(0, 1);
    if (to === GoState.Running) this.#processors.runs(batch.p[i]!, time);
    return true;
  }

  /** A status with a stack: where a goroutine is that did not say so itself. */
  #locate(slot: number, stack: number, state: number): void {
    if (stack === 0) return;
    const goroutines = this.#goroutines;
    if (goroutines.start[slot]! < 0) goroutines.start[slot] = this.#facts.root(stack);
    if (goroutines.site[slot] === -1 && (state === GoState.Waiting || state === GoState.Syscall)) {
      goroutines.site[slot] = stack;
    }
  }

  #disappear(slot: number, time: number): void {
    const goroutines = this.#goroutines;
    this.#count(Math.max(0, goroutines.start[slot]!), -1);
    if (goroutines.requestSeen[slot] === 1) this.#endRequest(slot, time);
    if (goroutines.region[slot]! >= 0) this.#regions.drop(slot);
    goroutines.slots.remove(slot);
  }

  #count(name: number, change: number): void {
    if (name >= this.#balance.length) {
      const balance = new Float64Array(name * 2);
      balance.set(this.#balance);
      this.#balance = balance;
    }
    this.#balance[name]! += change;
  }

  #request(slot: number, mark: number, stack: number, time: number): void {
    const goroutines = this.#goroutines;
    const began = goroutines.requestSince[slot]!;
    if (mark === RequestMark.idle) {
      if (goroutines.requestSeen[slot] === 1) this.#endRequest(slot, time);
      goroutines.requestSince[slot] = time;
    } else if (!Number.isNaN(began)) {
      goroutines.requestSeen[slot] = 1;
      if (mark === RequestMark.handler && goroutines.requestName[slot]! < 0) {
        goroutines.requestName[slot] = this.#facts.request(stack);
      }
    }
  }

  #endRequest(slot: number, time: number): void {
    const goroutines = this.#goroutines;
    const name = this.#names.text(Math.max(0, goroutines.requestName[slot]!));
    this.#requestDurations.push(
      this.#requestDurations.index(name),
      time - goroutines.requestSince[slot]!,
      time,
    );
    goroutines.requestSeen[slot] = 0;
    goroutines.requestName[slot] = -1;
    goroutines.requestSince[slot] = Number.NaN;
  }

  #reason(text: number): number {
    const name = this.#generation!.strings.get(text);
    const reason = name === "" ? 0 : this.#reasons.id(name);
    if (text < this.#reasonOf.length) this.#reasonOf[text] = reason + 1;
    return reason;
  }

  #endSyscall(site: number, span: number, time: number): void {
    const name = site >= 0 ? this.#facts.site(site) : -1 - site;
    const series = this.#syscalls.index(this.#names.text(name));
    if (site >= 0) this.#syscallSeries[site] = series + 1;
    this.#syscalls.push(series, span, time);
  }

  #endRegion(slot: number, text: number, time: number): void {
    const began = this.#regions.end(slot);
    if (Number.isNaN(began)) return;
    let series = text < this.#regionSeries.length ? this.#regionSeries[text]! : 0;
    if (series === 0) {
      series = this.#regionDurations.index(this.#label(this.#generation!.strings.get(text))) + 1;
      if (text < this.#regionSeries.length) this.#regionSeries[text] = series;
    }
    this.#regionDurations.push(series - 1, time - began, time);
  }

  #addRare(batch: EventColumns, i: number, runnable: number): void {
    const time = batch.time[i]!;
    const { strings } = batch.generation;
    switch (batch.type[i]!) {
      case Ev.UserTaskBegin:
        this.#sawTask = true;
        this.#tasks.begin(batch.subject[i]!, this.#names.id(strings.get(batch.arg1[i]!)), time);
        break;
      case Ev.UserTaskEnd: {
        this.#sawTask = true;
        const began = this.#tasks.end(batch.subject[i]!);
        if (Number.isNaN(began)) break;
        const series = this.#taskDurations.index(this.#label(strings.get(batch.arg1[i]!)));
        this.#taskDurations.push(series, time - began, time);
        break;
      }
      case Ev.UserLog: {
        const category = this.#label(strings.get(batch.arg0[i]!));
        const message = this.#label(strings.get(batch.arg1[i]!));
        this.#logs.push(this.#logs.index(category, message), 1, time);
        break;
      }
      case Ev.STWBegin:
        if (this.#stops.length >= MAX_STOPS) break;
        this.#stops.push({ goroutine: batch.subject[i]!, began: time });
        this.#processors.stopTheWorld(1, runnable, time);
        break;
      case Ev.STWEnd: {
        const at = this.#stops.findIndex(({ goroutine }) => goroutine === batch.subject[i]);
        const [stop] = at < 0 ? [] : this.#stops.splice(at, 1);
        if (stop === undefined) break;
        this.#processors.stopTheWorld(-1, runnable, time);
        this.#pauses.push(
          this.#pauses.index(this.#label(strings.get(batch.arg0[i]!))),
          time - stop.began,
          time,
        );
        break;
      }
      case Ev.GCBegin:
        this.#markBegan = time;
        break;
      case Ev.GCEnd:
        if (!Number.isNaN(this.#markBegan)) {
          this.#cycles.push(this.#cycles.index(), time - this.#markBegan, time);
          this.#markBegan = Number.NaN;
        }
        break;
      case Ev.GoLabel: {
        // A worker of the garbage collector: it is not preempted, so its silence proves nothing.
        const p = batch.p[i]!;
        if (p >= 0 && p < this.#processors.runningSince.length) {
          this.#processors.runningSince[p] = Number.POSITIVE_INFINITY;
        }
        break;
      }
      case Ev.ProcsChange:
        this.#processors.limit(batch.arg0[i]!, runnable, time);
        break;
      default:
        break;
    }
  }

  #gap(from: number, to: number): void {
    if (!this.#processors.isStarved(from, to)) return;
    this.#gapNs += to - Math.max(from, this.#intervalStart);
    this.#gaps.push(this.#gaps.index(), to - from, to);
  }

  #label(text: string): string {
    return cutText(text, this.#options.labelLength);
  }

  /** Counts what goroutines are in the middle of up to the interval's end. */
  #settle(end: number): void {
    const { slots, state, since, assisting, reason } = this.#goroutines;
    for (let slot = 0; slot < slots.used; slot++) {
      if (slots.ids[slot] === -1) continue;
      if (state[slot] === GoState.Running) {
        const span = end - since[slot]!;
        this.#runningNs += span;
        if (assisting[slot] === 1) this.#assistNs += span;
        since[slot] = end;
      } else if (state[slot] === GoState.Waiting) {
        this.#blockedNs[reason[slot]!]! += end - Math.max(since[slot]!, this.#intervalStart);
      }
    }
    this.#tasks.forEach((name, began) => {
      this.#taskAges.push(this.#taskAges.index(this.#names.text(name)), end - began, end);
    });
  }

  #gauges(into: Observation[], generation: Generation, interval: number, end: number): void {
    const gauge = (signal: string, value: number, labels: Observation["labels"] = {}): void => {
      into.push({ signal, labels, values: [value] });
    };
    takeCensus(
      {
        goroutines: this.#goroutines,
        names: this.#names,
        reasons: this.#reasons,
        facts: this.#facts,
        blockedAges: this.#blockedAges,
        requestAges: this.#requestAges,
        end,
        limit: this.#options.labelSets,
      },
      into,
    );
    pushLargest(into, "goroutines_created_minus_ended", this.#names, this.#balance, this.#options.labelSets);
    for (let reason = 0; reason < this.#reasons.count; reason++) {
      const ns = this.#blockedNs[reason]!;
      if (reason > 1 || ns > 0) gauge("blocked_seconds", ns * NS, { reason: this.#reasons.text(reason) });
    }
    gauge("runnable_goroutines", this.#maxRunnable);
    gauge("idle_procs_while_runnable_ratio", this.#processors.takeIdleWhileRunnable(end) / interval);
    if (this.#runningNs > 0) gauge("gc_assist_ratio", this.#assistNs / this.#runningNs);
    if (!Number.isNaN(this.#heapLive)) gauge("heap_live_bytes", this.#heapLive);
    if (this.#heapGoal < NO_GOAL) gauge("heap_goal_bytes", this.#heapGoal);
    gauge("cpu_gap_ratio", Math.min(1, this.#gapNs / interval));
    const bytes = (generation as Partial<DecodedGeneration>).raw?.bytes.length;
    if (bytes !== undefined) gauge("trace_bytes", bytes);
  }

  #drain(into: Observation[], wallOf: (relativeNs: number) => number): void {
    const readsRequests = this.#readsRequests;
    for (const set of this.#series()) {
      const isRequest = set === this.#requestDurations || set === this.#requestAges;
      const isSnapshot = set === this.#taskAges || set === this.#requestAges || set === this.#blockedAges;
      // The first task shows that requests are told by tasks: what was read out of stacks is not mixed in.
      const target = isRequest && !readsRequests ? [] : into;
      set.drain(target, set === this.#logs ? 1 : NS, isSnapshot ? undefined : wallOf);
    }
  }

  #forgetNames(): void {
    const { slots, start, site, requestName } = this.#goroutines;
    const live = new Uint8Array(this.#names.count);
    for (let slot = 0; slot < slots.used; slot++) {
      if (slots.ids[slot] === -1) continue;
      live[Math.max(0, start[slot]!)] = 1;
      live[-1 - site[slot]!] = 1;
      live[Math.max(0, requestName[slot]!)] = 1;
    }
    this.#tasks.forEach((name) => {
      live[name] = 1;
    });
    const renumbered = this.#names.compact(live);
    for (let slot = 0; slot < slots.used; slot++) {
      if (slots.ids[slot] === -1) continue;
      if (start[slot]! >= 0) start[slot] = renumbered[start[slot]!]!;
      site[slot] = -1 - renumbered[-1 - site[slot]!]!;
      if (requestName[slot]! >= 0) requestName[slot] = renumbered[requestName[slot]!]!;
    }
    this.#tasks.renumber(renumbered);
  }
}
