/** What a pprof profile says, by function: goroutines, heap in use, time lost to locks and other waits, threads. */

import { assertNever } from "../base/errors.ts";
import type { Profile, ProfileFrame } from "../pprof/profile.ts";
import { siteOf } from "../analysis/functions.ts";
import { OTHER, UNKNOWN, cutText } from "./names.ts";
import type { Observation } from "./signal.ts";

/** The profiles that give signals, by the names of pprof's endpoints. */
export const SIGNAL_PROFILES = ["goroutine", "heap", "mutex", "block", "threadcreate"] as const;
export type SignalProfile = (typeof SIGNAL_PROFILES)[number];

export interface ProfileSignalOptions {
  /** Functions per signal: the largest; what is left is summed under `(other)`. */
  readonly functions?: number;
  /** UTF-16 units of a function's name. Longer ones are cut, with `…`. */
  readonly labelLength?: number;
}

/**
 * The observations of a profile. Those of mutex and block are per second, so they need a delta profile (`seconds=N`):
 * one without a duration, which counts since the process began, gives none.
 */
export function profileObservations(
  kind: SignalProfile,
  profile: Profile,
  options: ProfileSignalOptions = {},
): readonly Observation[] {
  switch (kind) {
    case "goroutine":
      return byFunction("goroutine_profile_count", profile, "goroutine", startOf, 1, options);
    case "heap":
      return byFunction("heap_inuse_bytes", profile, "inuse_space", callerOf, 1, options);
    case "mutex":
      return delays("mutex_delay_seconds", profile, options);
    case "block":
      return delays("block_delay_seconds", profile, options);
    case "threadcreate": {
      const value = valueIndex(profile, "threadcreate");
      if (value < 0) return [];
      const threads = profile.samples.reduce((sum, { values }) => sum + (values[value] ?? 0), 0);
      return [{ signal: "threads_created", labels: {}, values: [threads] }];
    }
    default:
      return assertNever(kind);
  }
}

function delays(signal: string, profile: Profile, options: ProfileSignalOptions): readonly Observation[] {
  const { durationNanos } = profile;
  if (durationNanos === undefined || durationNanos <= 0) return [];
  // Ns of delay per ns of the profile: seconds per second.
  return byFunction(signal, profile, "delay", callerOf, 1 / durationNanos, options);
}

function byFunction(
  signal: string,
  profile: Profile,
  type: string,
  functionOf: (stack: readonly ProfileFrame[]) => string,
  scale: number,
  { functions = 100, labelLength = 128 }: ProfileSignalOptions,
): readonly Observation[] {
  const value = valueIndex(profile, type);
  if (value < 0) return [];
  const sums = new Map<string, number>();
  for (const { stack, values } of profile.samples) {
    const amount = values[value] ?? 0;
    if (amount === 0) continue;
    const name = cutText(functionOf(stack), labelLength);
    sums.set(name, (sums.get(name) ?? 0) + amount);
  }
  const largest = [...sums].sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  const kept = largest.slice(0, functions);
  const rest = largest.slice(functions);
  if (rest.length > 0) kept.push([OTHER, rest.reduce((sum, [, amount]) => sum + amount, 0)]);
  return kept.map(([name, amount]) => ({ signal, labels: { function: name }, values: [amount * scale] }));
}

const valueIndex = (profile: Profile, type: string): number =>
  profile.sampleTypes.findIndex((each) => each.type === type);

/** The function the goroutine started in. */
function startOf(stack: readonly ProfileFrame[]): string {
  return stack.findLast(({ func }) => func !== "runtime.goexit")?.func ?? UNKNOWN;
}

/** The function that allocates, locks or waits: the first outside the runtime and the plumbing. */
function callerOf(stack: readonly ProfileFrame[]): string {
  return siteOf(stack.map(({ func }) => func).filter((func) => func !== "runtime.goexit")) ?? UNKNOWN;
}
