/** The numbers of an analysis that captures are compared by: in the manifest, in the index, and for `ls --sort`. */
export const SUMMARY_NUMBERS = [
  "duration_ns",
  "events",
  "goroutines",
  "tasks",
  "task_max_ns",
  "sched_wait_p99_ns",
  "sched_wait_max_ns",
  "run_queue_max",
  "gc_cycles",
  "stw_total_ns",
  "stw_max_ns",
  "heap_max_bytes",
  "stuck",
  "findings",
] as const;

export type SummaryNumber = (typeof SUMMARY_NUMBERS)[number];

/** Those that a trace tells: one without a GC cycle has no greatest pause. */
export type SummaryNumbers = Readonly<Partial<Record<SummaryNumber, number>>>;
