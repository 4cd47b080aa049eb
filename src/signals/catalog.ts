/**
 * The one table of everything a rule can look at. Rules are checked against it when they are loaded, the readers of
 * `src/signals/` and the agent fill it, and the table in `docs/triggers.md` is generated from it.
 */

import type { SignalSource } from "./signal.ts";

/** Base units, as Prometheus has them. A threshold is written in the unit's own spelling: `50ms`, `512MiB`, `5%`, `100`. */
export type SignalUnit = "seconds" | "bytes" | "ratio" | "count";

/**
 * - `distribution`: every single value of the interval, such as the duration of each task that ended.
 * - `snapshot`: every single value at the interval's end, such as the age of each task that is still running.
 * - `gauge`: one value an interval.
 * - `counter`: one value an interval that only rises until its process restarts.
 * - `event`: one value of 1 for each time it happened.
 */
export type SignalKind = "distribution" | "snapshot" | "gauge" | "counter" | "event";

export interface SignalDefinition {
  readonly name: string;
  readonly unit: SignalUnit;
  readonly kind: SignalKind;
  readonly source: SignalSource;
  /** The labels its series carry. `openLabels`: any others as well. */
  readonly labels: readonly string[];
  readonly openLabels: boolean;
  /** The labels by which firings are told apart when the rule does not say: those with few values. */
  readonly groupBy: readonly string[] | "all";
  readonly description: string;
}

type Extra = Partial<Pick<SignalDefinition, "labels" | "openLabels" | "groupBy">>;

function define(
  source: SignalSource,
  kind: SignalKind,
  unit: SignalUnit,
  name: string,
  description: string,
  extra: Extra = {},
): SignalDefinition {
  return { name, unit, kind, source, labels: [], openLabels: false, groupBy: "all", description, ...extra };
}

const TRACE: readonly SignalDefinition[] = [
  define("trace", "distribution", "seconds", "task_duration_seconds", "How long each task took that ended.", {
    labels: ["task"],
  }),
  define("trace", "snapshot", "seconds", "task_open_seconds", "How old each task is that is still running.", {
    labels: ["task"],
  }),
  define(
    "trace",
    "distribution",
    "seconds",
    "region_duration_seconds",
    "How long each region took that ended.",
    {
      labels: ["region"],
    },
  ),
  define(
    "trace",
    "distribution",
    "seconds",
    "request_duration_seconds",
    "How long each request took, inferred from stacks where the service has no tasks.",
    { labels: ["request"] },
  ),
  define(
    "trace",
    "snapshot",
    "seconds",
    "request_open_seconds",
    "How old each inferred request is that is still being served.",
    { labels: ["request"] },
  ),
  define(
    "trace",
    "distribution",
    "seconds",
    "sched_latency_seconds",
    "How long each goroutine was runnable before it ran.",
  ),
  define(
    "trace",
    "gauge",
    "count",
    "runnable_goroutines",
    "The most goroutines that were runnable, but not running, at the same time.",
  ),
  define(
    "trace",
    "gauge",
    "ratio",
    "idle_procs_while_runnable_ratio",
    "Share of the time in which a P was idle though a goroutine was runnable.",
  ),
  define(
    "trace",
    "distribution",
    "seconds",
    "stw_pause_seconds",
    "How long the world was stopped, each time, from the request to the restart.",
    { labels: ["kind"] },
  ),
  define(
    "trace",
    "distribution",
    "seconds",
    "gc_cycle_seconds",
    "How long each garbage collection's concurrent mark took.",
  ),
  define(
    "trace",
    "gauge",
    "ratio",
    "gc_assist_ratio",
    "Share of all running goroutine time that was spent in mark assist.",
  ),
  define("trace", "gauge", "bytes", "heap_live_bytes", "Live heap at the interval's end."),
  define("trace", "gauge", "bytes", "heap_goal_bytes", "Heap size at which the next collection is to end."),
  define("trace", "gauge", "count", "goroutines", "Goroutines at the interval's end by state.", {
    labels: ["state"],
  }),
  define(
    "trace",
    "gauge",
    "count",
    "goroutines_by_function",
    "Goroutines at the interval's end by the function they started in.",
    { labels: ["function"] },
  ),
  define(
    "trace",
    "gauge",
    "count",
    "goroutines_created_minus_ended",
    "Goroutines created less those ended in the interval, by start function. Below zero when more ended.",
    { labels: ["function"] },
  ),
  define(
    "trace",
    "gauge",
    "count",
    "blocked_goroutines",
    "Goroutines blocked at the interval's end by reason.",
    {
      labels: ["reason"],
    },
  ),
  define(
    "trace",
    "snapshot",
    "seconds",
    "blocked_age_seconds",
    "How long each goroutine has been blocked so far with the same stack, by reason and the stack's first function outside the runtime.",
    { labels: ["reason", "function"] },
  ),
  define(
    "trace",
    "gauge",
    "seconds",
    "blocked_seconds",
    "Time all goroutines together spent blocked in the interval, by reason.",
    { labels: ["reason"] },
  ),
  define("trace", "distribution", "seconds", "syscall_duration_seconds", "How long each system call took.", {
    labels: ["function"],
  }),
  define(
    "trace",
    "distribution",
    "seconds",
    "cpu_gap_seconds",
    "Each gap in which no thread made an event though goroutines were running: CPU throttling or a starved host.",
  ),
  define(
    "trace",
    "gauge",
    "ratio",
    "cpu_gap_ratio",
    "Share of the interval that lies in such gaps of at least 5 ms.",
  ),
  define("trace", "event", "count", "log_records", "Each record written with runtime/trace.Log.", {
    labels: ["category", "message"],
    groupBy: ["category"],
  }),
  define("trace", "gauge", "bytes", "trace_bytes", "Size of the generation itself."),
];

