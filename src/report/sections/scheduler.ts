import type { AnalysisResult } from "../../analysis/result.ts";
import type { Distribution } from "../../analysis/sketch.ts";
import { duration, integer, percent, significant } from "../format.ts";
import { name, right } from "../model.ts";
import type { Section } from "../model.ts";

/** How long runnable goroutines waited for a processor. */
export function schedulerSection(result: AnalysisResult, most: number): Section {
  const { scheduler, duration_ns } = result;
  const causes = Object.entries(scheduler.by_cause)
    .filter(([, waits]) => waits.count > 0)
    .sort(([, a], [, b]) => b.sum_ns - a.sum_ns)
    .slice(0, most - 1);
  return {
    id: "scheduler",
    title: "Scheduler latency",
    summary: "from runnable to running",
    tables: [
      {
        columns: [name("made runnable by"), ...distributionColumns()],
        rows: [
          ["all", ...distributionCells(scheduler.latency)],
          ...causes.map(([cause, waits]) => [cause, ...distributionCells(waits)]),
        ],
      },
    ],
    notes: [
      `run queue: ${significant(scheduler.run_queue_mean)} goroutines on average, at most ${integer(scheduler.run_queue_max)}`,
      `more runnable than processors for ${duration(scheduler.overloaded_ns)} (${percent(share(scheduler.overloaded_ns, duration_ns))} of the trace); idle while work was runnable: ${duration(scheduler.idle_while_runnable_ns)} of processor time`,
      ...procsNote(result),
    ],
  };
}

function procsNote({ scheduler }: AnalysisResult): string[] {
  const procs = scheduler.procs.filter((proc) => proc.utilization >= 0.0005);
  if (procs.length === 0) return [];
  const each =
    procs.length <= 8
      ? procs.map(({ proc, utilization }) => `P${proc} ${percent(utilization)}`).join(", ")
      : `${percent(procs.reduce((sum, proc) => sum + proc.utilization, 0) / procs.length)} on average`;
  return [`processors held by a thread: ${each}`];
}

export const distributionColumns = (): ReturnType<typeof right>[] =>
  ["count", "p50", "p95", "p99", "max", "total"].map(right);

export function distributionCells(waits: Distribution): string[] {
  return [
    integer(waits.count),
    ...[waits.p50_ns, waits.p95_ns, waits.p99_ns, waits.max_ns, waits.sum_ns].map(duration),
  ];
}

export const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
