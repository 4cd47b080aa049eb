import { assertNever } from "../base/errors.ts";
import type { EpochMilliseconds } from "../base/units.ts";
import { quantile } from "./aggregate.ts";
import type { Labels } from "../signals/signal.ts";
import type { Sink, Wake } from "./detector.ts";
import type { Interval } from "./interval.ts";
import type { SignalQuery } from "./rule.ts";

/** The series of one group in one interval. */
interface Entry {
  at: EpochMilliseconds;
  /** Values there were, and values kept. */
  total: number;
  kept: number;
  sum: number;
  min: number;
  max: number;
  /** Values beyond the level, and those of them that no firing has used yet. */
  breaching: number;
  fresh: number;
  /** The worst value beyond the level, with its moment and its series. */
  worst: number;
  worstAt: EpochMilliseconds;
  /** The series it is of; undefined where several series make one value. */
  worstLabels: Labels | undefined;
  /** The values themselves, where a quantile is asked for. */
  parts: Interval[] | undefined;
}

/** An interval so much before the last one means that the clock was set back; the rest would stay in the window for ever. */
const CLOCK_JUMP_MS = 60_000;

/** Which values count as beyond the level; undefined when nobody asks. */
export interface Breach {
  readonly direction: "above" | "below";
  readonly level: number;
}

/** The values of a query's window, made one. */
export interface ValueWindow {
  /** Where the intervals of a series go. */
  sinkFor(labels: Labels): Sink;
  /** Lets go of what left the window. */
  advance(at: EpochMilliseconds): void;
  /** What came so far is no news any more. */
  consume(): void;
  /** Undefined without data. @param covered ms since the target is known. */
  value(covered: number): number | undefined;
  /** How many values it is made of. */
  readonly samples: number;
  readonly isEmpty: boolean;
  readonly isNew: boolean;
  readonly lastAt: EpochMilliseconds | undefined;
}

/** The value furthest beyond the level. */
export interface Worst {
  readonly value: number;
  readonly at: EpochMilliseconds;
  readonly labels: Labels | undefined;
}

export interface WindowOptions {
  readonly breach?: Breach;
  /** Nothing else is asked of a distribution. */
  readonly breachesOnly?: boolean;
  /** Without a value beyond the level in the window there is nothing to judge. */
  readonly wakesOnBreach?: boolean;
}

/**
 * The intervals of one query's window, with running totals: a step costs what is new and what leaves, not what is
 * there. How many values lie beyond the level is counted as they come, since that alone decides the tests on single
 * values and on quantiles.
 */
export class SampleWindow implements ValueWindow, Sink {
  readonly #query: SignalQuery;
  readonly #wake: Wake;
  readonly #breach: Breach | undefined;
  readonly #isGauge: boolean;
  readonly #keepsValues: boolean;
  /** Only the breaches matter: intervals without one leave no entry. */
  readonly #keepsBreachesOnly: boolean;
  readonly #keepsNewestOnly: boolean;
  readonly #wakesOnBreach: boolean;
  readonly #entries: Entry[] = [];
  #head = 0;
  /** An entry that left the window, to be used again: a steady window makes no garbage. */
  #spare: Entry | undefined;
  #open: Entry | undefined;

  /** The end of the last interval that was ended. */
  #closedAt = 0;

  total = 0;
  kept = 0;
  sum = 0;
  breaching = 0;
  fresh = 0;
  /** Whether an interval came since `consume`. */
  isNew = false;
  /** The last interval that was added, and the value in it that came closest to the level. */
  lastAt: EpochMilliseconds | undefined;
  closest: number | undefined;

  constructor(query: SignalQuery, wake: Wake, options: WindowOptions = {}) {
    const { breach, breachesOnly = false, wakesOnBreach = false } = options;
    this.#wake = wake;
    this.#query = query;
    this.#breach = breach;
    this.#wakesOnBreach = wakesOnBreach;
    this.#isGauge = query.signal.kind === "gauge";
    this.#keepsValues = query.aggregate.kind === "quantile" && !this.#isGauge;
    this.#keepsBreachesOnly = breachesOnly && !this.#isGauge;
    this.#keepsNewestOnly = query.aggregate.kind === "last";
  }

  sinkFor(): Sink {
    return this;
  }

