import { assertNever } from "../base/errors.ts";
import { formatDuration } from "../base/duration.ts";
import type { Labels, SignalSource } from "../signals/signal.ts";
import { formatAggregate } from "./aggregate.ts";
import { leavesOf, queriesOf, type Leaf } from "./leaf.ts";
import type { Reading } from "./detector.ts";
import type { Condition, Rule, SignalQuery } from "./rule.ts";
import { formatValue, queryUnit, type ValueUnit } from "./threshold.ts";

/** A rule with what the engine asks of it at every step. */
export interface CompiledRule {
  readonly rule: Rule;
  /** The same for rules that say the same. */
  readonly fingerprint: string;
  readonly leaves: readonly Leaf[];
  readonly leafSources: readonly ReadonlySet<SignalSource>[];
  readonly sources: ReadonlySet<SignalSource>;
  readonly by: readonly string[] | "all";
  readonly isOfOneSource: boolean;
  /** Whether nothing seen can make it true, so that it has to be judged even when nothing comes. */
  readonly fallsTrue: boolean;
  /** Whether what comes does not wake a single instance: then all have to be judged every time. */
  readonly neverSleeps: boolean;
}

export function compileRule(rule: Rule): CompiledRule {
  const leaves = leavesOf(rule.when);
  const leafSources = leaves.map((leaf) => new Set(queriesOf(leaf).map((query) => query.signal.source)));
  const only = leaves.length === 1 ? leaves[0] : undefined;
  const own = only?.kind === "signal" && only.test.kind !== "absent" ? only.query.signal.groupBy : [];
  const by = rule.by ?? own;
  const sources = new Set(leafSources.flatMap((each) => [...each]));
  const fallsTrue = canFallTrue(rule.when);
  return {
    rule,
    fingerprint: JSON.stringify(rule),
    leaves,
    leafSources,
    sources,
    by,
    isOfOneSource: sources.size === 1,
    fallsTrue,
    neverSleeps: fallsTrue || leaves.some((leaf) => !tellsApart(leaf, by)),
  };
}

/** Whether the leaf's series tell the rule's label sets apart; else all label sets share them. */
export function tellsApart(leaf: Leaf, by: readonly string[] | "all"): boolean {
  if (leaf.kind === "signal" && leaf.test.kind === "absent") return by === "all" || by.length === 0;
  if (by === "all" || by.length === 0) return true;
  return queriesOf(leaf).some(
    ({ signal }) => signal.openLabels || by.some((label) => signal.labels.includes(label)),
  );
}

function canFallTrue(condition: Condition): boolean {
  switch (condition.kind) {
    case "signal":
      return condition.test.kind === "absent";
    case "expression":
      return false;
    case "not":
      return true;
    case "all":
    case "any":
      return condition.conditions.some(canFallTrue);
    default:
      return assertNever(condition);
  }
}

/** What a leaf asks, as one line: `p99 of sched_latency_seconds over 10s above 10ms`. */
export function describeLeaf(leaf: Leaf): string {
  if (leaf.kind === "expression") return leaf.text;
  const { query, test } = leaf;
  const pairs = query.labels.map(
    ({ label, negated, patterns }) => `${label}${negated ? "!=" : "="}${JSON.stringify(patterns.join("|"))}`,
  );
  const series = `${query.signal.name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`}`;
  const subject =
    query.window === 0 || query.aggregate.kind === "last"
      ? subjectOf(query, series)
      : `${aggregateOf(query)}${series} over ${formatDuration(query.window)}`;
  const level = (value: number): string => formatValue(value, queryUnit(query));
  switch (test.kind) {
    case "threshold":
      return `${subject} ${test.direction} ${level(test.level)}`;
    case "change":
      return `${subject} ${formatValue(test.ratio, RATIO)} above its average of ${formatDuration(test.over)}`;
    case "high_water":
      return `${subject} above its high-water mark, which sinks within ${formatDuration(test.decay)}`;
    case "absent":
      return `${series} absent for ${formatDuration(test.duration)}`;
    case "anomaly":
      return `${subject} not normal (${test.method}, sensitivity ${test.sensitivity})`;
    default:
      return assertNever(test);
  }
}

const RATIO: ValueUnit = { unit: "ratio", perSecond: false };

function aggregateOf({ aggregate }: SignalQuery): string {
  return aggregate.kind === "each" ? "" : `${formatAggregate(aggregate)} of `;
}

/** In what unit the reading's value and level are; undefined for an expression, which has neither. */
export function readingUnit(leaf: Leaf): ValueUnit | undefined {
  if (leaf.kind === "expression") return undefined;
  return leaf.test.kind === "absent" ? { unit: "seconds", perSecond: false } : queryUnit(leaf.query);
}

/** `p99 of sched_latency_seconds over 10s was 12ms, above 10ms`. */
export function describeReading(leaf: Leaf, labels: Labels, reading: Reading): string {
  if (leaf.kind === "expression") return `${leaf.text} (${reading.note ?? ""})`;
  const { query, test } = leaf;
  const series = `${query.signal.name}${formatLabels(labels)}`;
  const unit = readingUnit(leaf) ?? queryUnit(query);
  const value = reading.value === undefined ? "unknown" : formatValue(reading.value, unit);
  const level = reading.level === undefined ? "" : formatValue(reading.level, unit);
  const subject = `${subjectOf(query, series)} was ${value}`;
  switch (test.kind) {
    case "threshold":
      if (query.signal.kind === "event" && query.aggregate.kind === "each" && test.level === 0)
        return `${series} happened`;
      if (test.breachRatio !== undefined) {
        const share = formatValue(test.breachRatio, RATIO);
        return `more than ${share} of ${reading.samples} values of ${series} over ${formatDuration(query.window)} were ${test.direction} ${level}, the worst ${value}`;
      }
      return `${subject}, ${test.direction} ${level}`;
    case "change":
      return `${subject}, against ${level} on average before`;
    case "high_water":
      return `${subject}, above its high-water mark of ${level}`;
    case "absent":
      return `${series} was not seen for ${value}`;
    case "anomaly":
      return `${subject}, outside of what is normal for it, which ends at ${level}`;
    default:
      return assertNever(test);
  }
}

function subjectOf({ aggregate, window }: SignalQuery, series: string): string {
  if (aggregate.kind === "each" || aggregate.kind === "last") return series;
  return `${formatAggregate(aggregate)} of ${series}${window === 0 ? "" : ` over ${formatDuration(window)}`}`;
}

/** As Prometheus writes a series' labels: `{task="checkout"}`; nothing without labels. */
export function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
