/**
 * The latency budget of one type of task: what a task of a percentile band spends its time on, and what grows from the
 * median to the tail.
 *
 * Every task is kept while there are few. Beyond, those of nearly the same latency (an eighth of an octave: 9 %) are one
 * cell of sums, so memory is bounded and a band's edge is known to within 9 %.
 */

import { KIND_STRIDE } from "./kinds.ts";
import type { Kinds } from "./kinds.ts";
import type { Sites, ToldFrame } from "./sites.ts";
import { told } from "./sites.ts";
import type { StackPool } from "../stacks.ts";
import { UNIT_STACKS } from "./units.ts";
import type { Units } from "./units.ts";

/** Tasks of a type kept one by one. */
const EXACT_TASKS = 128;
const CELLS_PER_OCTAVE = 8;
/** Stacks told apart in a cell; further ones count by kind alone. */
const MAX_CELL_STACKS = 64;
/** Stacks told of the slow tasks. */
const TOLD_STACKS = 10;
const STACK_SHIFT = 256;

/** Edges of the bands, as quantiles. */
export const bandEdges: readonly (readonly [number, number])[] = [
  [0, 0.5],
  [0.5, 0.9],
  [0.9, 0.99],
  [0.99, 1],
];
/** The slow tasks are the slowest twentieth, at least one; the typical ones the fifth around the median. */
const SLOW_SHARE = 0.05;
const TYPICAL: readonly [number, number] = [0.4, 0.6];

/** Tasks between two quantiles of latency. All times are means of one task. */
export interface Band {
  readonly from: number;
  readonly to: number;
  /** Not whole where a cell of nearly equal tasks lies on an edge. */
  readonly tasks: number;
  readonly mean_ns: number;
  /** By kind: `running`, `runnable`, `mutex`, `network`, … Sums to the mean. */
  readonly by_kind: Readonly<Record<string, number>>;
  /** Stop-the-world that it lived through; within the kinds above, not beside them. */
  readonly stopped_ns: number;
}

/** How a kind of time differs between slow and typical tasks. */
export interface GrowthRow {
  readonly kind: string;
  /** Means of one task. */
  readonly slow_ns: number;
  readonly typical_ns: number;
  /** Of the slow tasks' time. */
  readonly share: number;
  /** Of what the slow tasks take longer; negative: it shrinks. */
  readonly growth_share: number;
}

/** Where slow tasks wait. */
export interface SlowSite {
  readonly kind: string;
  /** The function that waits: the first of the stack that is no plumbing. */
  readonly function: string;
  readonly slow_ns: number;
  readonly typical_ns: number;
  readonly share: number;
  readonly stack: readonly ToldFrame[];
}

interface Cell {
  latency: number;
  count: number;
  stopped: number;
  readonly times: Float64Array;
  /** ns by stack × 256 + kind. */
  readonly stacks: Map<number, number>;
}

export class Budget {
  count = 0;
  /** Sum of latencies. */
  total = 0;
  #exact: Cell[] | undefined = [];
  readonly #cells = new Map<number, Cell>();

  add(units: Units, unit: number, latency: number): void {
    this.count++;
    this.total += latency;
    const cell = this.#cell(latency);
    cell.latency += latency;
    cell.count++;
    cell.stopped += units.stopped[unit]!;
    const at = unit * KIND_STRIDE;
    for (let kind = 0; kind < KIND_STRIDE; kind++) cell.times[kind]! += units.times[at + kind]!;
    for (let i = unit * UNIT_STACKS; i < (unit + 1) * UNIT_STACKS; i++) {
      const ns = units.stackTimes[i]!;
      if (ns > 0) addStack(cell, units.stacks[i]! * STACK_SHIFT + units.stackKinds[i]!, ns);
    }
  }

