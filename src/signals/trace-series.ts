/** The distributions of a trace: one set of series a signal. */

import { SeriesSet } from "./series-set.ts";
import type { Observation } from "./signal.ts";

export interface TraceSeriesLimits {
  readonly labelSets: number;
  readonly valuesPerSeries: number;
}

/** Pushed values are ns, drained ones seconds. */
const SECONDS_PER_NS = 1e-9;

export class TraceSeries {
  readonly taskDurations: SeriesSet;
  readonly taskAges: SeriesSet;
  readonly regionDurations: SeriesSet;
  readonly requestDurations: SeriesSet;
  readonly requestAges: SeriesSet;
  readonly schedLatencies: SeriesSet;
  readonly pauses: SeriesSet;
  readonly gcCycles: SeriesSet;
  readonly blockedAges: SeriesSet;
  readonly syscalls: SeriesSet;
  readonly gaps: SeriesSet;
  readonly logs: SeriesSet;
  readonly #all: readonly SeriesSet[];
  /** Their values are all of the interval's end. */
  readonly #snapshots: ReadonlySet<SeriesSet>;

  constructor(limits: TraceSeriesLimits) {
    const all: SeriesSet[] = [];
    const series = (signal: string, ...labels: readonly string[]): SeriesSet => {
      const set = new SeriesSet(signal, labels, limits.labelSets, limits.valuesPerSeries);
      all.push(set);
      return set;
    };
    this.taskDurations = series("task_duration_seconds", "task");
    this.taskAges = series("task_open_seconds", "task");
    this.regionDurations = series("region_duration_seconds", "region");
    this.requestDurations = series("request_duration_seconds", "request");
    this.requestAges = series("request_open_seconds", "request");
    this.schedLatencies = series("sched_latency_seconds");
    this.pauses = series("stw_pause_seconds", "kind");
    this.gcCycles = series("gc_cycle_seconds");
    this.blockedAges = series("blocked_age_seconds", "reason", "function");
    this.syscalls = series("syscall_duration_seconds", "function");
    this.gaps = series("cpu_gap_seconds");
    this.logs = series("log_records", "category", "message");
    this.#all = all;
    this.#snapshots = new Set([this.taskAges, this.requestAges, this.blockedAges]);
  }

  /** Values that were counted but not kept, and values that lost their label, since the session began. */
  get dropped(): { readonly values: number; readonly labelSets: number } {
    let values = 0;
    let labelSets = 0;
    for (const set of this.#all) {
      values += set.droppedValues;
      labelSets += set.droppedLabelSets;
    }
    return { values, labelSets };
  }

  /**
   * The observations of the interval; the series are empty then. Without `withRequests` those of requests are left out.
   * All their values lie in one buffer, which can be moved to another thread.
   */
  drain(into: Observation[], withRequests: boolean, wallOf: (relativeNs: number) => number): void {
    let room = new Float64Array(2 * this.#all.reduce((kept, set) => kept + set.kept, 0));
    for (const set of this.#all) {
      const isRequest = set === this.requestDurations || set === this.requestAges;
      const scale = set === this.logs ? 1 : SECONDS_PER_NS;
      const time = this.#snapshots.has(set) ? undefined : wallOf;
      room = room.subarray(set.drain(isRequest && !withRequests ? [] : into, room, scale, time));
    }
  }
}
