/** A pprof profile as data: samples of stacks with values. Of the format (profile.proto) without mappings and labels. */

export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

export interface ProfileFrame {
  readonly pc: number | bigint;
  readonly func: string;
  readonly file: string;
  readonly line: number;
}

export interface ProfileSample {
  /** One for each of the profile's `sampleTypes`. */
  readonly values: readonly number[];
  /** Leaf first. */
  readonly stack: readonly ProfileFrame[];
}

export interface Profile {
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType | undefined;
  readonly period: number;
  /** Wall clock of the beginning in ns since the Unix epoch. */
  readonly timeNanos: bigint | undefined;
  readonly durationNanos: number | undefined;
  /** The sample type that tools show if none is asked for. */
  readonly defaultSampleType: string | undefined;
  readonly comments: readonly string[];
  readonly samples: readonly ProfileSample[];
}

/** Functions by the flat (leaf) and cumulative sum of one value. */
export interface FunctionTotal {
  readonly func: string;
  readonly flat: number;
  readonly cumulative: number;
}

/** What `pprof -top` lists: functions with the greatest cumulative values first. */
export function functionTotals(profile: Profile, value = profile.sampleTypes.length - 1): FunctionTotal[] {
  const totals = new Map<string, { func: string; flat: number; cumulative: number }>();
  for (const { stack, values } of profile.samples) {
    const amount = values[value] ?? 0;
    const seen = new Set<string>();
    stack.forEach(({ func }, depth) => {
      let total = totals.get(func);
      if (total === undefined) totals.set(func, (total = { func, flat: 0, cumulative: 0 }));
      if (depth === 0) total.flat += amount;
      if (!seen.has(func)) total.cumulative += amount;
      seen.add(func);
    });
  }
  return [...totals.values()].sort((a, b) => b.cumulative - a.cumulative || b.flat - a.flat);
}
