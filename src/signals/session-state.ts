/**
 * All that is known of a trace session between two events: what is carried across generations, and the sums of the one
 * being read. The hot loop (trace-signals.ts) and the handlers of rarer events share it.
 */

import { assert } from "../base/errors.ts";
import type { EventColumns } from "../trace/columns.ts";
import type { Generation } from "../trace/generation.ts";
import { Ev } from "../trace/spec.ts";
import { GoroutineColumns } from "./goroutine-columns.ts";
import { zeroed } from "./id-slots.ts";
import { At } from "./kernel/layout.ts";
import { SignalsMemory, Table } from "./kernel/memory.ts";
import { LogSeries } from "./log-series.ts";
import { Names, cutText } from "./names.ts";
import { OpenRegions } from "./open-regions.ts";
import { OpenTasks } from "./open-tasks.ts";
import { Processors } from "./processors.ts";
import type { Observation } from "./signal.ts";
import { StackFacts } from "./stack-facts.ts";
import { TraceSeries } from "./trace-series.ts";
import type { TraceSignalOptions } from "./trace-signal-options.ts";
import type { ValueSample } from "./value-sample.ts";

/** Reasons are a few dozen strings of Go's runtime. */
const MAX_REASONS = 64;

/** A stop-the-world in progress. */
export interface Stop {
  readonly goroutine: number;
  readonly began: number;
}

export class SessionState {
  readonly options: Required<TraceSignalOptions>;
  readonly memory: SignalsMemory;
  readonly names: Names;
  readonly reasons: Names;
  readonly facts: StackFacts;
  readonly series: TraceSeries;
  readonly logSeries: LogSeries;

  readonly goroutines: GoroutineColumns;
  readonly tasks: OpenTasks;
  readonly regions: OpenRegions;
  readonly processors: Processors;
  readonly stops: Stop[] = [];
  /** Begin of the running mark phase, NaN without one or if it was not seen. */
  markBegan = Number.NaN;
  heapLive = Number.NaN;
  heapGoal = Number.NaN;
  /** Goroutines that are runnable now. */
  runnable = 0;
  sawTask = false;
  goroutinesDropped = 0;

  // Of the interval, which begins where the generation before ended.
  generation: Generation | undefined;
  intervalStart = Number.NaN;
  /** Time of the last event; NaN before the first. */
  last = Number.NaN;
  maxRunnable = 0;
  runningNs = 0;
  assistNs = 0;
  gapNs = 0;
  schedLatencies: ValueSample;
  /** Ns blocked by number of the reason. */
  readonly #blockedNs: Table<Float64Array>;
  get blockedNs(): Float64Array {
    return this.#blockedNs.view;
  }
  /** Goroutines created less ended by number of the start function's name. */
  balance = new Float64Array(256);

  /** By string index of the generation: number of the reason, of a task's name, of the series of a region, a task, plus one. */
  readonly #reasonOf: Table<Int32Array>;
  get reasonOf(): Int32Array {
    return this.#reasonOf.view;
  }
  taskNameOf = new Int32Array(0);
  regionSeries = new Int32Array(0);
  taskSeries = new Int32Array(0);
  /** By stack index: the series of system calls made there, plus one. */
  readonly #syscallSeries: Table<Int32Array>;
  get syscallSeries(): Int32Array {
    return this.#syscallSeries.view;
  }

  /** @param plain without the kernel. */
  constructor(options: Required<TraceSignalOptions>, plain: boolean) {
    const memory = new SignalsMemory(plain);
    this.options = options;
    this.memory = memory;
    this.processors = new Processors(memory);
    this.#blockedNs = new Table(memory, Float64Array, At.blockedNs);
    this.#blockedNs.ensure(MAX_REASONS);
    this.#reasonOf = new Table(memory, Int32Array, At.reasonOf);
    this.#syscallSeries = new Table(memory, Int32Array, At.syscallSeries);
    this.names = new Names(options.names, options.labelLength);
    this.reasons = new Names(MAX_REASONS, options.labelLength);
    this.facts = new StackFacts(this.names, memory);
    this.series = new TraceSeries(options);
    this.logSeries = new LogSeries(this.series.logs, options.labelSets, options.labelLength);
    this.goroutines = new GoroutineColumns(memory, options.goroutines);
    this.tasks = new OpenTasks(memory, options.openTasks);
    this.regions = new OpenRegions(this.goroutines, options.openRegions);
    this.schedLatencies = this.series.schedLatencies.sample(this.series.schedLatencies.index());
  }

