/**
 * Minimum mutator utilization: the least mean utilization of any window of a width, by definition. The mean over a
 * window is a piecewise linear function of where the window is, so its minimum is where one of the window's edges is at
 * a step: one sweep of two fingers finds it exactly.
 */

import type { Utilization } from "./utilization.ts";

/** A window and its mean utilization; times are ns after the trace's start. */
export interface MmuWindow {
  readonly begin_at_ns: number;
  readonly utilization: number;
}

export interface MmuPoint {
  readonly window_ns: number;
  readonly mmu: number;
}

export interface MmuResult {
  /** At widths 1, 2, 5 × 10^n ns from 10 µs up to the trace's length. */
  readonly curve: readonly MmuPoint[];
  /** For some widths, the worst windows that do not overlap. */
  readonly worst: readonly { readonly window_ns: number; readonly windows: readonly MmuWindow[] }[];
  /** Mean over the trace. */
  readonly mean: number;
  /** Steps shorter than this were averaged; 0: exact. */
  readonly resolution_ns: number;
}

const WORST_WIDTHS: readonly number[] = [1e6, 1e7, 1e8];
const WORST_WINDOWS = 10;

export function mmuOf(utilization: Utilization, startTime: number): MmuResult {
  const { times } = utilization;
  const sums = cumulative(utilization);
  const span = times.at(-1)! - times[0]!;
  const curve: MmuPoint[] = [];
  for (let decade = 1e4; decade <= span; decade *= 10) {
    for (const width of [decade, 2 * decade, 5 * decade]) {
      if (width <= span)
        curve.push({ window_ns: width, mmu: worstWindows(utilization, sums, width, 1)[0]!.utilization });
    }
  }
  return {
    curve,
    worst: WORST_WIDTHS.filter((width) => width <= span).map((width) => ({
      window_ns: width,
      windows: worstWindows(utilization, sums, width, WORST_WINDOWS).map((window) => ({
        begin_at_ns: window.begin - startTime,
        utilization: window.utilization,
      })),
    })),
    mean: span > 0 ? sums.at(-1)! / span : 1,
    resolution_ns: utilization.resolution,
  };
}

/** The minimum mutator utilization of windows of a width. A width above the whole span counts as the span. */
export function minimumUtilization(utilization: Utilization, width: number): number {
  return worstWindows(utilization, cumulative(utilization), width, 1)[0]!.utilization;
}

/** Utilization × time from the first point to each. */
function cumulative({ times, values }: Utilization): Float64Array {
  const sums = new Float64Array(times.length);
  for (let i = 1; i < times.length; i++)
    sums[i] = sums[i - 1]! + values[i - 1]! * (times[i]! - times[i - 1]!);
  return sums;
}

interface Window {
  readonly begin: number;
  readonly utilization: number;
}

/** The `count` worst windows that do not overlap, worst first; found greedily as Go does. */
function worstWindows(utilization: Utilization, sums: Float64Array, width: number, count: number): Window[] {
  const { times, values } = utilization;
  const first = times[0]!;
  const last = times.at(-1)!;
  const w = Math.min(width, last - first);
  if (w <= 0) return [{ begin: first, utilization: values[0]! }];
  const worst: Window[] = [];
  // Finger `left` is the step a window's begin lies in, `right` the one of its end.
  let left = 0;
  let right = 0;
  for (let begin = first; ;) {
    while (left < times.length - 2 && times[left + 1]! <= begin) left++;
    const end = begin + w;
    while (right < times.length - 2 && times[right + 1]! <= end) right++;
    const area =
      sums[right]! +
      values[right]! * (end - times[right]!) -
      (sums[left]! + values[left]! * (begin - times[left]!));
    offer(worst, { begin, utilization: Math.min(1, Math.max(0, area / w)) }, w, count);
    if (count === 1 && worst[0]!.utilization === 0) break;
    if (end >= last) break;
    // The next place where an edge meets a step.
    const next = Math.min(times[left + 1]!, (right + 1 < times.length ? times[right + 1]! : last) - w);
    const moved = next > begin ? Math.min(next, last - w) : Math.min(times[left + 1]!, last - w);
    if (!(moved > begin)) break;
    begin = moved;
  }
  return worst;
}

/** Takes a window in if it is among the worst; of overlapping ones the worse stays. */
function offer(worst: Window[], window: Window, width: number, count: number): void {
  if (worst.length >= count && window.utilization >= worst.at(-1)!.utilization) return;
  const overlapping = worst.findIndex((other) => Math.abs(other.begin - window.begin) < width);
  if (overlapping >= 0) {
    if (worst[overlapping]!.utilization <= window.utilization) return;
    worst.splice(overlapping, 1);
  }
  let at = worst.length;
  while (at > 0 && worst[at - 1]!.utilization > window.utilization) at--;
  worst.splice(at, 0, window);
  if (worst.length > count) worst.pop();
}
