import type { AnalysisResult } from "../../analysis/result.ts";
import type { SeriesResult } from "../../analysis/series.ts";
import { duration, percent, plural, size } from "../format.ts";
import { name } from "../model.ts";
import type { Section } from "../model.ts";
import { distributionCells, distributionColumns, share } from "./scheduler.ts";

/** The collector: pauses, help it asked for, what it left to the program. */
export function gcSection(result: AnalysisResult, most: number): Section {
  const { gc, mmu } = result;
  const exec = result.goroutines.reduce((sum, group) => sum + group.exec_ns, 0);
  const rows = [
    ["mark phase", gc.mark] as const,
    ["mark assist", gc.assist] as const,
    ["sweep", gc.sweep] as const,
    ...Object.entries(gc.stw)
      .sort(([, a], [, b]) => b.sum_ns - a.sum_ns)
      .map(([kind, pauses]) => [`STW ${kind}`, pauses] as const),
  ]
    .filter(([, times]) => times.count > 0)
    .slice(0, most);
  const worst = gc.worst_pauses[0];
  return {
    id: "gc",
    title: "Garbage collector and pauses",
    summary:
      gc.cycle_count === 0
        ? "no cycle in the trace"
        : `${plural(gc.cycle_count, "cycle")}, marking for ${percent(gc.mark_share)} of the trace`,
    tables: [
      {
        columns: [name("what"), ...distributionColumns()],
        rows: rows.map(([what, times]) => [what, ...distributionCells(times)]),
      },
    ],
    notes: [
      ...(worst === undefined
        ? []
        : [
            `the world stood still for ${duration(gc.stw_total_ns)} (${percent(share(gc.stw_total_ns, result.duration_ns))} of the trace), longest ${duration(worst.total_ns)} at ${duration(worst.begin_at_ns)}`,
          ]),
      ...(gc.assist.count > 0
        ? [`mark assists took ${percent(share(gc.assist.sum_ns, exec))} of the goroutines' execution time`]
        : []),
      ...heapNote(gc.heap, gc.goal),
      ...(mmu === null || mmu.curve.length === 0 ? [] : [mmuNote(mmu.curve)]),
    ],
  };
}

function heapNote(heap: SeriesResult, goal: SeriesResult): string[] {
  const range = extent(heap);
  if (range === undefined) return [];
  const goals = extent(goal);
  const to = goals === undefined ? "" : `; goal ${between(goals)}`;
  return [`heap ${between(range)}${to}`];
}

function between([least, greatest]: readonly [number, number]): string {
  const [from, to] = [size(least), size(greatest)];
  return from === to ? from : `${from} to ${to}`;
}

/** Least and greatest value of a series; undefined when it has none. */
export function extent(series: SeriesResult): [number, number] | undefined {
  let least = Infinity;
  let greatest = -Infinity;
  for (const value of series.min) if (value !== null && value < least) least = value;
  for (const value of series.max) if (value !== null && value > greatest) greatest = value;
  return greatest === -Infinity ? undefined : [least, greatest];
}

function mmuNote(curve: readonly { readonly window_ns: number; readonly mmu: number }[]): string {
  const points = [1e6, 1e7, 1e8]
    .map((width) => curve.find((point) => point.window_ns === width))
    .filter((point) => point !== undefined);
  const shown = points.length > 0 ? points : curve.slice(-1);
  const each = shown.map((point) => `${percent(point.mmu)} of any ${duration(point.window_ns)}`);
  return `left to the program at least (MMU): ${each.join(", ")}`;
}
