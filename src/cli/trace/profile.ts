import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { parseDuration } from "../../base/duration.ts";
import { GorewindError } from "../../base/errors.ts";
import {
  profileKinds,
  profileOfStream,
  type ProfileKind,
  type ProfileOptions,
} from "../../analysis/profile.ts";
import { encodeProfile } from "../../pprof/encode.ts";
import type { CommandIo } from "../io.ts";
import { streamTraceFile } from "./input.ts";

export interface ProfileArguments {
  readonly kind: string;
  readonly output: string;
  readonly compat?: boolean;
  readonly goroutine?: string;
  readonly task?: string;
  readonly region?: string;
  readonly minLatency?: string;
  readonly maxLatency?: string;
  readonly from?: string;
  readonly to?: string;
}

class UsageError extends GorewindError {}

/** `gorewind profile FILE --kind …`: where goroutines waited, as a pprof file. */
export async function profileCommand(file: string, args: ProfileArguments, io: CommandIo): Promise<number> {
  const profile = await profileOfStream(streamTraceFile(file), optionsOf(args));
  await writeFile(args.output, await promisify(gzip)(encodeProfile(profile)));
  io.err(`${args.output}: go tool pprof -http=: ${args.output}\n`);
  return 0;
}

function optionsOf(args: ProfileArguments): ProfileOptions {
  const { goroutine, task, region } = args;
  return {
    kind: kindOf(args.kind),
    ...(args.compat === true && { compat: true }),
    ...(goroutine !== undefined && { goroutine }),
    ...(task !== undefined && { task: /^\d+$/.test(task) ? Number(task) : task }),
    ...(region !== undefined && { region }),
    ...(args.minLatency !== undefined && { minLatencyNs: nsOf("--min-latency", args.minLatency) }),
    ...(args.maxLatency !== undefined && { maxLatencyNs: nsOf("--max-latency", args.maxLatency) }),
    ...(args.from !== undefined && { fromNs: nsOf("--from", args.from) }),
    ...(args.to !== undefined && { toNs: nsOf("--to", args.to) }),
  };
}

function kindOf(text: string): ProfileKind {
  const kind = profileKinds.find((each) => each === text);
  if (kind !== undefined) return kind;
  throw new UsageError("usage", `--kind: expected one of ${profileKinds.join(", ")}, not "${text}"`);
}

function nsOf(option: string, text: string): number {
  const duration = parseDuration(text);
  if (duration !== undefined) return duration * 1e6;
  throw new UsageError("usage", `${option}: expected a duration such as 200us or 1.5s, not "${text}"`);
}
