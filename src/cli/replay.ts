import { formatDuration } from "../base/duration.ts";
import { formatSize } from "../base/size.ts";
import type { Decision } from "../triggers/decision.ts";
import { replay, type Replay } from "../triggers/replay.ts";
import { splitLabel } from "./arguments.ts";
import type { CommandIo } from "./io.ts";
import { Recordings, type Recording } from "./recording.ts";
import { readRules } from "./test-triggers.ts";
import { count } from "./text.ts";

export interface ReplayArguments {
  readonly config: string;
  readonly label?: readonly string[];
  /** All files are of this one. */
  readonly target?: string;
  readonly json?: boolean;
}

/** `gorewind replay --config FILE RECORDING…`: when each rule would have fired on what was recorded, and at what cost. */
export async function replayCommand(
  files: readonly string[],
  args: ReplayArguments,
  io: CommandIo,
): Promise<number> {
  const options = await readRules([args.config], io);
  const labels = Object.fromEntries((args.label ?? []).map(splitLabel));
  const reader = new Recordings({ labels, ...(args.target !== undefined && { name: args.target }) });
  const recordings: Recording[] = [];
  for (const file of files) recordings.push(await reader.read(file));
  for (const { file, problems } of recordings)
    for (const problem of problems) io.err(`${file}: ${problem}\n`);
  const batches = recordings.flatMap((recording) => recording.batches);
  const result = replay(options, batches, io.random);
  const generations = batches.filter(({ source }) => source === "trace").length;
  io.out(
    args.json === true
      ? `${JSON.stringify(result, null, 2)}\n`
      : format(result, options.rules.length, generations),
  );
  return 0;
}

function format({ decisions, captures, start, end, batches }: Replay, rules: number, traced: number): string {
  if (start === undefined || end === undefined) return "nothing was recorded\n";
  const span = formatDuration(Math.round(end - start));
  const over = [
    ...(traced > 0 ? [count(traced, "generation")] : []),
    ...(batches > traced ? [count(batches - traced, "reading")] : []),
  ];
  const lines = [`${count(rules, "rule")} over ${over.join(" and ")}, ${span}`];
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
