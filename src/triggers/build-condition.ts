/** What YAML says under `when:` → a `Condition`, checked against the signal catalogue: a sentence for all that is wrong. */

import { assertNever } from "../base/errors.ts";
import { milliseconds, type Milliseconds } from "../base/units.ts";
import { nearest } from "../base/nearest.ts";
import { findSignal, METRIC_PREFIX, signalNames, type SignalDefinition } from "../signals/catalog.ts";
import { parseAggregate } from "./aggregate.ts";
import type { Aggregate, Condition, Direction, LabelPattern, SignalQuery, Test } from "./rule.ts";
import { parseRatio, parseThreshold, unitOf, type ValueUnit } from "./threshold.ts";

export type RawThreshold = string | number;
export type RawLabels = Readonly<Record<string, string | readonly string[]>>;

export interface RawQuery {
  readonly signal?: string | undefined;
  readonly labels?: RawLabels | undefined;
  readonly aggregate?: string | undefined;
  readonly window?: Milliseconds | undefined;
  readonly min_samples?: number | undefined;
  readonly across?: "max" | "min" | "sum" | "mean" | undefined;
}

export interface RawCondition extends RawQuery {
  readonly above?: RawThreshold | undefined;
  readonly below?: RawThreshold | undefined;
  readonly clear_above?: RawThreshold | undefined;
  readonly clear_below?: RawThreshold | undefined;
  readonly min_count?: number | undefined;
  readonly breach_ratio?: RawThreshold | undefined;
  readonly all?: readonly RawCondition[] | undefined;
  readonly any?: readonly RawCondition[] | undefined;
  readonly not?: RawCondition | undefined;
}

export type Path = readonly (string | number)[];
export type Report = (path: Path, message: string) => void;

/** Undefined when something is wrong, which `report` was then told. */
export function buildCondition(raw: RawCondition, path: Path, report: Report): Condition | undefined {
  const kinds = (["signal", "all", "any", "not"] as const).filter((key) => raw[key] !== undefined);
  if (kinds.length !== 1) {
    report(
      path,
      kinds.length === 0
        ? "a condition needs one of signal, all, any or not"
        : `a condition has only one of ${kinds.join(" and ")}; put them under all: or any:`,
    );
    return undefined;
  }
  if (raw.all !== undefined) return buildList("all", raw.all, path, report);
  if (raw.any !== undefined) return buildList("any", raw.any, path, report);
  if (raw.not !== undefined) {
    const condition = buildCondition(raw.not, [...path, "not"], report);
    return condition === undefined ? undefined : { kind: "not", condition };
  }
  return buildSignal(raw, path, report);
}

function buildList(
  kind: "all" | "any",
  raw: readonly RawCondition[],
  path: Path,
  report: Report,
): Condition | undefined {
  const built = raw.map((each, i) => buildCondition(each, [...path, kind, i], report));
  const conditions = built.filter((condition) => condition !== undefined);
  return conditions.length === built.length ? { kind, conditions } : undefined;
}

function buildSignal(raw: RawCondition, path: Path, report: Report): Condition | undefined {
  const query = buildQuery(raw, path, report);
  if (query === undefined) return undefined;
  const test = buildTest(raw, query, path, report);
  if (test === undefined) return undefined;
  const across =
    raw.across ?? (test.kind === "threshold" && test.direction === "below" ? "min" : query.across);
  return { kind: "signal", query: { ...query, across }, test };
}

/** The signal, its labels and how its values are put together. */
export function buildQuery(raw: RawQuery, path: Path, report: Report): SignalQuery | undefined {
  const name = raw.signal ?? "";
  const signal = findSignal(name);
  if (signal === undefined) {
    report([...path, "signal"], unknownSignal(name));
    return undefined;
  }
  const unknownLabel = Object.keys(raw.labels ?? {}).find((label) => !signal.labels.includes(label));
  if (unknownLabel !== undefined && !signal.openLabels) {
    const has = signal.labels.length === 0 ? "it has none" : `it has ${signal.labels.join(", ")}`;
    report([...path, "labels", unknownLabel], `${name} has no label ${unknownLabel}; ${has}`);
    return undefined;
  }
  const aggregate = raw.aggregate === undefined ? defaultAggregate(signal) : parseAggregate(raw.aggregate);
  if (aggregate === undefined) {
    report(
      [...path, "aggregate"],
      `"${raw.aggregate}" is none of each, last, count, rate, sum, mean, min, max, p50 … p99.9`,
    );
    return undefined;
  }
  return {
    signal,
    labels: buildPatterns(raw.labels),
    aggregate,
    window: raw.window ?? defaultWindow(signal, aggregate),
    minSamples: raw.min_samples ?? 1,
    across: raw.across ?? "max",
  };
}