  #cell(latency: number): Cell {
    if (this.#exact !== undefined) {
      if (this.#exact.length < EXACT_TASKS) {
        const cell = newCell();
        this.#exact.push(cell);
        return cell;
      }
      const exact = this.#exact;
      this.#exact = undefined;
      for (const cell of exact) merge(this.#cell(cell.latency), cell);
    }
    const key = latency < 1 ? -1 : Math.floor(Math.log2(latency) * CELLS_PER_OCTAVE);
    let cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, (cell = newCell()));
    return cell;
  }

  /** Quantiles of the slow tasks. */
  get slowRange(): readonly [number, number] {
    return [1 - Math.max(1, Math.floor(this.count * SLOW_SHARE)) / Math.max(1, this.count), 1];
  }

  bands(kinds: Kinds): Band[] {
    return bandEdges.map(([from, to]) => this.#band(from, to, kinds).band);
  }

  /** The slow tasks, the typical ones, and how they differ. */
  cohorts(
    kinds: Kinds,
    sites: Sites,
    stacks: StackPool,
  ): { slow: Band; typical: Band; growth: GrowthRow[]; sites: SlowSite[] } {
    const slow = this.#band(...this.slowRange, kinds);
    const typical = this.#band(...TYPICAL, kinds);
    const grown = slow.band.mean_ns - typical.band.mean_ns;
    const share = (ns: number): number => (slow.band.mean_ns > 0 ? ns / slow.band.mean_ns : 0);
    const names = new Set([...Object.keys(slow.band.by_kind), ...Object.keys(typical.band.by_kind)]);
    const growth = [...names].map((kind): GrowthRow => {
      const slowNs = slow.band.by_kind[kind] ?? 0;
      const typicalNs = typical.band.by_kind[kind] ?? 0;
      return {
        kind,
        slow_ns: slowNs,
        typical_ns: typicalNs,
        share: share(slowNs),
        growth_share: grown > 0 ? (slowNs - typicalNs) / grown : 0,
      };
    });
    const rows = [...slow.stacks]
      .sort(([, a], [, b]) => b - a)
      .slice(0, TOLD_STACKS)
      .map(([key, ns]): SlowSite => {
        const stack = Math.floor(key / STACK_SHIFT);
        return {
          kind: kinds.names.text(key % STACK_SHIFT),
          function: sites.names.text(sites.of(stack, stacks)),
          slow_ns: ns,
          typical_ns: typical.stacks.get(key) ?? 0,
          share: share(ns),
          stack: told(stack, stacks),
        };
      });
    return {
      slow: slow.band,
      typical: typical.band,
      growth: growth.sort((a, b) => b.slow_ns - a.slow_ns),
      sites: rows,
    };
  }

  /** Means over the tasks between two quantiles; a cell on an edge counts in part. */
  #band(
    from: number,
    to: number,
    kinds: Kinds,
  ): { readonly band: Band; readonly stacks: Map<number, number> } {
    const cells = (this.#exact ?? [...this.#cells.values()]).toSorted(
      (a, b) => a.latency / a.count - b.latency / b.count,
    );
    const first = from * this.count;
    const last = to * this.count;
    const sum = newCell();
    let rank = 0;
    for (const cell of cells) {
      const part = Math.max(0, Math.min(last, rank + cell.count) - Math.max(first, rank)) / cell.count;
      rank += cell.count;
      if (part > 0) merge(sum, cell, part);
    }
    const mean = (ns: number): number => (sum.count > 0 ? ns / sum.count : 0);
    const byKind: Record<string, number> = {};
    sum.times.forEach((ns, kind) => {
      if (ns > 0) byKind[kinds.names.text(kind)] = mean(ns);
    });
    const stacks = new Map([...sum.stacks].map(([key, ns]) => [key, mean(ns)]));
    return {
      band: {
        from,
        to,
        tasks: sum.count,
        mean_ns: mean(sum.latency),
        by_kind: byKind,
        stopped_ns: mean(sum.stopped),
      },
      stacks,
    };
  }
}

function newCell(): Cell {
  return { latency: 0, count: 0, stopped: 0, times: new Float64Array(KIND_STRIDE), stacks: new Map() };
}

function addStack(cell: Cell, key: number, ns: number): void {
  const known = cell.stacks.get(key);
  if (known === undefined && cell.stacks.size >= MAX_CELL_STACKS) return;
  cell.stacks.set(key, (known ?? 0) + ns);
}

/** Adds a part of a cell to another. */
function merge(into: Cell, cell: Cell, part = 1): void {
  into.latency += cell.latency * part;
  into.count += cell.count * part;
  into.stopped += cell.stopped * part;
  for (let kind = 0; kind < KIND_STRIDE; kind++) into.times[kind]! += cell.times[kind]! * part;
  for (const [key, ns] of cell.stacks) addStack(into, key, ns * part);
}
