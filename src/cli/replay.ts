import { formatDuration } from "../base/duration.ts";
import { formatSize } from "../base/size.ts";
import type { Decision } from "../triggers/decision.ts";
import { replay, type Replay } from "../triggers/replay.ts";
import { splitLabel } from "./arguments.ts";
import type { CommandIo } from "./io.ts";
import { readRecording } from "./recording.ts";
import { readRules } from "./test-triggers.ts";
import { count } from "./text.ts";

export interface ReplayArguments {
  readonly config: string;
  readonly label?: readonly string[];
  readonly json?: boolean;
}

/** `gorewind replay --config FILE TRACE…`: when each rule would have fired on what was recorded, and at what cost. */
export async function replayCommand(
  files: readonly string[],
  args: ReplayArguments,
  io: CommandIo,
): Promise<number> {
  const options = await readRules([args.config], io);
  const labels = Object.fromEntries((args.label ?? []).map(splitLabel));
  const recordings = await Promise.all(files.map((file) => readRecording(file, labels)));
  for (const { file, problems } of recordings)
    for (const problem of problems) io.err(`${file}: ${problem}\n`);
  const result = replay(
    options,
    recordings.flatMap(({ batches }) => batches),
    io.random,
  );
  io.out(args.json === true ? `${JSON.stringify(result, null, 2)}\n` : format(result, options.rules.length));
  return 0;
}

function format({ decisions, captures, start, end, batches }: Replay, rules: number): string {
  if (start === undefined || end === undefined) return "nothing was recorded\n";
  const span = formatDuration(Math.round(end - start));
  const lines = [`${count(rules, "rule")} over ${count(batches, "generation")}, ${span}`];
  for (const decision of decisions) lines.push(`${time(decision.at)}  ${describe(decision)}`);
  const bytes = captures.reduce((sum, { traceBytes }) => sum + (traceBytes ?? 0), 0);
  const fired = decisions.filter(({ kind }) => kind === "fired").length;
  lines.push(
    `${count(fired, "firing")}, ${count(captures.length, "capture")}, ${formatSize(bytes)} of trace`,
  );
  return `${lines.join("\n")}\n`;
}

function describe(decision: Decision): string {
  const { rule, target, message } = decision;
  return decision.kind === "fired"
    ? `${rule} fires on ${target}: ${message}`
    : `${rule} is suppressed on ${target}: ${decision.detail}`;
}

const time = (at: number): string => new Date(at).toISOString();
