/**
 * Which generations of which sessions a capture takes. Pure.
 */

import { formatDuration } from "../base/duration.ts";
import type { EpochMilliseconds } from "../base/units.ts";
import type { RecordedGeneration, RecordedSession } from "../ring/recording.ts";

/** The time a capture is asked to cover. */
export interface CaptureWindow {
  /** When it happened. */
  readonly moment: EpochMilliseconds;
  readonly from: EpochMilliseconds;
  readonly to: EpochMilliseconds;
}

/** One trace file of a capture: whole generations of one session. */
export interface TracePart {
  readonly session: RecordedSession;
  readonly generations: readonly RecordedGeneration[];
}

/** What came and is in no file, since it was not whole. */
export interface Cut {
  readonly generations: number;
  readonly bytes: number;
}

export interface TracePlan {
  /** The session that holds the moment, or the one nearest to it, an earlier one first. Absent: nothing was held. */
  readonly main: TracePart | undefined;
  /** Earlier sessions that the window reaches back into, newest first: files of their own, since sessions never join. */
  readonly earlier: readonly TracePart[];
  /** Why the plan does not cover the window; absent when it does. */
  readonly missing: string | undefined;
  /** What the ends of its sessions lost; absent: nothing. */
  readonly cut: Cut | undefined;
}

/** How far the edge of a window may lie outside the generations without being called missing: clocks are not that good. */
const TOLERANCE_MS = 50;

/**
 * Takes every generation that overlaps the window. A generation is never cut: the capture may reach further on both
 * sides, never less far than what the ring holds.
 *
 * @param sessions oldest first, as the recorder holds them.
 */
export function planTrace(sessions: readonly RecordedSession[], window: CaptureWindow): TracePlan {
  const parts = sessions
    .map((session) => ({ session, generations: overlapping(session.generations, window) }))
    .filter((part) => part.generations.length > 0);
  const main =
    parts.findLast((part) => contains(part, window.moment)) ??
    parts.at(-1) ??
    lastBefore(sessions, window) ??
    firstAfter(sessions);
  if (main === undefined) return { main, earlier: [], missing: "the ring was empty", cut: undefined };
  const earlier = parts.filter((part) => startOf(part) < startOf(main)).reverse();
  const planned = [main, ...earlier];
  return { main, earlier, missing: describeMissing(planned, window), cut: cutOf(planned) };
}

/** The torn tails behind what was planned. */
function cutOf(parts: readonly TracePart[]): Cut | undefined {
  const torn = parts.filter(
    ({ session, generations }) => session.tornBytes > 0 && generations.at(-1) === session.generations.at(-1),
  );
  if (torn.length === 0) return undefined;
  return { generations: torn.length, bytes: torn.reduce((sum, { session }) => sum + session.tornBytes, 0) };
}

function overlapping(
  generations: readonly RecordedGeneration[],
  window: CaptureWindow,
): RecordedGeneration[] {
  return generations.filter(
    (generation) => generation.wallEnd >= window.from && generation.wallStart <= window.to,
  );
}

function lastBefore(sessions: readonly RecordedSession[], window: CaptureWindow): TracePart | undefined {
  const session = sessions.findLast(
    (candidate) => (candidate.generations[0]?.wallStart ?? Infinity) <= window.moment,
  );
  return session && { session, generations: session.generations };
}

/** What is left when the decision came so late that the ring had let the window go. */
function firstAfter(sessions: readonly RecordedSession[]): TracePart | undefined {
  const session = sessions.find(({ generations }) => generations.length > 0);
  return session && { session, generations: session.generations };
}

function startOf(part: TracePart): number {
  return part.generations[0]?.wallStart ?? Infinity;
}

function endOf(part: TracePart): number {
  return part.generations.at(-1)?.wallEnd ?? -Infinity;
}

function contains(part: TracePart, moment: EpochMilliseconds): boolean {
  return startOf(part) <= moment && moment <= endOf(part);
}

function describeMissing(parts: readonly TracePart[], window: CaptureWindow): string | undefined {
  const start = Math.min(...parts.map(startOf));
  const end = Math.max(...parts.map(endOf));
  const gaps: string[] = [];
  if (start > window.from + TOLERANCE_MS) {
    gaps.push(
      `the first ${formatDuration(Math.round(start - window.from))}: the ring did not reach back that far`,
    );
  }
  if (end < window.to - TOLERANCE_MS) {
    gaps.push(`the last ${formatDuration(Math.round(window.to - end))}: the stream did not go on that long`);
  }
  if (parts.length > 1) gaps.push("the time between two connections to the target");
  return gaps.length === 0 ? undefined : gaps.join("; ");
}
