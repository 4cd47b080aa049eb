/** GODEBUG=schedtrace output for people: what it says over time, and where the last snapshot's goroutines are. */

import type { SchedSample, SchedTraceResult } from "../analysis/schedtrace/spec.ts";
import { duration, integer, plural, significant } from "./format.ts";
import { left, name, right } from "./model.ts";
import type { Report, Section, Table } from "./model.ts";

export interface SchedReportOptions {
  /** Snapshots shown, evenly over the time; those between count in the sums. */
  readonly rows: number;
}

export function schedReport(result: SchedTraceResult, { rows }: SchedReportOptions): Report {
  const { samples, last, dropped_samples, other_lines } = result;
  const sections: (Section | undefined)[] = [samplesSection(samples, rows), lastSection(result, rows)];
  return {
    headline: [
      ["snapshots", integer(samples.length + dropped_samples)],
      ...range(samples),
      ["details", last === null ? "none (GODEBUG=scheddetail=1 gives them)" : "of every P, M and G"],
    ],
    findings: undefined,
    verdict: undefined,
    sections: sections.filter((section) => section !== undefined),
    caveats: [
      ...(dropped_samples > 0
        ? [`${plural(dropped_samples, "older snapshot")} were let go: the newest are kept`]
        : []),
      ...(samples.length === 0
        ? ["no SCHED line was found: was the program started with GODEBUG=schedtrace=1000?"]
        : []),
      ...(other_lines > 0 && samples.length > 0
        ? [`${plural(other_lines, "line")} of the program's own passed over`]
        : []),
    ],
  };
}

function range(samples: readonly SchedSample[]): [string, string][] {
  const first = samples[0];
  const end = samples.at(-1);
  if (first === undefined || end === undefined) return [];
  return [
    ["from", duration(first.at_ms * 1e6)],
    ["to", duration(end.at_ms * 1e6)],
  ];
}

function samplesSection(samples: readonly SchedSample[], rows: number): Section | undefined {
  if (samples.length === 0) return undefined;
  const step = Math.max(1, Math.ceil(samples.length / rows));
  const shown = samples.filter((_, i) => i % step === 0 || i === samples.length - 1);
  const runnable = samples.map((sample) => sample.runnable);
  const mean = runnable.reduce((sum, n) => sum + n, 0) / samples.length;
  const full = samples.filter((sample) => sample.idle_procs === 0 && sample.runnable > 0).length;
  return {
    id: "scheduler",
    title: "Scheduler over time",
    ...(step > 1 && { summary: `every ${step}th snapshot` }),
    tables: [
      {
        columns: [
          right("at"),
          right("GOMAXPROCS"),
          right("idle P"),
          right("runnable"),
          right("global"),
          name("local queues"),
          right("threads"),
          right("idle M"),
          right("spinning"),
          left("GC waiting"),
        ],
        rows: shown.map((sample) => [
          duration(sample.at_ms * 1e6),
          integer(sample.gomaxprocs),
          integer(sample.idle_procs),
          integer(sample.runnable),
          integer(sample.run_queue),
          sample.local_run_queues.join(" "),
          integer(sample.threads),
          integer(sample.idle_threads),
          integer(sample.spinning_threads),
          sample.gc_waiting === null ? "-" : sample.gc_waiting ? "yes" : "no",
        ]),
      },
    ],
    notes: [
      `runnable goroutines: ${significant(mean)} on average, at most ${integer(runnable.reduce((most, n) => Math.max(most, n), 0))}`,
      `${plural(full, "snapshot")} of ${integer(samples.length)} with work waiting and no P idle`,
    ],
  };
}

/** Goroutines of the last snapshot with details, by state and by what they wait for. */
function lastSection({ samples, last }: SchedTraceResult, rows: number): Section | undefined {
  const detailed = samples.findLast((sample) => sample.goroutines !== null);
  if (last === null || detailed === undefined) return undefined;
  return {
    id: "goroutines",
    title: "Last snapshot",
    summary: `at ${duration(last.at_ms * 1e6)}`,
    tables: [
      countTable("goroutines by state", detailed.goroutines ?? {}, rows),
      countTable("waiting for", detailed.waiting ?? {}, rows),
      {
        columns: [
          right("P"),
          left("state"),
          right("M"),
          right("run queue"),
          right("sched tick"),
          right("syscall tick"),
        ],
        rows: last.procs
          .slice(0, rows)
          .map((proc) => [
            String(proc.id),
            proc.state,
            proc.thread === null ? "-" : String(proc.thread),
            integer(proc.run_queue),
            integer(proc.sched_tick),
            integer(proc.syscall_tick),
          ]),
      },
      {
        columns: [right("M"), right("P"), right("goroutine"), right("locks"), left("is")],
        rows: last.threads
          .slice(0, rows)
          .map((thread) => [
            String(thread.id),
            thread.proc === null ? "-" : String(thread.proc),
            thread.goroutine === null ? "-" : String(thread.goroutine),
            integer(thread.locks),
            threadState(thread),
          ]),
      },
    ],
    notes: [],
  };
}

function threadState(thread: {
  readonly spinning: boolean;
  readonly blocked: boolean;
  readonly locked_goroutine: number | null;
}): string {
  const is = [
    thread.spinning ? "spinning" : "",
    thread.blocked ? "blocked" : "",
    thread.locked_goroutine === null ? "" : `locked to goroutine ${thread.locked_goroutine}`,
  ].filter((text) => text !== "");
  return is.length === 0 ? "-" : is.join(", ");
}

function countTable(title: string, counts: Readonly<Record<string, number>>, rows: number): Table {
  return {
    columns: [name(title), right("count")],
    rows: Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .slice(0, rows)
      .map(([key, count]) => [key, integer(count)]),
  };
}
