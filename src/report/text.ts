/** A report for a terminal: one screen, no line wider than `width`. */

import type { Column, Report, Section, Table } from "./model.ts";
import { middle } from "./format.ts";
import type { Paint } from "./paint.ts";

export interface TextOptions {
  readonly paint: Paint;
  /** Characters of a line. Default 100. */
  readonly width?: number;
}

const GAP = "  ";
/** Told in full on one screen, and lines of evidence of each; the HTML has all. */
const MOST_FINDINGS = 3;
const MOST_EVIDENCE = 1;
/** Below this a name says nothing any more. */
const LEAST_NAME = 12;

export function renderText(report: Report, { paint, width = 100 }: TextOptions): string {
  const lines: string[] = [];
  for (const line of wrap(report.headline.map(([key, value]) => `${key} ${value}`).join(" · "), width))
    lines.push(line);
  for (const caveat of report.caveats)
    for (const line of wrap(`note: ${caveat}`, width)) lines.push(paint.warning(line));
  lines.push(...findingLines(report, paint, width));
  for (const section of report.sections) lines.push("", ...sectionLines(section, paint, width));
  return `${lines.join("\n")}\n`;
}

function findingLines({ findings, verdict }: Report, paint: Paint, width: number): string[] {
  if (findings === undefined) return [];
  const serious = findings.filter(({ severity }) => severity !== "info");
  if (serious.length === 0) return ["", ...wrap(verdict ?? "", width).map(paint.good)];
  const rest = findings.slice(MOST_FINDINGS).map(({ title }) => title);
  const lines = findings.slice(0, MOST_FINDINGS).flatMap((finding) => {
    const colour = finding.severity === "critical" ? paint.bad : paint.warning;
    return [
      "",
      ...wrap(`${finding.severity.toUpperCase()}: ${finding.title}`, width).map(colour),
      ...indented(finding.sentence, width),
      ...finding.evidence
        .slice(0, MOST_EVIDENCE)
        .flatMap((line) => indented(`- ${line}`, width))
        .map(paint.dim),
      ...indented(`→ ${finding.advice}`, width),
    ];
  });
  return rest.length === 0 ? lines : [...lines, "", ...wrap(`also: ${rest.join("; ")}`, width)];
}

function sectionLines({ title, summary, tables, notes }: Section, paint: Paint, width: number): string[] {
  const heading = paint.heading(title) + (summary === undefined ? "" : `${GAP}${paint.dim(summary)}`);
  return [
    heading,
    ...tables.filter(({ rows }) => rows.length > 0).flatMap((table) => tableLines(table, paint, width)),
    ...notes.flatMap((note) => indented(note, width)),
  ];
}

function indented(text: string, width: number): string[] {
  return wrap(text, width - GAP.length).map((line) => GAP + line);
}

/** Columns that line up; names are shortened where the line would be too long. */
function tableLines({ columns, rows }: Table, paint: Paint, width: number): string[] {
  const widths = fit(columns, rows, width - GAP.length);
  const line = (cells: readonly string[]): string => {
    const padded = columns.map(({ align, shrink }, i) => {
      const room = widths[i] ?? 0;
      const cell = cells[i] ?? "";
      const short = shrink === true ? middle(cell, room) : cell;
      return align === "right" ? short.padStart(room) : short.padEnd(room);
    });
    return GAP + padded.join(GAP).trimEnd();
  };
  return [paint.dim(line(columns.map(({ title }) => title))), ...rows.map(line)];
}

function fit(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): number[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  let over = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length) - width;
  // The widest name gives way first.
  while (over > 0) {
    const widest = columns.reduce(
      (best, { shrink }, i) =>
        shrink === true && widths[i]! > LEAST_NAME && (best < 0 || widths[i]! > widths[best]!) ? i : best,
      -1,
    );
    if (widest < 0) break;
    widths[widest]!--;
    over--;
  }
  return widths;
}

/** Breaks at blanks; a word that is longer than a line is broken where the line ends. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    while (word.length > width) {
      lines.push(word.slice(0, width));
      word = word.slice(width);
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
