import type { RegionGroup } from "../../analysis/regions.ts";
import type { AnalysisResult } from "../../analysis/result.ts";
import type { TaskGroup, TaskRow } from "../../analysis/tasks.ts";
import { duration, integer, more, plural, printable } from "../format.ts";
import { name, right } from "../model.ts";
import type { Section } from "../model.ts";
import { splitText } from "../split.ts";
import { pathText, slowestPath } from "./requests.ts";

const columns = ["count", "open", "p50", "p95", "p99", "max", "total"].map(right);

/** User tasks by type, the types that took most time in the worst case first. */
export function tasksSection(result: AnalysisResult, rows: number): Section | undefined {
  const groups = namedTasks(result);
  if (groups.length === 0) return undefined;
  const shown = groups.slice(0, rows);
  const worst = shown
    .map((group) => group.worst[0])
    .filter((row) => row !== undefined)
    .slice(0, Math.max(1, Math.floor(rows / 2)));
  return {
    id: "tasks",
    title: "User tasks",
    summary: plural(
      groups.reduce((sum, group) => sum + group.complete, 0),
      "complete task",
    ),
    tables: [
      {
        columns: [name("type"), ...columns],
        rows: shown.map((group) => [
          printable(group.name),
          integer(group.complete),
          integer(group.count - group.complete),
          ...times(group),
        ]),
      },
    ],
    notes: [...worst.flatMap((row) => slowest(row, result)), ...more(groups.length - shown.length, "type")],
  };
}

/** Types with a name, slowest p99 first. */
export function namedTasks(result: AnalysisResult): TaskGroup[] {
  return result.tasks
    .filter((group) => group.name !== "" && group.count > 0)
    .sort((a, b) => b.latency.p99_ns - a.latency.p99_ns || b.total_ns - a.total_ns);
}

function slowest(row: TaskRow, result: AnalysisResult): string[] {
  const at = duration(row.begin_at_ns);
  const where = `slowest ${printable(row.name)}: task ${row.id}, ${duration(row.total_ns)} from ${at} on`;
  const path = slowestPath(result, "task", row.name);
  // Where only its own goroutine is on the path, the states say the same.
  const others = path?.causes.some((cause) => !cause.own) === true;
  return [
    `${where}: ${splitText(row, 2)}`,
    ...(path !== undefined && others ? [`what it waited for (critical path): ${pathText(path, 2)}`] : []),
  ];
}

function times(group: Pick<TaskGroup, "latency" | "total_ns">): string[] {
  const { latency, total_ns } = group;
  if (latency.count === 0) return ["-", "-", "-", "-", "-"];
  return [latency.p50_ns, latency.p95_ns, latency.p99_ns, latency.max_ns, total_ns].map(duration);
}

/** User regions by name. */
export function regionsSection(result: AnalysisResult, rows: number): Section | undefined {
  const groups = result.regions
    .filter((group) => group.name !== "" && group.count > 0)
    .sort((a, b) => b.total_ns - a.total_ns);
  if (groups.length === 0) return undefined;
  const shown = groups.slice(0, rows);
  return {
    id: "regions",
    title: "User regions",
    tables: [
      {
        columns: [name("region"), ...columns],
        rows: shown.map((group: RegionGroup) => [
          printable(group.name),
          integer(group.complete),
          integer(group.count - group.complete),
          ...times(group),
        ]),
      },
    ],
    notes: more(groups.length - shown.length, "name"),
  };
}
