/**
 * Every signal on real input: a condition that has to come true there, and one of the same signal that must not. What is
 * missing here fails `test/triggers/coverage.test.ts`; the traces are looked at in `coverage.slow.test.ts`, what only a
 * running agent sees in `test/e2e/signals.test.ts`.
 */

type When = Readonly<Record<string, unknown>>;

/** Of a scenario of test/go/signals, under the execution tracer. The first has to stay quiet in `calm` as well. */
export interface TraceCase {
  readonly scenario: "steps" | "hang" | "requests" | "crowd" | "relay" | "garbage" | "leak" | "burn";
  readonly fires: When;
  readonly quiet: When;
}

/** Of a service that an agent watches: see the test for what happens to which. */
export interface LiveCase {
  readonly job: "zoo" | "shop" | "held" | "dropped";
  readonly fires: When;
  /** Of another job: the same condition, where it does not come true. */
  readonly quiet: When | { readonly job: "zoo" };
}

export const TRACE_CASES: Readonly<Record<string, TraceCase>> = {
  task_duration_seconds: {
    scenario: "steps",
    fires: { labels: { task: "slow" }, above: "500ms" },
    quiet: { labels: { task: "quick" }, above: "500ms" },
  },
  task_open_seconds: {
    scenario: "hang",
    fires: { labels: { task: "import" }, above: "1s" },
    quiet: { labels: { task: "import" }, above: "1m" },
  },
  region_duration_seconds: {
    scenario: "steps",
    fires: { labels: { region: "slow step" }, aggregate: "max", above: "500ms" },
    quiet: { labels: { region: "quick step" }, aggregate: "max", above: "500ms" },
  },
  request_duration_seconds: {
    scenario: "requests",
    fires: { labels: { request: "main.slow" }, min_count: 5, above: "79ms" },
    quiet: { labels: { request: "main.fast" }, above: "2s" },
  },
  request_open_seconds: {
    scenario: "requests",
    fires: { labels: { request: "main.stuck" }, above: "1s" },
    quiet: { labels: { request: ["main.fast", "main.slow"] }, above: "2s" },
  },
  sched_latency_seconds: {
    scenario: "crowd",
    // Half of the latencies are those of the goroutines' start, which are short: not the median.
    fires: { aggregate: "p90", min_samples: 100, above: "5ms" },
    quiet: { aggregate: "p90", min_samples: 100, above: "10s" },
  },
  runnable_goroutines: { scenario: "crowd", fires: { above: 150 }, quiet: { above: 1000 } },
  idle_procs_while_runnable_ratio: { scenario: "relay", fires: { above: "5%" }, quiet: { above: "99%" } },
  stw_pause_seconds: {
    scenario: "garbage",
    fires: { labels: { kind: "GC*" }, above: "1us" },
    quiet: { labels: { kind: "GC*" }, above: "10s" },
  },
  gc_cycle_seconds: { scenario: "garbage", fires: { above: "1us" }, quiet: { above: "10s" } },
  gc_assist_ratio: { scenario: "garbage", fires: { above: "0.1%" }, quiet: { above: "99%" } },
  heap_live_bytes: { scenario: "garbage", fires: { above: "5MiB" }, quiet: { above: "1GiB" } },
  heap_goal_bytes: { scenario: "garbage", fires: { above: "5MiB" }, quiet: { above: "1GiB" } },
  goroutines: {
    scenario: "leak",
    fires: { labels: { state: "waiting" }, above: 49 },
    quiet: { labels: { state: "runnable" }, above: 49 },
  },
  goroutines_by_function: {
    scenario: "leak",
    fires: { labels: { function: "main.*" }, above: 49 },
    quiet: { labels: { function: "!main.*" }, above: 49 },
  },
  goroutines_created_minus_ended: {
    scenario: "leak",
    fires: { labels: { function: "main.leaked" }, above: 49 },
    quiet: { labels: { function: "main.leaked" }, above: 50 },
  },
  blocked_goroutines: {
    scenario: "leak",
    fires: { labels: { reason: "chan receive" }, above: 49 },
    quiet: { labels: { reason: "select" }, above: 49 },
  },
  blocked_age_seconds: {
    scenario: "leak",
    fires: { labels: { function: "main.leaked" }, min_count: 50, above: "1s" },
    quiet: { labels: { function: "main.leaked" }, above: "1m" },
  },
  blocked_seconds: {
    scenario: "leak",
    fires: { labels: { reason: "chan receive" }, above: "30s" },
    quiet: { labels: { reason: "sleep" }, above: "30s" },
  },
  syscall_duration_seconds: {
    scenario: "requests",
    fires: { labels: { function: "net/http.*" }, above: "1ns" },
    quiet: { labels: { function: "net/http.*" }, above: "10s" },
  },
  cpu_gap_seconds: { scenario: "burn", fires: { above: "280ms" }, quiet: { above: "1m" } },
  cpu_gap_ratio: { scenario: "burn", fires: { above: "15%" }, quiet: { above: "99%" } },
  log_records: {
    scenario: "hang",
    fires: { labels: { category: "file", message: "*.csv" } },
    quiet: { labels: { category: "file", message: "*.txt" } },
  },
  trace_bytes: {
    scenario: "garbage",
    fires: { aggregate: "sum", window: "1m", above: "100KiB" },
    quiet: { above: "1GiB" },
  },
};

