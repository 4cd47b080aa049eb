/**
 * What an analysis gives: the JSON of `gorewind analyze --format json` and of a capture's `summary.json`.
 *
 * `schema` rises when a field changes its meaning or goes; new fields do not raise it. All durations are whole ns. Times
 * named `…_at_ns` are ns after the trace's start; `start_ns` and `end_ns` are the trace clock's own (exact to 2^53 ns,
 * 104 days of uptime). `events`, `kinds`, `start_ns`, `end_ns`, `range_begins` and, in their rows, `goroutines`
 * (`count`, `…_ns`), `tasks` and `regions` (`count`, `complete`, `total_ns`, `max_ns`) are equal to what Go's Reader
 * and Summarizer give, errors of theirs included: a syscall that lost its proc and is open at the end counts as scheduler
 * wait as well. The distributions are free of it.
 */

import type { StuckResult } from "./blocked.ts";
import type { CausesResult } from "./causes/result.ts";
import type { FindingsResult } from "./findings/result.ts";
import type { GcResult } from "./gc.ts";
import type { GoroutineGroup } from "./goroutines.ts";
import type { LogsResult } from "./logs.ts";
import type { MmuResult } from "./mmu.ts";
import type { RegionGroup, RegionPlace } from "./regions.ts";
import type { SamplesResult } from "./samples.ts";
import type { SchedulerResult } from "./scheduler.ts";
import type { TaskGroup } from "./tasks.ts";

export const ANALYSIS_SCHEMA = 1;

export interface AnalysisResult {
  readonly schema: typeof ANALYSIS_SCHEMA;
  /** Minor Go version of the trace's header: 26 for `go 1.26 trace`. */
  readonly version: number;
  readonly events: number;
  /** Events by Go's kinds. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly start_ns: number;
  readonly end_ns: number;
  readonly duration_ns: number;
  /** Wall clock of the start, ms since the Unix epoch; null before Go 1.25, whose traces do not have it. */
  readonly start_wall_ms: number | null;
  readonly generations: number;
  /** Places where generations are missing (tolerant reading). */
  readonly gaps: number;
  readonly goroutines: readonly GoroutineGroup[];
  readonly tasks: readonly TaskGroup[];
  /** By name; "" are those inherited by goroutines created inside a region. */
  readonly regions: readonly RegionGroup[];
  readonly region_places: readonly RegionPlace[];
  /** Region ends whose begin came before the trace; in no row. */
  readonly regions_unbegun: number;
  readonly range_begins: Readonly<Record<string, number>>;
  readonly logs: LogsResult;
  readonly scheduler: SchedulerResult;
  readonly gc: GcResult;
  /** Null if the trace does not tell GOMAXPROCS: captures of Go before 1.25 that begin after the program's tracing did. */
  readonly mmu: MmuResult | null;
  readonly cpu_samples: SamplesResult;
  readonly stuck: StuckResult;
  /** How often a bound was met: names or stacks that could not be told apart any more. All 0 is as it should be. */
  readonly overflow: {
    readonly goroutine_names: number;
    readonly wait_reasons: number;
    readonly stacks: number;
  };
  /** Why it was slow: budgets by percentile, critical paths, locks, … Null if it was not asked for. */
  readonly causes: CausesResult | null;
  /** What is wrong, worst first, in plain language. Null without `causes`. */
  readonly findings: FindingsResult | null;
}
