import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { GorewindError } from "../base/errors.ts";
import { conversions, convertTrace } from "../convert/convert.ts";
import type { CommandIo } from "./io.ts";
import { streamTraceFile, traceFile } from "./trace/input.ts";

export interface ConvertArguments {
  readonly to: string;
  readonly output: string;
}

class UsageError extends GorewindError {}

const opensIn = {
  perfetto: "https://ui.perfetto.dev",
  chrome: "chrome://tracing, or https://ui.perfetto.dev",
};

/** `gorewind convert`: a trace for other viewers. */
export async function convertCommand(path: string, args: ConvertArguments, io: CommandIo): Promise<number> {
  const to = conversions.find((each) => each === args.to);
  if (to === undefined)
    throw new UsageError("usage", `--to: expected one of ${conversions.join(", ")}, not "${args.to}"`);
  const file = await traceFile(path);
  await pipeline(convertTrace(streamTraceFile(file), to), createWriteStream(args.output));
  io.err(`${args.output}: open it in ${opensIn[to]}\n`);
  return 0;
}