  /** Whether requests are read out of stacks: by default, while no task has shown that they are told otherwise. */
  get readsRequests(): boolean {
    const { requests } = this.options;
    return requests === "always" || (requests === "auto" && !this.sawTask);
  }

  /** Puts what changes from event to event where the kernel has it. */
  lend(): void {
    const { i32, f64 } = this.memory;
    i32[At.requests >> 2] = this.readsRequests ? 1 : 0;
    i32[At.mayWait >> 2] = this.processors.mayWait ? 1 : 0;
    i32[At.runnable >> 2] = this.runnable;
    i32[At.maxRunnable >> 2] = this.maxRunnable;
    f64[At.last >> 3] = this.last;
    f64[At.runningNs >> 3] = this.runningNs;
    f64[At.intervalStart >> 3] = this.intervalStart;
  }

  /** Takes it back. */
  takeBack(): void {
    const { i32, f64 } = this.memory;
    this.runnable = i32[At.runnable >> 2]!;
    this.maxRunnable = i32[At.maxRunnable >> 2]!;
    this.last = f64[At.last >> 3]!;
    this.runningNs = f64[At.runningNs >> 3]!;
  }

  label(text: string): string {
    return cutText(text, this.options.labelLength);
  }

  /** A generation begins with these rows. */
  enter(batch: EventColumns): void {
    // The reader says that generations are missing before this one.
    if (batch.length > 0 && batch.type[0] === Ev.Sync && batch.arg0[0] === 1) this.reset();
    const { generation } = batch;
    // Sites are indexes into the tables of the generation before: only `finish` makes names of them.
    assert(this.generation === undefined, "a generation's rows came before the one before was finished");
    this.generation = generation;
    if (Number.isNaN(this.intervalStart)) this.intervalStart = generation.startTime;
    this.facts.enter(generation);
    const strings = generation.strings.count + 1;
    this.#reasonOf.clear(strings);
    this.memory.i32[At.reasonCount >> 2] = this.reasonOf.length;
    this.taskNameOf = zeroed(this.taskNameOf, strings);
    this.regionSeries = zeroed(this.regionSeries, strings);
    this.taskSeries = zeroed(this.taskSeries, strings);
    this.#syscallSeries.clear(generation.stacks.count + 1);
    this.logSeries.clear();
    this.schedLatencies = this.series.schedLatencies.sample(this.series.schedLatencies.index());
  }

  /** The generation is over at `end`: its tables go, its sums start anew. */
  leave(end: number): void {
    this.generation = undefined;
    this.facts.leave();
    this.intervalStart = end;
    this.#clearSums();
    if (this.names.count * 2 > this.options.names) this.#forgetNames();
  }

  /** Carries nothing over. */
  reset(): void {
    this.goroutines.slots.clear();
    this.tasks.clear();
    this.regions.clear();
    this.processors.clear();
    this.stops.length = 0;
    this.markBegan = Number.NaN;
    this.runnable = 0;
    this.generation = undefined;
    this.intervalStart = Number.NaN;
    this.last = Number.NaN;
    this.#clearSums();
    const nowhere: Observation[] = [];
    this.series.drain(nowhere, false, () => 0);
  }

  #clearSums(): void {
    this.maxRunnable = this.runnable;
    this.runningNs = 0;
    this.assistNs = 0;
    this.gapNs = 0;
    this.blockedNs.fill(0);
    this.balance.fill(0);
  }

  /** Makes room for names: those of what is gone are forgotten, the others get new numbers. */
  #forgetNames(): void {
    const { slots, start, site, requestName } = this.goroutines;
    const live = new Uint8Array(this.names.count);
    for (let slot = 0; slot < slots.used; slot++) {
      if (slots.ids[slot] === -1) continue;
      live[Math.max(0, start[slot]!)] = 1;
      live[-1 - site[slot]!] = 1;
      live[Math.max(0, requestName[slot]!)] = 1;
    }
    this.tasks.forEach((name) => {
      live[name] = 1;
    });
    const renumbered = this.names.compact(live);
    for (let slot = 0; slot < slots.used; slot++) {
      if (slots.ids[slot] === -1) continue;
      if (start[slot]! >= 0) start[slot] = renumbered[start[slot]!]!;
      site[slot] = -1 - renumbered[-1 - site[slot]!]!;
      if (requestName[slot]! >= 0) requestName[slot] = renumbered[requestName[slot]!]!;
    }
    this.tasks.renumber(renumbered);
    this.facts.forget();
  }
}
