import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import {
  profileKinds,
  profileOfStream,
  type ProfileKind,
  type ProfileOptions,
} from "../../analysis/profile.ts";
import { encodeProfile } from "../../pprof/encode.ts";
import { nanosecondsOf, UsageError } from "../arguments.ts";
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

const A_DURATION = "a duration such as 200us or 1.5s";

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
    ...(args.minLatency !== undefined && {
      minLatencyNs: nanosecondsOf("--min-latency", args.minLatency, A_DURATION),
    }),
    ...(args.maxLatency !== undefined && {
      maxLatencyNs: nanosecondsOf("--max-latency", args.maxLatency, A_DURATION),
    }),
    ...(args.from !== undefined && { fromNs: nanosecondsOf("--from", args.from, A_DURATION) }),
    ...(args.to !== undefined && { toNs: nanosecondsOf("--to", args.to, A_DURATION) }),
  };
}

function kindOf(text: string): ProfileKind {
  const kind = profileKinds.find((each) => each === text);
  if (kind !== undefined) return kind;
  throw new UsageError(`--kind: expected one of ${profileKinds.join(", ")}, not "${text}"`);
}
