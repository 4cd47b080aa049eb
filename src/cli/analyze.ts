import { writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { analyseStream } from "../analysis/analyse.ts";
import type { AnalysisResult } from "../analysis/result.ts";
import type { UtilizationOptions } from "../analysis/utilization.ts";
import { assertNever, GorewindError } from "../base/errors.ts";
import { TRACE_NAME } from "../capture/manifest.ts";
import { buildReport, SCREEN_ROWS } from "../report/build.ts";
import { renderHtml } from "../report/html/page.ts";
import { renderMarkdown } from "../report/markdown.ts";
import { plain } from "../report/paint.ts";
import { renderText } from "../report/text.ts";
import { ansi } from "./ansi.ts";
import type { CommandIo } from "./io.ts";
import { streamTraceFile, traceFile } from "./trace/input.ts";
import { keepYoungSpaceSmall } from "./young-space.ts";

export interface AnalyzeArguments {
  readonly format: string;
  readonly output?: string;
  readonly worst: string;
  readonly logs?: string;
  readonly mmu?: string;
}

export const reportFormats = ["text", "json", "markdown", "html"] as const;
type ReportFormat = (typeof reportFormats)[number];

class UsageError extends GorewindError {}

const MAX_WORST = 10_000;
/** Logs kept of those that hold the text asked for, and told of them in a text. */
const MAX_LOGS = 10_000;
const TOLD_LOGS = 50;
/** What may count as not left to the program. */
const collectorParts = ["stw", "background", "assist", "sweep"] as const;
/** A ticket may be longer than a screen. */
const TICKET_ROWS = 12;

/** `gorewind analyze`: what a trace says. */
export async function analyzeCommand(path: string, args: AnalyzeArguments, io: CommandIo): Promise<number> {
  const worst = Number(args.worst);
  if (!Number.isInteger(worst) || worst < 1 || worst > MAX_WORST)
    throw new UsageError("usage", `--worst: expected a number from 1 to ${MAX_WORST}, not "${args.worst}"`);
  const file = await traceFile(path);
  keepYoungSpaceSmall();
  const result = await analyseStream(streamTraceFile(file), {
    worst,
    ...(args.logs === undefined ? {} : { logs: { limit: MAX_LOGS, contains: args.logs } }),
    ...(args.mmu === undefined ? {} : { mmu: collectorOf(args.mmu) }),
  });
  const logs = args.logs === undefined ? 0 : TOLD_LOGS;
  const format = formatOf(args.format);
  const text = render(result, format, titleOf(file), logs, args.output === undefined && io.terminal);
  if (args.output === undefined) await io.write(text);
  else {
    await writeFile(args.output, text);
    io.err(`${args.output}: ${args.format} report of ${path}\n`);
  }
  return 0;
}

function render(
  result: AnalysisResult,
  format: ReportFormat,
  title: string,
  logs: number,
  colours: boolean,
): string {
  switch (format) {
    case "text":
      return renderText(buildReport(result, { rows: SCREEN_ROWS, logs }), { paint: colours ? ansi : plain });
    case "json":
      return `${JSON.stringify(result, null, 2)}\n`;
    case "markdown":
      return renderMarkdown(buildReport(result, { rows: TICKET_ROWS, logs }), title);
    case "html":
      return renderHtml(result, { title });
    default:
      return assertNever(format);
  }
}

/** What counts as the collector's: a list of Go's own four options, as its MMU page has them; `none` for none of them. */
function collectorOf(text: string): UtilizationOptions {
  const names = text === "none" ? [] : text.split(",");
  const wrong = names.find((name) => !collectorParts.some((part) => part === name));
  if (wrong !== undefined)
    throw new UsageError(
      "usage",
      `--mmu: expected a list of ${collectorParts.join(", ")}, or none, not "${wrong}"`,
    );
  return Object.fromEntries(collectorParts.map((part) => [part, names.includes(part)]));
}

function formatOf(text: string): ReportFormat {
  const format = reportFormats.find((each) => each === text);
  if (format !== undefined) return format;
  throw new UsageError("usage", `--format: expected one of ${reportFormats.join(", ")}, not "${text}"`);
}

/** A capture is known by its folder, a trace by its file. */
function titleOf(file: string): string {
  return basename(file) === TRACE_NAME ? basename(dirname(resolve(file))) : basename(file);
}