export const LIVE_CASES: Readonly<Record<string, LiveCase>> = {
  goroutine_profile_count: {
    job: "zoo",
    fires: { labels: { function: "main.parked" }, above: 19 },
    quiet: { labels: { function: "main.parked" }, above: 20 },
  },
  heap_inuse_bytes: {
    job: "zoo",
    fires: { labels: { function: "main.ballast" }, above: "60MiB" },
    quiet: { labels: { function: "!main.ballast" }, above: "60MiB" },
  },
  mutex_delay_seconds: {
    job: "zoo",
    fires: { labels: { function: "main.*" }, above: "100ms" },
    quiet: { labels: { function: "main.*" }, above: "100s" },
  },
  block_delay_seconds: {
    job: "zoo",
    fires: { labels: { function: "main.*" }, above: "100ms" },
    quiet: { labels: { function: "main.ballast" }, above: "100ms" },
  },
  threads_created: { job: "zoo", fires: { above: 20 }, quiet: { above: 1000 } },
  schedtrace_global_runqueue: { job: "zoo", fires: { above: 10 }, quiet: { above: 100_000 } },
  schedtrace_local_runqueue: { job: "zoo", fires: { above: 10 }, quiet: { above: 100_000 } },
  schedtrace_idle_procs: { job: "zoo", fires: { above: 0 }, quiet: { above: 10_000 } },
  schedtrace_threads: { job: "zoo", fires: { above: 20 }, quiet: { above: 10_000 } },
  schedtrace_spinning_threads: { job: "zoo", fires: { above: 0 }, quiet: { above: 10_000 } },
  schedtrace_idle_threads: { job: "zoo", fires: { above: 0 }, quiet: { above: 10_000 } },
  probe_duration_seconds: {
    job: "shop",
    fires: { labels: { probe: "slow" }, above: "250ms" },
    quiet: { labels: { probe: "slow" }, above: "30s" },
  },
  probe_status: {
    job: "shop",
    fires: { labels: { probe: "missing" }, above: 399 },
    quiet: { labels: { probe: "home" }, above: 399 },
  },
  probe_success: {
    job: "shop",
    fires: { labels: { probe: "missing" }, below: 1 },
    quiet: { labels: { probe: "home" }, above: 1 },
  },
  "metric:http_requests_total": {
    job: "shop",
    fires: { labels: { code: "200" }, above: "1/s" },
    quiet: { labels: { code: "5*" }, above: "1/s" },
  },
  "metric:http_request_duration_seconds_bucket": {
    job: "shop",
    fires: { aggregate: "p99", min_samples: 5, above: "100ms" },
    quiet: { aggregate: "p99", min_samples: 5, above: "30s" },
  },
  "metric:memstats.Mallocs": { job: "shop", fires: { above: 1000 }, quiet: { below: 1 } },
  target_up: { job: "shop", fires: { below: 1 }, quiet: { job: "zoo" } },
  stream_up: { job: "shop", fires: { below: 1 }, quiet: { job: "zoo" } },
  target_restarted: { job: "shop", fires: {}, quiet: { job: "zoo" } },
  stream_lost: { job: "shop", fires: {}, quiet: { job: "zoo" } },
  stream_refused: { job: "held", fires: {}, quiet: { job: "zoo" } },
  trace_file: { job: "dropped", fires: {}, quiet: { job: "zoo" } },
  alert: { job: "zoo", fires: { labels: { team: "web" } }, quiet: { labels: { team: "db" } } },
  schedule: {
    job: "zoo",
    fires: { labels: { schedule: "often" } },
    quiet: { labels: { schedule: "yearly" } },
  },
  promql: {
    job: "zoo",
    fires: { labels: { query: "three" }, above: 2 },
    quiet: { labels: { query: "three" }, above: 3 },
  },
};
