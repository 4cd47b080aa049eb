/** What YAML says under `when:` → a `Condition`, checked against the signal catalogue: a sentence for all that is wrong. */

import { assertNever } from "../base/errors.ts";
import { milliseconds, type Milliseconds } from "../base/units.ts";
import { nearest } from "../base/nearest.ts";
import { findSignal, METRIC_PREFIX, signalNames, type SignalDefinition } from "../signals/catalog.ts";
import { parseAggregate } from "./aggregate.ts";
import { buildTest, needsOneValue } from "./build-test.ts";
import type { Path, RawCondition, RawLabels, RawQuery, Report } from "./raw-condition.ts";
import { compileExpression, RESERVED_NAMES } from "./expression.ts";
import type { Aggregate, Condition, LabelPattern, SignalQuery } from "./rule.ts";

/** Undefined when something is wrong, which `report` was then told. */
export function buildCondition(raw: RawCondition, path: Path, report: Report): Condition | undefined {
  const kinds = (["signal", "expr", "all", "any", "not"] as const).filter((key) => raw[key] !== undefined);
  if (kinds.length !== 1) {
    report(
      path,
      kinds.length === 0
        ? "a condition needs one of signal, expr, all, any or not"
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
  if (raw.expr !== undefined) return buildExpression(raw.expr, raw.let ?? {}, path, report);
  return buildSignal(raw, path, report);
}

function buildExpression(
  text: string,
  queries: Readonly<Record<string, RawQuery>>,
  path: Path,
  report: Report,
): Condition | undefined {
  const built: (readonly [string, SignalQuery])[] = [];
  for (const [name, raw] of Object.entries(queries)) {
    if (!/^[a-z_][a-zA-Z0-9_]*$/.test(name) || RESERVED_NAMES.includes(name)) {
      report(
        [...path, "let", name],
        `"${name}" cannot name a value: use letters, digits and underscores, and no word of CEL`,
      );
      return undefined;
    }
    const query = buildQuery(raw, [...path, "let", name], report);
    if (query === undefined) return undefined;
    if (query.aggregate.kind === "each") {
      report([...path, "let", name], needsOneValue(query));
      return undefined;
    }
    built.push([name, query]);
  }
  const names = built.map(([name]) => name);
  if (names.length === 0) {
    report(path, "expr needs the values it is about: let");
    return undefined;
  }
  const compiled = compileExpression(text, names);
  if (!compiled.ok) {
    report([...path, "expr"], compiled.message);
    return undefined;
  }
  return { kind: "expression", text, evaluate: compiled.evaluate, queries: built };
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
  const near = nearest(name, signalNames()) ?? signalNames().find((each) => each.startsWith(name));
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
