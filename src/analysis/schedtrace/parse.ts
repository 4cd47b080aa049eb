/** Lines of schedtrace output → snapshots. Bounded: the newest snapshots, and the details of the last one alone. */

import { goroutineStateName, procStateName } from "./spec.ts";
import type {
  SchedDetail,
  SchedGoroutine,
  SchedProc,
  SchedSample,
  SchedThread,
  SchedTraceResult,
} from "./spec.ts";

/** Snapshots kept: at one a second more than a day. */
export const MAX_SAMPLES = 100_000;
/** Detail lines kept of the last snapshot, of each kind; all are counted. */
const MAX_DETAILS = 10_000;

type Fields = ReadonlyMap<string, string>;

interface Snapshot {
  readonly at: number;
  readonly fields: Fields;
  /** The lists in brackets: local run queues, schedticks. */
  readonly queues: number[];
  readonly ticks: number[] | null;
  readonly procs: SchedProc[];
  readonly threads: SchedThread[];
  readonly goroutines: SchedGoroutine[];
  readonly states: Map<string, number>;
  readonly reasons: Map<string, number>;
}

export class SchedTraceParser {
  /** A ring once it is full. */
  readonly #samples: SchedSample[] = [];
  #count = 0;
  #other = 0;
  #current: Snapshot | undefined;
  #last: SchedDetail | null = null;

