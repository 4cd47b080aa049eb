/** A report for a ticket: GitHub's Markdown. */

import type { Report, Section, Table } from "./model.ts";

export function renderMarkdown(report: Report, title: string): string {
  const blocks = [
    `# ${escape(title)}`,
    report.headline.map(([key, value]) => `${key} **${escape(value)}**`).join(" · "),
    ...report.caveats.map((caveat) => `> ${escape(caveat)}`),
    ...findingBlocks(report),
    ...report.sections.flatMap(sectionBlocks),
  ];
  return `${blocks.join("\n\n")}\n`;
}

function findingBlocks({ findings, verdict }: Report): string[] {
  if (findings === undefined) return [];
  if (findings.length === 0) return [escape(verdict ?? "")];
  return [
    "## Findings",
    ...findings.map((finding) =>
      [
        `1. **${finding.severity}: ${escape(finding.title)}**`,
        `   ${escape(finding.sentence)}`,
        ...finding.evidence.map((line) => `   - ${escape(line)}`),
        ...(finding.evidence.length > 0 ? [""] : []),
        `   *${escape(finding.advice)}*`,
      ].join("\n"),
    ),
  ];
}

function sectionBlocks({ title, summary, tables, notes }: Section): string[] {
  return [
    `## ${title}`,
    ...(summary === undefined ? [] : [escape(summary)]),
    ...tables.filter(({ rows }) => rows.length > 0).map(markdownTable),
    ...(notes.length > 0 ? [notes.map((note) => `- ${escape(note)}`).join("\n")] : []),
  ];
}

function markdownTable({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escape).join(" | ")} |`;
  return [
    line(columns.map(({ title }) => title)),
    `| ${columns.map(({ align }) => (align === "right" ? "---:" : "---")).join(" | ")} |`,
    ...rows.map(line),
  ].join("\n");
}

/** Names are the traced program's: none may become markup, a link or a mention. */
function escape(text: string): string {
  return text
    .replace(/[\\`*_{}[\]<>#|~]/g, "\\$&")
    .replace(/@/g, "@\u200b")
    .replace(/:\/\//g, ":\u200b//");
}
