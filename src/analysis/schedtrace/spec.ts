/**
 * Output of `GODEBUG=schedtrace=MS[,scheddetail=1]`, as `schedtrace` in Go's runtime/proc.go prints it on stderr.
 *
 * A snapshot is a SCHED line; with scheddetail=1 lines of every P, M and G follow. Lines are `key=value` fields; a key
 * that a version does not print yet (needspinning from 1.21 on, schedticks from 1.26 on) is null. Booleans were numbers up to
 * Go 1.18. State codes from Go's runtime/runtime2.go.
 */

/** `_Gidle` and so on; numbers have not changed since Go 1.5, new ones were added. */
const goroutineStates = [
  "idle",
  "runnable",
  "running",
  "syscall",
  "waiting",
  "moribund",
  "dead",
  "enqueue",
  "copystack",
  "preempted",
  "leaked",
  "deadextra",
] as const;
/** Added to a state while the garbage collector scans the stack. */
const SCAN = 0x1000;
const procStates = ["idle", "running", "syscall", "gcstop", "dead"] as const;

/** Name of a goroutine's state code, `(scan)` after it where its stack is being scanned. */
export function goroutineStateName(code: number): string {
  const scan = (code & SCAN) !== 0;
  const name = goroutineStates[code & ~SCAN] ?? `state ${code & ~SCAN}`;
  return scan ? `${name} (scan)` : name;
}

/** Name of a proc's state code. */
export function procStateName(code: number): string {
  return procStates[code] ?? `state ${code}`;
}

/** A SCHED line, and what its detail lines add up to. */
export interface SchedSample {
  /** Since the program's start. */
  readonly at_ms: number;
  readonly gomaxprocs: number;
  readonly idle_procs: number;
  readonly threads: number;
  readonly spinning_threads: number;
  readonly need_spinning: number | null;
  readonly idle_threads: number;
  /** Goroutines in the global run queue. */
  readonly run_queue: number;
  /** In each P's own; from the detail lines where there are some. */
  readonly local_run_queues: readonly number[];
  /** Goroutines that could run and do not: global and local queues. */
  readonly runnable: number;
  /** Scheduler rounds of each P since the start, null where they are not printed. */
  readonly sched_ticks: readonly number[] | null;
  readonly gc_waiting: boolean | null;
  readonly stop_wait: number | null;
  /** Goroutines by state, and those that wait by reason; null without scheddetail. */
  readonly goroutines: Readonly<Record<string, number>> | null;
  readonly waiting: Readonly<Record<string, number>> | null;
}

export interface SchedProc {
  readonly id: number;
  readonly state: string;
  readonly sched_tick: number;
  readonly syscall_tick: number;
  readonly thread: number | null;
  readonly run_queue: number;
  readonly timers: number | null;
}

export interface SchedThread {
  readonly id: number;
  readonly proc: number | null;
  readonly goroutine: number | null;
  readonly locks: number;
  readonly spinning: boolean;
  readonly blocked: boolean;
  /** Goroutine it is locked to (runtime.LockOSThread). */
  readonly locked_goroutine: number | null;
}

export interface SchedGoroutine {
  readonly id: number;
  readonly state: string;
  /** "" for one that does not wait. */
  readonly wait_reason: string;
  readonly thread: number | null;
  readonly locked_thread: number | null;
}

/** The Ps, Ms and Gs of one snapshot. */
export interface SchedDetail {
  readonly at_ms: number;
  readonly procs: readonly SchedProc[];
  readonly threads: readonly SchedThread[];
  readonly goroutines: readonly SchedGoroutine[];
}

export interface SchedTraceResult {
  readonly schema: 1;
  /** Snapshots in order; the newest if there were too many. */
  readonly samples: readonly SchedSample[];
  readonly dropped_samples: number;
  /** The last snapshot's, null without scheddetail. */
  readonly last: SchedDetail | null;
  /** Lines that are something else: the program's own output. */
  readonly other_lines: number;
}
