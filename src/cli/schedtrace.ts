import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { SchedTraceParser } from "../analysis/schedtrace/parse.ts";
import { GorewindError } from "../base/errors.ts";
import { plain } from "../report/paint.ts";
import { schedReport } from "../report/schedtrace.ts";
import { renderText } from "../report/text.ts";
import { ansi } from "./ansi.ts";
import type { CommandIo } from "./io.ts";

class InputError extends GorewindError {}

/** Of a table that is looked at. */
const ROWS = 40;

/** `gorewind schedtrace FILE|-`: what a program started with GODEBUG=schedtrace=… printed. */
export async function schedtraceCommand(
  file: string,
  args: { readonly format: string },
  io: CommandIo,
): Promise<number> {
  const parser = new SchedTraceParser();
  try {
    // 0: the standard input.
    const input = file === "-" ? createReadStream("", { fd: 0 }) : createReadStream(file);
    for await (const line of createInterface({ input })) parser.line(line);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError("input", `cannot read ${file} (${code ?? "unknown error"})`);
  }
  const result = parser.finish();
  const text =
    args.format === "json"
      ? `${JSON.stringify(result, null, 2)}\n`
      : renderText(schedReport(result, { rows: ROWS }), { paint: io.terminal ? ansi : plain, width: 120 });
  await io.write(text);
  return result.samples.length === 0 ? 1 : 0;
}