  /** Several series of one interval may come, one after another. */
  add(interval: Interval): void {
    if (interval.values.length === 0) return;
    const breach = this.#breach;
    if (breach !== undefined) {
      const extreme = breach.direction === "above" ? interval.max : interval.min;
      if (
        this.lastAt !== interval.at ||
        this.closest === undefined ||
        isBeyond(extreme, breach.direction, this.closest)
      ) {
        this.closest = extreme;
      }
      if (this.#keepsBreachesOnly && !isBeyond(extreme, breach.direction, breach.level)) {
        this.lastAt = interval.at;
        return;
      }
    }
    this.lastAt = interval.at;
    // Nobody may have looked since: the window moves on by itself as well.
    if (this.#open !== undefined && this.#open.at !== interval.at) this.advance(interval.at);
    const entry = (this.#open ??= this.#newEntry(interval.at));
    entry.total += interval.total;
    entry.kept += interval.values.length;
    entry.sum += interval.sum;
    if (interval.min < entry.min) entry.min = interval.min;
    if (interval.max > entry.max) entry.max = interval.max;
    if (this.#keepsValues) (entry.parts ??= []).push(interval);
    if (breach !== undefined && !this.#isGauge) countBreaches(entry, interval, breach);
    this.isNew = true;
    if (!this.#wakesOnBreach || this.breaching > 0 || entry.breaching > 0 || this.#isGauge)
      this.#wake.isAwake = true;
  }

  /** Ends the interval that is being added, and lets go of what left the window. */
  advance(at: EpochMilliseconds): void {
    if (this.#open !== undefined) this.#close();
    const entries = this.#entries;
    const { window } = this.#query;
    while (this.#head < entries.length) {
      const oldest = entries[this.#head];
      if (oldest === undefined || (window === 0 ? oldest.at >= at : oldest.at > at - window)) break;
      this.#forget(oldest);
      this.#head++;
    }
    if (this.#head === entries.length) {
      entries.length = 0;
      this.#head = 0;
    } else if (this.#head > 16 && this.#head * 2 > entries.length) {
      entries.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** What is beyond the level now has made its firing. */
  consume(): void {
    for (let i = this.#head; i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry !== undefined) entry.fresh = 0;
    }
    this.fresh = 0;
    this.isNew = false;
  }

  get isEmpty(): boolean {
    return this.#head === this.#entries.length && this.#open === undefined;
  }

  /** How many values can be judged: a gauge gives one an interval. */
  get samples(): number {
    return this.#isGauge ? this.#entries.length - this.#head : this.kept;
  }

  /** The worst value of the newest interval that has one beyond the level. */
  get worst(): Worst | undefined {
    for (let i = this.#entries.length - 1; i >= this.#head; i--) {
      const entry = this.#entries[i];
      if (entry === undefined || entry.breaching === 0) continue;
      return { value: entry.worst, at: entry.worstAt, labels: entry.worstLabels };
    }
    return undefined;
  }

  /** The window's value by the query's aggregate; undefined without data. @param covered ms the window has been open. */
  value(covered: number): number | undefined {
    const newest = this.#entries[this.#entries.length - 1];
    const { aggregate } = this.#query;
    const span = Math.max(1, Math.min(this.#query.window, covered)) / 1000;
    if (aggregate.kind === "count") return this.total;
    if (aggregate.kind === "rate" && !this.#isGauge) {
      return this.#query.signal.kind === "counter" ? newest && this.sum / span : this.total / span;
    }
    if (newest === undefined || this.isEmpty) return undefined;
    switch (aggregate.kind) {
      case "last":
        return this.#combined(newest);
      case "rate":
        return this.#slope(newest);
      case "sum":
        return this.sum;
      case "mean":
        return this.sum / this.samples;
      case "min":
        return this.#fold((entry) => (this.#isGauge ? this.#combined(entry) : entry.min), Math.min);
      case "max":
      case "each":
        return this.#fold((entry) => (this.#isGauge ? this.#combined(entry) : entry.max), Math.max);
      case "quantile":
        return quantile(this.#values(), aggregate.q);
      default:
        return assertNever(aggregate);
    }
  }

  #close(): void {
    const entry = this.#open;
    if (entry === undefined) return;
    this.#open = undefined;
    if (this.#isGauge) this.#closeGauge(entry);
    if (this.#closedAt > entry.at + CLOCK_JUMP_MS) this.#forgetAll();
    this.#closedAt = entry.at;
    if (this.#keepsNewestOnly) {
      const [previous] = this.#entries;
      if (previous !== undefined) this.#forget(previous);
      this.#entries[0] = entry;
    } else {
      this.#entries.push(entry);
    }
    this.total += entry.total;
    this.kept += entry.kept;
    this.sum += this.#isGauge ? this.#combined(entry) : entry.sum;
    this.breaching += entry.breaching;
    this.fresh += entry.fresh;
  }

  #forgetAll(): void {
    for (const entry of this.#entries.splice(0).slice(this.#head)) this.#forget(entry);
    this.#head = 0;
  }

  /** A gauge is judged by the one value its series make together. */
  #closeGauge(entry: Entry): void {
    const value = this.#combined(entry);
    if (this.#breach === undefined || !isBeyond(value, this.#breach.direction, this.#breach.level)) return;
    entry.breaching = entry.fresh = 1;
    entry.worst = value;
    entry.worstAt = entry.at;
  }

  #combined(entry: Entry): number {
    switch (this.#query.across) {
      case "max":
        return entry.max;
      case "min":
        return entry.min;
      case "sum":
        return entry.sum;
      case "mean":
        return entry.sum / entry.kept;
      default:
        return assertNever(this.#query.across);
    }
  }

  #newEntry(at: EpochMilliseconds): Entry {
    const entry = this.#spare;
    if (entry === undefined) return emptyEntry(at);
    this.#spare = undefined;
    entry.at = entry.worstAt = at;
    entry.total = entry.kept = entry.sum = entry.breaching = entry.fresh = entry.worst = 0;
    entry.min = Infinity;
    entry.max = -Infinity;
    entry.parts = entry.worstLabels = undefined;
    return entry;
  }

  #forget(entry: Entry): void {
    this.#spare = entry;
    this.total -= entry.total;
    this.kept -= entry.kept;
    this.breaching -= entry.breaching;
    this.fresh -= entry.fresh;
    // An empty window starts from an exact zero: rounding does not pile up for ever.
    this.sum = this.kept === 0 ? 0 : this.sum - (this.#isGauge ? this.#combined(entry) : entry.sum);
  }

  #fold(of: (entry: Entry) => number, join: (a: number, b: number) => number): number {
    let folded = Number.NaN;
    for (let i = this.#head; i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry === undefined) continue;
      const value = of(entry);
      folded = Number.isNaN(folded) ? value : join(folded, value);
    }
    return folded;
  }

  /** How fast a gauge moved, per second, from the window's first value to its last. */
  #slope(newest: Entry): number | undefined {
    const oldest = this.#entries[this.#head];
    if (oldest === undefined || oldest.at >= newest.at) return undefined;
    return ((this.#combined(newest) - this.#combined(oldest)) / (newest.at - oldest.at)) * 1000;
  }

  #values(): Float64Array {
    if (this.#isGauge) {
      return Float64Array.from(this.#entries.slice(this.#head), (entry) => this.#combined(entry));
    }
    const all = new Float64Array(this.kept);
    let length = 0;
    for (let i = this.#head; i < this.#entries.length; i++) {
      for (const { values } of this.#entries[i]?.parts ?? []) {
        all.set(values, length);
        length += values.length;
      }
    }
    return all;
  }
}

function emptyEntry(at: EpochMilliseconds): Entry {
  return {
    at,
    total: 0,
    kept: 0,
    sum: 0,
    min: Infinity,
    max: -Infinity,
    breaching: 0,
    fresh: 0,
    worst: 0,
    worstAt: at,
    worstLabels: undefined,
    parts: undefined,
  };
}

function isBeyond(value: number, direction: Breach["direction"], level: number): boolean {
  return direction === "above" ? value > level : value < level;
}

function countBreaches(entry: Entry, interval: Interval, breach: Breach): void {
  const extreme = breach.direction === "above" ? interval.max : interval.min;
  // Most intervals have no value beyond the level: one comparison then.
  const { direction, level } = breach;
  if (!isBeyond(extreme, direction, level)) return;
  const { values, times } = interval;
  let count = 0;
  let worstIndex = -1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (!isBeyond(value, direction, level)) continue;
    count++;
    if (value === extreme) worstIndex = i;
  }
  const isWorse = entry.breaching === 0 || isBeyond(extreme, direction, entry.worst);
  entry.breaching += count;
  entry.fresh += count;
  if (!isWorse) return;
  entry.worst = extreme;
  entry.worstAt = (times?.[worstIndex] ?? interval.at) as EpochMilliseconds;
  entry.worstLabels = interval.labels;
}
