import type { SummaryNumbers } from "../base/summary.ts";
import type { AnalysisResult } from "./result.ts";

/** What captures are compared by, from all that an analysis says. */
export function summaryNumbers(result: AnalysisResult): SummaryNumbers {
  const { duration_ns, events, goroutines, tasks, scheduler, gc, stuck, findings } = result;
  const stopped = greatest(Object.values(gc.stw).map(({ max_ns }) => max_ns));
  const heap = greatest(gc.heap.max);
  const complete = tasks.filter((task) => task.complete > 0);
  return {
    duration_ns,
    events,
    goroutines: sum(goroutines.map(({ count }) => count)),
    tasks: sum(tasks.map(({ count }) => count)),
    ...(complete.length > 0 && { task_max_ns: greatest(complete.map(({ max_ns }) => max_ns)) ?? 0 }),
    ...(scheduler.latency.count > 0 && {
      sched_wait_p99_ns: scheduler.latency.p99_ns,
      sched_wait_max_ns: scheduler.latency.max_ns,
    }),
    run_queue_max: scheduler.run_queue_max,
    gc_cycles: gc.cycle_count,
    stw_total_ns: gc.stw_total_ns,
    ...(stopped !== undefined && { stw_max_ns: stopped }),
    ...(heap !== undefined && { heap_max_bytes: heap }),
    stuck: stuck.count,
    ...(findings !== null && { findings: findings.findings.length }),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** Null where nothing was known. */
function greatest(numbers: readonly (number | null)[]): number | undefined {
  let most: number | undefined;
  for (const each of numbers) if (each !== null && (most === undefined || each > most)) most = each;
  return most;
}
