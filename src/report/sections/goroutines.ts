import type { GoroutineGroup } from "../../analysis/goroutines.ts";
import type { AnalysisResult } from "../../analysis/result.ts";
import { duration, integer, more, percent, plural, printable } from "../format.ts";
import { left, name, right } from "../model.ts";
import type { Section } from "../model.ts";
import { blockedTotal, splitParts } from "../split.ts";

/** Groups of the program itself, most time waited first. */
export function programGroups(result: AnalysisResult): GoroutineGroup[] {
  return result.goroutines.filter((group) => !group.system).sort((a, b) => waited(b) - waited(a));
}

function waited(group: GoroutineGroup): number {
  return group.sched_wait_ns + group.syscall_block_ns + blockedTotal(group);
}

export function goroutinesSection(result: AnalysisResult, rows: number): Section | undefined {
  const groups = programGroups(result);
  const system = result.goroutines.filter((group) => group.system);
  if (groups.length === 0) return undefined;
  const shown = groups.slice(0, rows);
  const systemExec = system.reduce((sum, group) => sum + group.exec_ns, 0);
  return {
    id: "goroutines",
    title: "Goroutines by start function",
    summary: `${plural(
      result.goroutines.reduce((sum, group) => sum + group.count, 0),
      "goroutine",
    )}, most waiting first`,
    tables: [
      {
        columns: [
          name("start function"),
          right("count"),
          right("exec"),
          right("sched wait"),
          right("syscall"),
          right("blocked"),
          name("mostly on"),
        ],
        rows: shown.map((group) => [
          printable(group.name),
          integer(group.count),
          duration(group.exec_ns),
          duration(group.sched_wait_ns),
          duration(group.syscall_ns + group.syscall_block_ns),
          duration(blockedTotal(group)),
          reasons(group),
        ]),
      },
    ],
    notes: [
      ...more(groups.length - shown.length, "group"),
      ...(system.length > 0
        ? [
            `not listed: ${plural(system.length, "runtime group")}, which executed for ${duration(systemExec)}`,
          ]
        : []),
    ],
  };
}

/** The wait reason that took most, with its share of the blocked time. */
function reasons(group: GoroutineGroup): string {
  const total = blockedTotal(group);
  const [first] = splitParts({
    ...group,
    exec_ns: 0,
    sched_wait_ns: 0,
    syscall_ns: 0,
    syscall_block_ns: 0,
  });
  return first === undefined ? "-" : `${printable(first.name)} ${percent(first.ns / total)}`;
}

/** Goroutines that waited through the whole trace. */
export function stuckSection(result: AnalysisResult, rows: number): Section | undefined {
  const ours = result.stuck.rows.filter((row) => !isRuntime(row.group));
  if (ours.length === 0) return undefined;
  const hidden = result.stuck.rows.length - ours.length;
  const count = ours.reduce((sum, row) => sum + row.count, 0);
  return {
    id: "stuck",
    title: "Blocked since before the trace",
    summary: `${plural(count, "goroutine")} did not run once`,
    tables: [
      {
        columns: [right("count"), left("state"), name("start function"), name("blocked in")],
        rows: ours
          .slice(0, rows)
          .map((row) => [
            integer(row.count),
            row.state,
            printable(row.group || "(unknown)"),
            printable(blockedIn(row.stack)),
          ]),
      },
    ],
    notes: [
      ...more(ours.length - rows, "place"),
      ...(hidden > 0 ? [`not listed: ${plural(hidden, "place")} of the runtime's own`] : []),
    ],
  };
}

const isRuntime = (func: string): boolean => func.startsWith("runtime.") && func !== "runtime.main";

/** The innermost frame outside the runtime and its locks: where the program called what blocks. */
function blockedIn(stack: readonly { readonly func: string; readonly line: number }[]): string {
  const frame =
    stack.find(({ func }) => !/^(?:runtime|sync|internal\/\w+|syscall|time)\./.test(func)) ?? stack.at(-1);
  return frame === undefined ? "(no stack)" : `${frame.func}:${frame.line}`;
}

/** Who was on the processors when a profiler was on as well. */
export function samplesSection(result: AnalysisResult, rows: number): Section | undefined {
  const { cpu_samples: samples } = result;
  if (samples.count === 0) return undefined;
  return {
    id: "samples",
    title: "CPU samples",
    summary: plural(samples.count, "sample"),
    tables: [
      {
        columns: [name("start function"), right("samples"), right("share")],
        rows: samples.by_group
          .slice(0, rows)
          .map((group) => [
            printable(group.name || "(no goroutine)"),
            integer(group.count),
            percent(group.count / samples.count),
          ]),
      },
    ],
    notes: more(samples.by_group.length - rows, "group"),
  };
}
