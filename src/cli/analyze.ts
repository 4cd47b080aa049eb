import { writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { analyseStream } from "../analysis/analyse.ts";
import type { AnalysisResult } from "../analysis/result.ts";
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

export interface AnalyzeArguments {
  readonly format: string;
  readonly output?: string;
  readonly worst: string;
}

export const reportFormats = ["text", "json", "markdown", "html"] as const;
type ReportFormat = (typeof reportFormats)[number];

class UsageError extends GorewindError {}

const MAX_WORST = 10_000;
/** A ticket may be longer than a screen. */
const TICKET_ROWS = 12;

/** `gorewind analyze`: what a trace says. */
export async function analyzeCommand(path: string, args: AnalyzeArguments, io: CommandIo): Promise<number> {
  const worst = Number(args.worst);
  if (!Number.isInteger(worst) || worst < 1 || worst > MAX_WORST)
    throw new UsageError("usage", `--worst: expected a number from 1 to ${MAX_WORST}, not "${args.worst}"`);
  const file = await traceFile(path);
  const result = await analyseStream(streamTraceFile(file), { worst });
  const text = render(result, formatOf(args.format), titleOf(file), args.output === undefined && io.terminal);
  if (args.output === undefined) await io.write(text);
  else {
    await writeFile(args.output, text);
    io.err(`${args.output}: ${args.format} report of ${path}\n`);
  }
  return 0;
}

function render(result: AnalysisResult, format: ReportFormat, title: string, colours: boolean): string {
  switch (format) {
    case "text":
      return renderText(buildReport(result, { rows: SCREEN_ROWS }), { paint: colours ? ansi : plain });
    case "json":
      return `${JSON.stringify(result, null, 2)}\n`;
    case "markdown":
      return renderMarkdown(buildReport(result, { rows: TICKET_ROWS }), title);
    case "html":
      return renderHtml(result, { title });
    default:
      return assertNever(format);
  }
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
