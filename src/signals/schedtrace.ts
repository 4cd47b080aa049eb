/**
 * The lines of `GODEBUG=schedtrace=1000` (runtime, `schedtrace` in proc.go; the same words since Go 1.5, with fields added
 * over time):
 *
 *     SCHED 1009ms: gomaxprocs=2 idleprocs=0 threads=6 spinningthreads=0 needspinning=1 idlethreads=3 runqueue=4 [ 2 1 ]
 */

import type { Observation } from "./signal.ts";

/** Anywhere in the line: a container's log puts its own words in front. */
const LINE = /SCHED \d+ms: ([a-z0-9= ]+?)\[([0-9 ]*)\]/;
const FIELDS = [
  ["idleprocs", "schedtrace_idle_procs"],
  ["threads", "schedtrace_threads"],
  ["spinningthreads", "schedtrace_spinning_threads"],
  ["idlethreads", "schedtrace_idle_threads"],
  ["runqueue", "schedtrace_global_runqueue"],
] as const;

/** What one line says; empty for any other line. */
export function schedtraceObservations(line: string): readonly Observation[] {
  const match = LINE.exec(line);
  if (match === null) return [];
  const [, head = "", queues = ""] = match;
  const fields = new Map(
    head
      .trim()
      .split(/ +/)
      .map((pair): [string, number] => {
        const [name = "", value = ""] = pair.split("=");
        return [name, value === "" ? Number.NaN : Number(value)];
      }),
  );
  const into: Observation[] = [];
  for (const [field, signal] of FIELDS) {
    const value = fields.get(field);
    if (value !== undefined && Number.isFinite(value)) into.push({ signal, labels: {}, values: [value] });
  }
  const waiting = queues.split(" ").reduce((sum, text) => sum + Number(text), 0);
  into.push({ signal: "schedtrace_local_runqueue", labels: {}, values: [waiting] });
  return into;
}
