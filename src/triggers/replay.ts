/** What rules would have done with what was recorded: when each would have fired, with what value, at what cost. */

import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { ObservationBatch } from "../signals/signal.ts";
import type { Decision, Fired } from "./decision.ts";
import { createTriggerEngine } from "./engine.ts";
import type { TriggerOptions } from "./rule.ts";

/** As often as the agent ticks. */
const TICK_MS = 1000;
/** Longer silences in a recording are skipped tick by tick only up to here: nothing new comes true after. */
const MAX_TICKS_IN_A_GAP = 3600;

/** A capture as it would have been: overlapping firings of a target make one. */
export interface ReplayedCapture {
  readonly target: string;
  readonly rules: readonly string[];
  readonly start: EpochMilliseconds;
  readonly end: EpochMilliseconds;
  /** Of the trace, from the generations' sizes; undefined when the recording does not tell them. Profiles come on top. */
  readonly traceBytes: number | undefined;
}

export interface Replay {
  /** In the order they were made. */
  readonly decisions: readonly Decision[];
  readonly captures: readonly ReplayedCapture[];
  readonly batches: number;
  readonly start: EpochMilliseconds | undefined;
  readonly end: EpochMilliseconds | undefined;
}

/** @param batches of any sources and targets, in any order. @param random for `skip_probability`, 0 to below 1. */
export function replay(
  options: TriggerOptions,
  batches: readonly ObservationBatch[],
  random: () => number = () => 1 - Number.EPSILON,
): Replay {
  const engine = createTriggerEngine(options, { random });
  const decisions: Decision[] = [];
  const sorted = batches.toSorted((a, b) => a.at - b.at);
  const start = sorted[0]?.at;
  // All targets are there from the beginning: what is absent then is absent.
  if (start !== undefined)
    for (const batch of sorted) engine.addTarget(batch.target, batch.targetLabels, start);
  let now = start ?? epochMilliseconds(0);
  for (const batch of sorted) {
    for (let ticks = 0; now + TICK_MS < batch.at && ticks < MAX_TICKS_IN_A_GAP; ticks++) {
      now = epochMilliseconds(now + TICK_MS);
      decisions.push(...engine.tick(now));
    }
    now = batch.at;
    decisions.push(...engine.observe(batch, now));
    decisions.push(...engine.tick(now));
  }
  const fired = decisions.filter((decision) => decision.kind === "fired");
  return {
    decisions,
    captures: mergeCaptures(fired, sorted),
    batches: sorted.length,
    start,
    end: sorted.at(-1)?.at,
  };
}

function mergeCaptures(
  fired: readonly Fired[],
  batches: readonly ObservationBatch[],
): readonly ReplayedCapture[] {
  const sizes = traceSizes(batches);
  const merged: { target: string; rules: string[]; start: number; end: number }[] = [];
  for (const { target, rule, at, capture } of fired.toSorted((a, b) => a.at - b.at)) {
    const start = at - capture.before;
    const end = at + capture.after;
    const open = merged.findLast((each) => each.target === target);
    if (open === undefined || start > open.end || at > open.end) {
      merged.push({ target, rules: [rule], start, end });
      continue;
    }
    open.end = Math.max(open.end, end);
    open.start = Math.min(open.start, start);
    if (!open.rules.includes(rule)) open.rules.push(rule);
  }
  return merged.map(({ target, rules, start, end }) => ({
    target,
    rules,
    start: epochMilliseconds(start),
    end: epochMilliseconds(end),
    traceBytes: bytesBetween(sizes.get(target) ?? [], start, end),
  }));
}

interface GenerationSize {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

function traceSizes(batches: readonly ObservationBatch[]): ReadonlyMap<string, readonly GenerationSize[]> {
  const sizes = new Map<string, GenerationSize[]>();
  for (const { target, at, interval, observations } of batches) {
    const bytes = observations.find(({ signal }) => signal === "trace_bytes")?.values[0];
    if (bytes === undefined) continue;
    const list = sizes.get(target) ?? [];
    list.push({ start: at - interval, end: at, bytes });
    sizes.set(target, list);
  }
  return sizes;
}

/** Generations are kept whole. */
function bytesBetween(sizes: readonly GenerationSize[], start: number, end: number): number | undefined {
  const inside = sizes.filter((generation) => generation.end > start && generation.start < end);
  return inside.length === 0 ? undefined : inside.reduce((sum, { bytes }) => sum + bytes, 0);
}
