/** An analysis → what a report says. How many rows: a terminal has one screen, a page may scroll. */

import type { AnalysisResult } from "../analysis/result.ts";
import { findingViews } from "./findings.ts";
import { duration, integer, plural, printable, wallTime } from "./format.ts";
import type { Report, Section } from "./model.ts";
import { gcSection } from "./sections/gc.ts";
import { goroutinesSection, samplesSection, stuckSection } from "./sections/goroutines.ts";
import { logsSection } from "./sections/logs.ts";
import { requestsSection } from "./sections/requests.ts";
import { schedulerSection } from "./sections/scheduler.ts";
import { regionsSection, tasksSection } from "./sections/tasks.ts";

export interface ReportOptions {
  /** Rows of each table, at most. */
  readonly rows: number;
  /** Logs told, at most: the newest. Default none. */
  readonly logs?: number;
}

/** Of a text that fits a screen. */
export const SCREEN_ROWS = 4;

export function buildReport(result: AnalysisResult, { rows, logs = 0 }: ReportOptions): Report {
  const sections: (Section | undefined)[] = [
    tasksSection(result, rows),
    requestsSection(result, Math.ceil(rows / 2)),
    regionsSection(result, Math.ceil(rows / 2)),
    goroutinesSection(result, rows),
    schedulerSection(result, rows),
    gcSection(result, rows),
    stuckSection(result, rows),
    samplesSection(result, Math.ceil(rows / 2)),
    logsSection(result, logs),
  ];
  return {
    headline: headline(result),
    findings: findingViews(result),
    verdict: result.findings === null ? undefined : printable(result.findings.sentence),
    sections: sections.filter((section) => section !== undefined),
    caveats: caveats(result),
  };
}

function headline(result: AnalysisResult): [string, string][] {
  const { gomaxprocs } = result.scheduler;
  const values = [...new Set(gomaxprocs.map(({ procs }) => procs))];
  return [
    ["duration", duration(result.duration_ns)],
    ["events", integer(result.events)],
    ["trace format", `Go 1.${result.version}`],
    ...(values.length === 0
      ? []
      : [["GOMAXPROCS", values.slice(0, 8).join(" → ") + (values.length > 8 ? " …" : "")] as const]),
    ["threads", integer(result.scheduler.threads)],
    ...(result.start_wall_ms === null ? [] : [["begins", wallTime(result.start_wall_ms)] as const]),
  ].map(([key = "", value = ""]) => [key, value]);
}

function caveats(result: AnalysisResult): string[] {
  const { overflow } = result;
  const met = overflow.goroutine_names + overflow.wait_reasons + overflow.stacks;
  return [
    ...(result.gaps > 0
      ? [`${plural(result.gaps, "gap")}: parts of the trace could not be read, and are in no number`]
      : []),
    ...(met > 0
      ? [
          `more names than are told apart: ${plural(overflow.goroutine_names, "goroutine name")}, ${plural(overflow.wait_reasons, "wait reason")} and ${plural(overflow.stacks, "stack")} were counted together`,
        ]
      : []),
    ...(result.regions_unbegun > 0
      ? [`${plural(result.regions_unbegun, "region")} began before the trace and are in no row`]
      : []),
  ];
}
