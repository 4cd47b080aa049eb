/**
 * The report as one HTML file: no script, no request, light and dark, for a phone as for a screen. Its size is bounded:
 * rows, plots and names are.
 */

import type { AnalysisResult } from "../../analysis/result.ts";
import type { TaskRow } from "../../analysis/tasks.ts";
import { buildReport } from "../build.ts";
import { duration, integer, percent, plural, size } from "../format.ts";
import type { Report, Section } from "../model.ts";
import { extent } from "../sections/gc.ts";
import { programGroups } from "../sections/goroutines.ts";
import { slowestPath } from "../sections/requests.ts";
import { namedTasks } from "../sections/tasks.ts";
import { splitParts, splitText } from "../split.ts";
import { html, tableMarkup } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { barPlot, histogramPlot, lanePlot, roundedUp, roundedUpBinary, timePlot } from "./plots.ts";
import { criticalPath } from "./path.ts";
import { legend, stateParts } from "./states.ts";
import { style } from "./style.ts";

export interface HtmlOptions {
  readonly title: string;
}

const ROWS = 40;
const HISTOGRAMS = 12;
const BARS = 12;
const MARKS = 200;

export function renderHtml(result: AnalysisResult, { title }: HtmlOptions): string {
  const report = buildReport(result, { rows: ROWS });
  const section = (id: Section["id"], plots?: Markup): Markup | undefined => {
    const found = report.sections.find((each) => each.id === id);
    return found && sectionMarkup(found, plots);
  };
  return `<!doctype html>\n${
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="generator" content="gorewind" />
        <title>${title}</title>
        <style>
          ${{ markup: style }}
        </style>
      </head>
      <body>
        <main>
          ${header(report, title)} ${findings(report)} ${tiles(result)} ${section("tasks", taskPlots(result))}
          ${section("requests")} ${section("regions")} ${section("goroutines", groupBars(result))}
          ${section("scheduler", schedulerPlots(result))} ${section("gc", heapPlot(result))}
          ${section("stuck")} ${section("samples")} ${logs(result)}
          <footer>Made by gorewind from an execution trace. Times are from the trace's start.</footer>
        </main>
      </body>
    </html>`.markup
  }\n`;
}

function header({ headline, caveats }: Report, title: string): Markup {
  return html`<header>
    <h1>${title}</h1>
    <dl class="facts">
      ${headline.map(
        ([key, value]) =>
          html`<div>
            <dt>${key}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${caveats.map((caveat) => html`<p class="caveat">${caveat}</p>`)}
  </header>`;
}

function findings({ findings: list, verdict }: Report): Markup | undefined {
  if (list === undefined) return undefined;
  if (list.length === 0)
    return html`<section>
      <h2>Findings</h2>
      <div class="finding healthy"><p>${verdict}</p></div>
    </section>`;
  return html`<section>
    <h2>Findings</h2>
    <div class="stack">
      ${list.map(
        (finding) =>
          html`<article class="finding ${finding.severity}">
            <span class="tag">${finding.severity}</span>
            <h3>${finding.title}</h3>
            <p>${finding.sentence}</p>
            ${
              finding.evidence.length > 0 &&
              html`<ul>
                ${finding.evidence.map((line) => html`<li>${line}</li>`)}
              </ul>`
            }
            <p class="advice">${finding.advice}</p>
          </article>`,
      )}
    </div>
  </section>`;
}

/** The numbers that are asked for first. */
function tiles(result: AnalysisResult): Markup {
  const slowest = namedTasks(result)[0];
  const heap = extent(result.gc.heap);
  const pause = result.gc.worst_pauses[0];
  const shown: (readonly [string, string, string])[] = [
    ...(slowest === undefined || slowest.complete === 0
      ? []
      : [["slowest task type, p99", duration(slowest.latency.p99_ns), slowest.name] as const]),
    [
      "scheduler latency, p99",
      duration(result.scheduler.latency.p99_ns),
      `max ${duration(result.scheduler.latency.max_ns)}`,
    ],
    [
      "longest stop-the-world",
      pause === undefined ? "none" : duration(pause.total_ns),
      pause === undefined ? "" : pause.kind,
    ],
    ["marking (GC)", percent(result.gc.mark_share), plural(result.gc.cycle_count, "cycle")],
    ...(heap === undefined ? [] : [["heap, at most", size(heap[1]), `at least ${size(heap[0])}`] as const]),
    [
      "goroutines",
      integer(result.goroutines.reduce((sum, group) => sum + group.count, 0)),
      plural(result.goroutines.length, "start function"),
    ],
  ];
  return html`<div class="tiles">
    ${shown.map(
      ([label, value, hint]) =>
        html`<div class="tile">
          <div class="label">${label}</div>
          <div class="value">${value}</div>
          <div class="hint">${hint}</div>
        </div>`,
    )}
  </div>`;
}

function sectionMarkup({ id, title, summary, tables, notes }: Section, plots: Markup | undefined): Markup {
  return html`<section id="${id}">
    <h2>${title}</h2>
    ${summary !== undefined && html`<p class="summary">${summary}</p>`}
    <div class="stack">
      ${plots}${tables.filter(({ rows }) => rows.length > 0).map((table) => tableMarkup(table, title))}
    </div>
    ${
      notes.length > 0 &&
      html`<ul class="notes">
        ${notes.map((note) => html`<li>${note}</li>`)}
      </ul>`
    }
  </section>`;
}

/** Latency of each type, and what the slowest task of it did. */
function taskPlots(result: AnalysisResult): Markup {
  const groups = namedTasks(result).filter((group) => group.complete > 0);
  return html`<div class="cards">
    ${groups
      .slice(0, HISTOGRAMS)
      .map((group) =>
        histogramPlot(
          group.name,
          group.latency,
          group.histogram,
          group.worst[0] && slowestTask(group.worst[0], result),
        ),
      )}
  </div>`;
}

function slowestTask(row: TaskRow, result: AnalysisResult): Markup {
  const path = slowestPath(result, "task", row.name);
  const parts = stateParts(row);
  const end = row.end_at_ns ?? row.begin_at_ns + row.total_ns;
  const regions = row.regions.slice(0, 16);
  return html`<p class="soft">
      slowest: task ${row.id}, ${duration(row.total_ns)} from ${duration(row.begin_at_ns)} on
    </p>
    ${barPlot(parts, row.total_ns, `time of task ${row.id} by state: ${splitText(row, 6)}`)}${legend(parts)}
    ${path && criticalPath(path)}
    ${
      regions.length > 0 &&
      html`<p class="soft">its regions</p>
        ${lanePlot(
          regions.map((region, i) => ({
            from: region.begin_at_ns,
            to: region.begin_at_ns + region.total_ns,
            label: region.name,
            colour: i % 2 === 0 ? "accent" : "select",
          })),
          row.begin_at_ns,
          end,
          `regions of task ${row.id}: ${regions.map((region) => `${region.name} ${duration(region.total_ns)}`).join(", ")}`,
        )}
        <p class="soft">
          ${regions.map((region) => `${region.name} ${duration(region.total_ns)}`).join(" · ")}
        </p>`
    }`;
}

function groupBars(result: AnalysisResult): Markup {
  const rows = programGroups(result)
    .slice(0, BARS)
    .map((group) => ({ group, parts: stateParts(group) }));
  return html`<figure class="card">
    <figcaption>
      <h3>Time by state</h3>
      ${legend(rows.flatMap(({ parts }) => parts))}
    </figcaption>
    <div class="bars">
      ${rows.map(({ group, parts }) => {
        const whole = splitParts(group).reduce((sum, part) => sum + part.ns, 0);
        return html`<div class="row">
          <div>
            <b>${group.name}</b
            ><span class="soft">${integer(group.count)} × ${duration(whole / Math.max(1, group.count))}</span>
          </div>
          ${barPlot(parts, whole, `${group.name}: ${splitText(group, 6)}`)}
        </div>`;
      })}
    </div>
  </figure>`;
}

function schedulerPlots(result: AnalysisResult): Markup {
  const { scheduler } = result;
  return html`${timePlot({
      title: "Run queue",
      summary: `goroutines that could run and did not: at most ${integer(scheduler.run_queue_max)}`,
      duration: result.duration_ns,
      lines: [
        { label: "runnable", series: scheduler.run_queue, colour: "sched", shape: "area" },
        { label: "running", series: scheduler.running, colour: "exec", shape: "line" },
      ],
      format: (value) => String(Math.round(value * 10) / 10),
      top: roundedUp,
    })}
    <div class="cards">${histogramPlot("Scheduler latency", scheduler.latency, scheduler.histogram)}</div>`;
}

function heapPlot(result: AnalysisResult): Markup {
  const { gc, duration_ns } = result;
  const stops = gc.worst_pauses.slice(0, MARKS);
  return timePlot({
    title: "Heap",
    summary: `heap over time with its goal; ${plural(gc.cycle_count, "mark phase")} and the ${plural(stops.length, "longest pause")} marked`,
    duration: duration_ns,
    lines: [
      { label: "heap", series: gc.heap, colour: "network", shape: "area" },
      { label: "goal", series: gc.goal, colour: "soft", shape: "dashed" },
    ],
    bands: {
      label: "GC marking",
      spans: gc.cycles
        .slice(0, MARKS)
        .map((cycle) => [cycle.begin_at_ns ?? 0, cycle.end_at_ns ?? duration_ns] as const),
    },
    marks: {
      label: "longest pauses",
      at: stops.map((pause) => ({
        at: pause.begin_at_ns,
        text: `${pause.kind}: ${duration(pause.total_ns)} at ${duration(pause.begin_at_ns)}`,
      })),
    },
    format: size,
    top: roundedUpBinary,
  });
}

/** The newest logs. */
function logs(result: AnalysisResult): Markup | undefined {
  const { rows, count } = result.logs;
  if (rows.length === 0) return undefined;
  const shown = rows.slice(-ROWS);
  return html`<section id="logs">
    <h2>Logs</h2>
    <p class="summary">the last ${shown.length} of ${integer(count)}</p>
    ${tableMarkup(
      {
        columns: [
          { title: "at", align: "right" },
          { title: "goroutine", align: "right" },
          { title: "category", align: "left", shrink: true },
          { title: "message", align: "left", shrink: true },
        ],
        rows: shown.map((row) => [duration(row.at_ns), String(row.goroutine), row.category, row.message]),
      },
      "Logs",
    )}
  </section>`;
}