const PROFILE: readonly SignalDefinition[] = [
  define(
    "profile",
    "gauge",
    "count",
    "goroutine_profile_count",
    "Goroutines in the goroutine profile by the function that created their work.",
    { labels: ["function"] },
  ),
  define(
    "profile",
    "gauge",
    "bytes",
    "heap_inuse_bytes",
    "Heap in use by allocating function, from the heap profile.",
    {
      labels: ["function"],
    },
  ),
  define(
    "profile",
    "gauge",
    "seconds",
    "mutex_delay_seconds",
    "Time waited for mutexes per second, by function, from a delta profile.",
    { labels: ["function"] },
  ),
  define(
    "profile",
    "gauge",
    "seconds",
    "block_delay_seconds",
    "Time blocked on synchronisation per second, by function, from a delta profile.",
    { labels: ["function"] },
  ),
  define("profile", "gauge", "count", "threads_created", "Operating system threads made so far."),
];

const OTHERS: readonly SignalDefinition[] = [
  define("probe", "distribution", "seconds", "probe_duration_seconds", "How long each HTTP probe took.", {
    labels: ["probe"],
  }),
  define("probe", "gauge", "count", "probe_status", "HTTP status of the last probe; 0 without an answer.", {
    labels: ["probe"],
  }),
  define(
    "probe",
    "gauge",
    "count",
    "probe_success",
    "1 when the last probe was answered as expected, else 0.",
    {
      labels: ["probe"],
    },
  ),
  define("schedtrace", "gauge", "count", "schedtrace_global_runqueue", "Goroutines in the global run queue."),
  define(
    "schedtrace",
    "gauge",
    "count",
    "schedtrace_local_runqueue",
    "Goroutines in all local run queues together.",
  ),
  define("schedtrace", "gauge", "count", "schedtrace_idle_procs", "Idle Ps."),
  define("schedtrace", "gauge", "count", "schedtrace_threads", "Operating system threads."),
  define("schedtrace", "gauge", "count", "schedtrace_spinning_threads", "Threads that look for work."),
  define("schedtrace", "gauge", "count", "schedtrace_idle_threads", "Parked threads."),
  define("target", "gauge", "count", "target_up", "1 while the target answers, else 0."),
  define("target", "gauge", "count", "stream_up", "1 while the trace stream of the target is open, else 0."),
  define("target", "event", "count", "target_restarted", "The target's process is another one than before."),
  define(
    "target",
    "event",
    "count",
    "stream_lost",
    "The trace stream broke off before its time: a crash, a kill, or a lost network. Fires the last-breath capture.",
    { labels: ["reason"] },
  ),
  define(
    "target",
    "event",
    "count",
    "stream_refused",
    "The target refused the trace stream, mostly because another consumer holds it.",
    { labels: ["reason"] },
  ),
  define(
    "target",
    "event",
    "count",
    "trace_file",
    "The service's own flight recorder dropped a file in the folder (`trace.mode: file`).",
  ),
  define("external", "event", "count", "alert", "An alert that Alertmanager sent to the webhook.", {
    labels: ["alertname", "severity", "status"],
    openLabels: true,
    groupBy: ["alertname"],
  }),
  define("external", "event", "count", "schedule", "A cron schedule came round.", { labels: ["schedule"] }),
  define("external", "gauge", "count", "promql", "What a query polled from a Prometheus server returned.", {
    labels: ["query"],
    openLabels: true,
  }),
];

export const SIGNALS: readonly SignalDefinition[] = [...TRACE, ...PROFILE, ...OTHERS];

const BY_NAME = new Map(SIGNALS.map((signal) => [signal.name, signal]));

/** A series of the service's own metrics: `metric:` and its name there, `metric:http_requests_total`. */
export const METRIC_PREFIX = "metric:";
const METRIC_NAME = /^[a-zA-Z_][a-zA-Z0-9_:.]*$/;

/** The definition of a signal by name, or undefined for a name nobody feeds. */
export function findSignal(name: string): SignalDefinition | undefined {
  const known = BY_NAME.get(name);
  if (known !== undefined || !name.startsWith(METRIC_PREFIX)) return known;
  const metric = name.slice(METRIC_PREFIX.length);
  return METRIC_NAME.test(metric) ? metricDefinition(name, metric) : undefined;
}

/** The names of all signals but the service's own metrics, for "did you mean". */
export function signalNames(): readonly string[] {
  return [...BY_NAME.keys()];
}

/** The service names its metrics by Prometheus' conventions, or it does not: then a plain number is the threshold. */
function metricDefinition(name: string, metric: string): SignalDefinition {
  const counter = /(_total|_bucket|_count|_sum)$/.test(metric);
  // What is derived of a histogram has the histogram's unit.
  const base = metric.replace(/:(p[\d.]+|mean)$/, "").replace(/_(total|sum)$/, "");
  const counts = /_(bucket|count)$/.test(metric);
  const unit = counts
    ? "count"
    : base.endsWith("_seconds")
      ? "seconds"
      : base.endsWith("_bytes")
        ? "bytes"
        : "count";
  return define(
    "metrics",
    counter ? "counter" : "gauge",
    base.endsWith("_ratio") ? "ratio" : unit,
    name,
    "A series of the service's own metrics.",
    { openLabels: true },
  );
}
