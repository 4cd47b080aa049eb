import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { GorewindError } from "../../base/errors.ts";
import { TRACE_NAME } from "../../capture/manifest.ts";
import type { EventColumns } from "../../trace/columns.ts";
import { TraceReader, type ReaderOptions } from "../../trace/reader.ts";
import { chunksOf } from "./chunks.ts";

class InputError extends GorewindError {}

/** The trace a person means: a file, or a capture's folder. @throws {GorewindError} it is not there. */
export async function traceFile(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new InputError("input", `cannot read ${path} (${error.code ?? "unknown error"})`);
  });
  return found.isDirectory() ? join(path, TRACE_NAME) : path;
}

/** All of a trace, for what needs it whole. */
export async function readWhole(path: string): Promise<Uint8Array> {
  return await readFile(await traceFile(path));
}

/** A trace's rows, batch by batch; memory is bounded by its largest generation. @throws {TraceFormatError} */
export async function* streamTraceFile(
  path: string,
  options: ReaderOptions = {},
): AsyncGenerator<EventColumns> {
  const reader = new TraceReader(options);
  for await (const chunk of chunksOf(await traceFile(path))) yield* reader.push(chunk);
  yield* reader.end();
}
