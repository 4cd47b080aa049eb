/**
 * The analysis of a trace: one walk over its rows, memory bounded by what is alive at once. result.ts says what comes out.
 *
 *     const result = analyse(readTrace(bytes));
 *
 *     const analysis = new Analysis();                       // or push batches as they come
 *     for await (const chunk of file) for (const batch of reader.push(chunk)) analysis.push(batch);
 *     for (const batch of reader.end()) analysis.push(batch);
 *     const result = analysis.finish();
 *
 * Events are decoded once; the tracker (tracker.ts) follows every goroutine through
 * them; passes look at both and each computes one thing. A pass of your own slots in without a second decode:
 *
 *     class WakeGraph implements Pass {
 *       onBatch({ columns, slot }: TrackedBatch, tracker: GoroutineTracker) {
 *         for (let i = 0; i < columns.length; i++) {
 *           if (columns.type[i] !== Ev.GoUnblock) continue;
 *           const waker = tracker.slots.find(columns.g[i]!); // −1: the network poller, a timer
 *           if (waker >= 0) edge(tracker.group[waker], tracker.group[slot[i]!]);
 *         }
 *       }
 *     }
 *     const graph = new WakeGraph();
 *     const result = analyse(readTrace(bytes), { passes: [graph] });
 *
 * What is called when, for one batch of rows:
 *
 * 1. `onGeneration`, if the batch is the first of a generation: string and stack indexes mean something else from here on.
 * 2. The tracker walks the rows. At rows of the types a pass names in `types` it calls the pass's `onRow`: the tracker's
 *    state is then that *at the row*. Meant for rare rows (tasks, regions, ranges) that need running totals.
 * 3. `onBatch`: the tracker's state is that *after the batch*; what was so at a row is in the `TrackedBatch` columns.
 *    Goroutines that ended in the batch are in `tracker.deaths` and still have their slot, its totals and its name.
 * 4. The slots of the dead are freed.
 *
 * Slots are dense and used again, so a pass keeps per-goroutine state in typed arrays by slot: make room for
 * `tracker.capacity` (it only grows, at `onRow` and `onBatch` alike) and clear a slot when it is among `deaths`.
 */

import type { EventColumns } from "../trace/columns.ts";
import { kindOf, specOf } from "../trace/spec.ts";
import { StuckPass } from "./blocked.ts";
import { CausesPass } from "./causes/causes.ts";
import type { CausesOptions } from "./causes/causes.ts";
import { findingsOf } from "./findings/findings.ts";
import { GcPass } from "./gc.ts";
import { GoroutinePass } from "./goroutines.ts";
import { LogPass } from "./logs.ts";
import type { LogOptions } from "./logs.ts";
import { mmuOf } from "./mmu.ts";
import type { Pass, TrackerOptions } from "./tracker.ts";
import { RangePass } from "./ranges.ts";
import { RegionPass } from "./regions.ts";
import { ANALYSIS_SCHEMA } from "./result.ts";
import type { AnalysisResult } from "./result.ts";
import { SamplePass } from "./samples.ts";
import { SchedulerPass } from "./scheduler.ts";
import { TaskPass } from "./tasks.ts";
import { GoroutineTracker } from "./tracker.ts";
import { UtilizationPass } from "./utilization.ts";
import type { UtilizationOptions } from "./utilization.ts";

export interface AnalysisOptions {
  /** Goroutines, tasks and regions told one by one, of each group and measure. Default 10. */
  readonly worst?: number;
  /** Default: the newest 1000. */
  readonly logs?: LogOptions;
  /** What counts as the collector's in `mmu`. Default: all four. */
  readonly mmu?: UtilizationOptions;
  /** Whether to look for causes and findings (`causes`, `findings`), and in how much of the trace. Default true. */
  readonly causes?: boolean | CausesOptions;
  /** Further passes over the same rows; they run after the built-in ones. */
  readonly passes?: readonly Pass[];
  /** For tests: do without the kernel (kernel/walk.ts). */
  readonly plain?: boolean;
}

const DEFAULT_WORST = 10;
const DEFAULT_LOGS = 1000;

export class Analysis {
  readonly #ranges = new RangePass();
  readonly #goroutines: GoroutinePass;
  readonly #tasks: TaskPass;
  readonly #regions: RegionPass;
  readonly #logs: LogPass;
  readonly #scheduler = new SchedulerPass();
  readonly #gc = new GcPass();
  readonly #utilization: UtilizationPass;
  readonly #samples = new SamplePass();
  readonly #stuck = new StuckPass();
  readonly #causes: CausesPass | undefined;
  readonly #passes: readonly Pass[];
  readonly #trackerOptions: TrackerOptions;
  #tracker: GoroutineTracker | undefined;
  #version = 0;
  #startWall: number | null = null;

