import { writeFile } from "node:fs/promises";
import { formatDuration } from "../../base/duration.ts";
import { formatSize } from "../../base/size.ts";
import { anonymizeTrace } from "../../trace/tools/anonymize.ts";
import { cutTrace, type CutRange } from "../../trace/tools/cut.ts";
import { dumpBatch, dumpWire } from "../../trace/tools/dump.ts";
import { footprint, formatFootprint } from "../../trace/tools/footprint.ts";
import { validateTrace } from "../../trace/tools/validate.ts";
import { nanosecondsOf, UsageError } from "../arguments.ts";
import type { CommandIo } from "../io.ts";
import { count } from "../text.ts";
import { readWhole, streamTraceFile } from "./input.ts";

/** Lines are written together up to about this many characters: a dump has millions. */
const WRITE_AT = 1 << 16;
const FROM_START = "a duration from the trace's start, such as 1.5s";

/** `gorewind trace dump`: every event as text, as `go tool trace -d=parsed` and `-d=wire` print them. */
export async function dumpCommand(file: string, mode: string, io: CommandIo): Promise<number> {
  const out = new LineWriter(io);
  if (mode === "wire") {
    for (const line of dumpWire(await readWhole(file))) await out.line(line);
  } else {
    for await (const batch of streamTraceFile(file))
      for (const line of dumpBatch(batch)) await out.line(line);
  }
  await out.end();
  return 0;
}

/** `gorewind trace footprint`: which events the bytes go to. */
export async function footprintCommand(file: string, io: CommandIo): Promise<number> {
  io.out(`${formatFootprint(footprint(await readWhole(file))).join("\n")}\n`);
  return 0;
}

/** `gorewind trace validate`: whether Go's tools would read it. Exit code 1 when one would not. */
export async function validateCommand(files: readonly string[], io: CommandIo): Promise<number> {
  let bad = 0;
  for (const file of files) {
    const report = validateTrace(await readWhole(file));
    const held = `${count(report.events, "event")}, ${count(report.generations, "generation")}, ${formatDuration(Math.round(report.duration / 1e6))}`;
    if (report.error === undefined) {
      io.out(`${file}: ok: Go 1.${report.version}, ${held}\n`);
      continue;
    }
    bad++;
    io.out(`${file}: ${report.error.message}\n`);
    if (report.error.hint !== undefined) io.out(`  ${report.error.hint}\n`);
    if (report.readableEvents > 0)
      io.out(`  ${count(report.readableEvents, "event")} can be read all the same\n`);
  }
  return bad === 0 ? 0 : 1;
}

export interface CutArguments {
  readonly from?: string;
  readonly to?: string;
  readonly last?: string;
  readonly output: string;
}

/** `gorewind trace cut`: whole generations of a range of time; the result opens in `go tool trace`. */
export async function cutCommand(file: string, args: CutArguments, io: CommandIo): Promise<number> {
  const cut = cutTrace(await readWhole(file), rangeOf(args));
  await writeFile(args.output, cut.bytes);
  const span = `${formatDuration(Math.round(cut.from / 1e6))} to ${formatDuration(Math.round(cut.to / 1e6))}`;
  io.err(
    `${args.output}: ${formatSize(cut.bytes.length)}, ${span} of the trace, ${count(cut.generations.length, "generation")}\n`,
  );
  return 0;
}

/** `gorewind trace anonymize`: names, paths and log values made unreadable; symbols of the standard library stay. */
export async function anonymizeCommand(file: string, output: string, io: CommandIo): Promise<number> {
  const bytes = anonymizeTrace(await readWhole(file));
  await writeFile(output, bytes);
  io.err(`${output}: ${formatSize(bytes.length)}\n`);
  return 0;
}

function rangeOf({ from, to, last }: CutArguments): CutRange {
  if (last !== undefined) {
    if (from !== undefined || to !== undefined) throw new UsageError("give --last, or --from and --to");
    return { kind: "last", duration: nanosecondsOf("--last", last, FROM_START) };
  }
  if (from === undefined && to === undefined) throw new UsageError("which part? Give --last, --from or --to");
  return {
    kind: "between",
    ...(from !== undefined && { from: nanosecondsOf("--from", from, FROM_START) }),
    ...(to !== undefined && { to: nanosecondsOf("--to", to, FROM_START) }),
  };
}

class LineWriter {
  readonly #io: CommandIo;
  #text = "";

  constructor(io: CommandIo) {
    this.#io = io;
  }

  async line(text: string): Promise<void> {
    this.#text += `${text}\n`;
    if (this.#text.length >= WRITE_AT) await this.end();
  }

  async end(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    if (text !== "") await this.#io.write(text);
  }
}