function unknownSignal(name: string): string {
  if (name === "") return "which signal? See the table in docs/triggers.md";
  if (name.startsWith(METRIC_PREFIX))
    return `"${name}" is no name of a metric: write metric:http_requests_total`;
  const near = nearest(name, signalNames());
  return near === undefined
    ? `there is no signal ${name}; see the table in docs/triggers.md, and metric:NAME for the service's own`
    : `there is no signal ${name}; did you mean ${near}?`;
}

function defaultAggregate(signal: SignalDefinition): Aggregate {
  switch (signal.kind) {
    case "gauge":
      return { kind: "last" };
    case "counter":
      return { kind: "rate" };
    case "distribution":
    case "snapshot":
    case "event":
      return { kind: "each" };
    default:
      return assertNever(signal.kind);
  }
}

function defaultWindow(signal: SignalDefinition, aggregate: Aggregate): Milliseconds {
  if (signal.kind === "snapshot") return milliseconds(0);
  // For `last` the window says how old the value may be: it outlasts a missed scrape or two.
  if (aggregate.kind === "last") return milliseconds(30_000);
  return milliseconds(signal.kind === "counter" ? 60_000 : 10_000);
}

export function buildPatterns(raw: RawLabels = {}): readonly LabelPattern[] {
  return Object.entries(raw).map(([label, wanted]) => {
    const list = typeof wanted === "string" ? [wanted] : wanted;
    const negated = list.some((pattern) => pattern.startsWith("!"));
    return { label, negated, patterns: negated ? list.map((pattern) => pattern.replace(/^!/, "")) : list };
  });
}

function buildTest(raw: RawCondition, query: SignalQuery, path: Path, report: Report): Test | undefined {
  const { signal, aggregate } = query;
  const direction: Direction = raw.below === undefined ? "above" : "below";
  if (raw.above !== undefined && raw.below !== undefined) {
    report(path, "above and below exclude each other; for a band write any: with two conditions");
    return undefined;
  }
  const isEvent = signal.kind === "event" && aggregate.kind === "each";
  const written = raw.above ?? raw.below ?? (isEvent ? 0 : undefined);
  if (written === undefined) {
    report(path, `${signal.name} needs a threshold: above or below`);
    return undefined;
  }
  const unit = queryUnit(query);
  const level = threshold(written, unit, [...path, direction], report);
  const clear = buildClear(raw, direction, unit, level, path, report);
  if (level === undefined || clear === undefined) return undefined;
  const breachRatio = raw.breach_ratio === undefined ? undefined : parseRatio(raw.breach_ratio);
  if (raw.breach_ratio !== undefined && !(breachRatio !== undefined && breachRatio >= 0 && breachRatio < 1)) {
    report([...path, "breach_ratio"], "write a share from 0% to below 100%, such as 75%");
    return undefined;
  }
  if (aggregate.kind !== "each" && (raw.min_count !== undefined || breachRatio !== undefined)) {
    const key = raw.min_count === undefined ? "breach_ratio" : "min_count";
    report(
      [...path, key],
      `${key} counts single values, so it goes with aggregate: each; min_samples is for the others`,
    );
    return undefined;
  }
  return { kind: "threshold", direction, level, clear, minCount: raw.min_count ?? 1, breachRatio };
}

function buildClear(
  raw: RawCondition,
  direction: Direction,
  unit: ValueUnit,
  level: number | undefined,
  path: Path,
  report: Report,
): number | undefined {
  const key = direction === "above" ? "clear_below" : "clear_above";
  const other = direction === "above" ? "clear_above" : "clear_below";
  if (raw[other] !== undefined) {
    report([...path, other], `with ${direction}: the level at which it ends is ${key}`);
    return undefined;
  }
  const written = raw[key];
  if (written === undefined) return level;
  const clear = threshold(written, unit, [...path, key], report);
  if (clear === undefined || level === undefined) return undefined;
  if (direction === "above" ? clear > level : clear < level) {
    report([...path, key], `${key} is on the wrong side of ${direction}: the condition could never last`);
    return undefined;
  }
  return clear;
}

/** In what unit the query's value is. */
export function queryUnit({ signal, aggregate }: SignalQuery): ValueUnit {
  return unitOf(aggregate, signal.unit, signal.kind === "gauge" || signal.kind === "counter");
}

function threshold(written: RawThreshold, unit: ValueUnit, path: Path, report: Report): number | undefined {
  const parsed = parseThreshold(written, unit);
  if (parsed.ok) return parsed.value;
  report(path, parsed.message);
  return undefined;
}