  /** Takes the next line, without its end. */
  line(text: string): void {
    const head = /^SCHED (\d+)ms: (.*)$/.exec(text.trimEnd());
    if (head !== null) {
      this.#finishSnapshot();
      this.#current = snapshot(Number(head[1]), head[2]!);
      return;
    }
    const detail = /^\s+([PMG])(\d+): (.*)$/.exec(text.trimEnd());
    if (detail === null || this.#current === undefined) {
      if (text.trim() !== "") this.#other++;
      return;
    }
    addDetail(this.#current, detail[1]!, Number(detail[2]), fieldsOf(detail[3]!));
  }

  #finishSnapshot(): void {
    const done = this.#current;
    if (done === undefined) return;
    const sample = sampleOf(done);
    if (this.#samples.length < MAX_SAMPLES) this.#samples.push(sample);
    else this.#samples[this.#count % MAX_SAMPLES] = sample;
    this.#count++;
    const { at, procs, threads, goroutines } = done;
    if (procs.length > 0) this.#last = { at_ms: at, procs, threads, goroutines };
    this.#current = undefined;
  }

  finish(): SchedTraceResult {
    this.#finishSnapshot();
    const dropped = Math.max(0, this.#count - MAX_SAMPLES);
    const oldest = dropped === 0 ? 0 : this.#count % MAX_SAMPLES;
    return {
      schema: 1,
      samples: [...this.#samples.slice(oldest), ...this.#samples.slice(0, oldest)],
      dropped_samples: dropped,
      last: this.#last,
      other_lines: this.#other,
    };
  }
}

/** All of an output at once. */
export function parseSchedTrace(text: string): SchedTraceResult {
  const parser = new SchedTraceParser();
  for (const line of text.split("\n")) parser.line(line);
  return parser.finish();
}

/** `runqueue=0 [1 0] schedticks=[ 3 4 ]`: the lists are taken out first. */
function snapshot(at: number, rest: string): Snapshot {
  const ticks = /schedticks=\[([\d ]*)\]/.exec(rest);
  const withoutTicks = rest.replace(/schedticks=\[[\d ]*\]/, "");
  const queues = /\[([\d ]*)\]/.exec(withoutTicks);
  return {
    at,
    fields: fieldsOf(withoutTicks.replace(/\[[\d ]*\]/, "")),
    queues: queues === null ? [] : numbers(queues[1]!),
    ticks: ticks === null ? null : numbers(ticks[1]!),
    procs: [],
    threads: [],
    goroutines: [],
    states: new Map(),
    reasons: new Map(),
  };
}

function numbers(text: string): number[] {
  return text
    .split(" ")
    .filter((part) => part !== "")
    .map(Number);
}

/** `key=value` fields; a value may have blanks in it (`status=4(GC sweep wait)`). */
function fieldsOf(text: string): Fields {
  const fields = new Map<string, string>();
  for (const field of text.trim().split(/\s+(?=\w+=)/)) {
    const at = field.indexOf("=");
    if (at > 0) fields.set(field.slice(0, at), field.slice(at + 1).trim());
  }
  return fields;
}

function addDetail(into: Snapshot, kind: string, id: number, fields: Fields): void {
  if (kind === "P") {
    into.queues[id] = number(fields, "runqsize") ?? 0;
    if (into.procs.length < MAX_DETAILS) into.procs.push(procOf(id, fields));
    return;
  }
  if (kind === "M") {
    if (into.threads.length < MAX_DETAILS) into.threads.push(threadOf(id, fields));
    return;
  }
  const goroutine = goroutineOf(id, fields);
  into.states.set(goroutine.state, (into.states.get(goroutine.state) ?? 0) + 1);
  if (goroutine.wait_reason !== "") {
    into.reasons.set(goroutine.wait_reason, (into.reasons.get(goroutine.wait_reason) ?? 0) + 1);
  }
  if (into.goroutines.length < MAX_DETAILS) into.goroutines.push(goroutine);
}

function procOf(id: number, fields: Fields): SchedProc {
  return {
    id,
    state: procStateName(number(fields, "status") ?? -1),
    sched_tick: number(fields, "schedtick") ?? 0,
    syscall_tick: number(fields, "syscalltick") ?? 0,
    thread: number(fields, "m"),
    run_queue: number(fields, "runqsize") ?? 0,
    timers: number(fields, "timerslen"),
  };
}

function threadOf(id: number, fields: Fields): SchedThread {
  return {
    id,
    proc: number(fields, "p"),
    goroutine: number(fields, "curg"),
    locks: number(fields, "locks") ?? 0,
    spinning: boolean(fields, "spinning") ?? false,
    blocked: boolean(fields, "blocked") ?? false,
    locked_goroutine: number(fields, "lockedg"),
  };
}

function goroutineOf(id: number, fields: Fields): SchedGoroutine {
  const status = /^(\d+)\((.*)\)$/.exec(fields.get("status") ?? "");
  const state = goroutineStateName(Number(status?.[1] ?? -1));
  return {
    id,
    state,
    // A reason stays behind when the wait is over.
    wait_reason: state.startsWith("waiting") ? (status?.[2] ?? "") : "",
    thread: number(fields, "m"),
    locked_thread: number(fields, "lockedm"),
  };
}

function sampleOf({ at, fields, queues, ticks, procs, states, reasons }: Snapshot): SchedSample {
  const global = number(fields, "runqueue") ?? 0;
  const detailed = procs.length > 0;
  const counts = (map: Map<string, number>): Record<string, number> | null =>
    detailed ? Object.fromEntries([...map].sort(([, a], [, b]) => b - a)) : null;
  return {
    at_ms: at,
    gomaxprocs: number(fields, "gomaxprocs") ?? 0,
    idle_procs: number(fields, "idleprocs") ?? 0,
    threads: number(fields, "threads") ?? 0,
    spinning_threads: number(fields, "spinningthreads") ?? 0,
    need_spinning: number(fields, "needspinning"),
    idle_threads: number(fields, "idlethreads") ?? 0,
    run_queue: global,
    local_run_queues: queues,
    runnable: queues.reduce((sum, queue) => sum + queue, global),
    sched_ticks: ticks ?? (detailed ? procs.map((proc) => proc.sched_tick) : null),
    gc_waiting: boolean(fields, "gcwaiting"),
    stop_wait: number(fields, "stopwait"),
    goroutines: counts(states),
    waiting: counts(reasons),
  };
}

/** A number; null where there is none: `nil`, −1 in older versions, or a key that is not printed. */
function number(fields: Fields, key: string): number | null {
  const text = fields.get(key);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function boolean(fields: Fields, key: string): boolean | null {
  const text = fields.get(key);
  if (text === "true" || text === "1") return true;
  return text === "false" || text === "0" ? false : null;
}