  constructor(options: AnalysisOptions = {}) {
    const worst = options.worst ?? DEFAULT_WORST;
    this.#trackerOptions = { intervals: true, plain: options.plain ?? false };
    this.#goroutines = new GoroutinePass(this.#ranges, worst);
    this.#tasks = new TaskPass(worst);
    this.#regions = new RegionPass(this.#tasks, worst);
    this.#logs = new LogPass(options.logs ?? { limit: DEFAULT_LOGS });
    this.#utilization = new UtilizationPass(options.mmu);
    const { causes = true } = options;
    if (causes !== false) this.#causes = new CausesPass(causes === true ? {} : causes);
    // Regions before tasks and goroutines: those open at a goroutine's end are closed first.
    this.#passes = [
      this.#ranges,
      this.#regions,
      this.#tasks,
      this.#logs,
      this.#goroutines,
      this.#scheduler,
      this.#gc,
      this.#utilization,
      this.#samples,
      this.#stuck,
      ...(this.#causes === undefined ? [] : [this.#causes]),
      ...(options.passes ?? []),
    ];
  }

  /** The state shared by the passes; undefined before the first batch. */
  get tracker(): GoroutineTracker | undefined {
    return this.#tracker;
  }

  /** Takes the next rows. They may be overwritten afterwards. */
  push(columns: EventColumns): void {
    if (this.#tracker === undefined) {
      this.#tracker = new GoroutineTracker(this.#passes, this.#trackerOptions);
      this.#version = columns.generation.version;
      this.#startWall = startWall(columns);
    }
    this.#tracker.push(columns);
  }

  /** The trace is over. */
  finish(): AnalysisResult {
    const tracker = this.#tracker ?? new GoroutineTracker(this.#passes, this.#trackerOptions);
    tracker.finish();
    const utilization = this.#utilization.result(tracker);
    const result: Omit<AnalysisResult, "findings"> = {
      schema: ANALYSIS_SCHEMA,
      version: this.#version,
      events: tracker.events,
      kinds: kindCounts(tracker),
      start_ns: tracker.timeBase + tracker.startTime,
      end_ns: tracker.timeBase + tracker.lastTime,
      duration_ns: tracker.lastTime - tracker.startTime,
      start_wall_ms: this.#startWall,
      generations: Math.max(0, tracker.syncs - 1),
      gaps: tracker.gaps,
      goroutines: this.#goroutines.result(tracker),
      tasks: this.#tasks.result(tracker),
      regions: this.#regions.groups(tracker),
      region_places: this.#regions.places(),
      regions_unbegun: this.#regions.unbegun,
      range_begins: this.#ranges.begins,
      logs: this.#logs.result(tracker),
      scheduler: this.#scheduler.result(tracker),
      gc: this.#gc.result(tracker),
      mmu: utilization === undefined ? null : mmuOf(utilization, tracker.startTime),
      cpu_samples: this.#samples.result(tracker),
      stuck: this.#stuck.result(tracker),
      overflow: {
        goroutine_names: tracker.groups.overflow,
        wait_reasons: tracker.reasons.overflow,
        stacks: tracker.stacks.overflow,
      },
      causes: this.#causes?.result(tracker) ?? null,
    };
    return { ...result, findings: result.causes === null ? null : findingsOf(result, result.causes) };
  }
}

/** Analyses the rows of a trace. */
export function analyse(batches: Iterable<EventColumns>, options: AnalysisOptions = {}): AnalysisResult {
  const analysis = new Analysis(options);
  for (const batch of batches) analysis.push(batch);
  return analysis.finish();
}

/** The same for rows that come asynchronously. */
export async function analyseStream(
  batches: AsyncIterable<EventColumns>,
  options: AnalysisOptions = {},
): Promise<AnalysisResult> {
  const analysis = new Analysis(options);
  for await (const batch of batches) analysis.push(batch);
  return analysis.finish();
}

function kindCounts(tracker: GoroutineTracker): Record<string, number> {
  const kinds = new Map<string, number>();
  tracker.counts.forEach((count, type) => {
    if (count === 0 || specOf(type) === undefined) return;
    const kind = kindOf(type);
    kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  });
  return Object.fromEntries([...kinds].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function startWall(columns: EventColumns): number | null {
  const { clock, clockTime } = columns.generation;
  if (clock === undefined || clockTime === undefined) return null;
  return clock.seconds * 1000 + (clock.nanoseconds + columns.time[0]! - clockTime) / 1e6;
}
