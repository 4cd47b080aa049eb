import { formatDuration } from "../../base/duration.ts";
import { epochMilliseconds, milliseconds } from "../../base/units.ts";
import { findSignal } from "../../signals/catalog.ts";
import type { Labels, Observation, ObservationBatch, SignalSource } from "../../signals/signal.ts";
import { formatLabels } from "../compiled-rule.ts";
import type { Decision } from "../decision.ts";
import { createTriggerEngine } from "../engine.ts";
import type { TriggerOptions } from "../rule.ts";
import { formatValue, parseThreshold, type ValueUnit } from "../threshold.ts";
import type { RuleTest } from "./options.ts";
import { parseSeries } from "./series.ts";

/** A test's clock starts here: midnight UTC, so that hours of the day are what they seem. */
const START = Date.UTC(2026, 0, 1);

export interface RuleTestResult {
  readonly name: string;
  readonly passed: boolean;
  /** Each line begins with `-` expected and missing, `+` not expected, or a space for what is as it should be. */
  readonly diff: readonly string[];
}

/** Runs each test on an engine of its own. @throws {ConfigError} a series that cannot be read. */
export function runRuleTests(options: TriggerOptions, tests: readonly RuleTest[]): readonly RuleTestResult[] {
  return tests.map((test) => runOne(options, test));
}

/** The results as a person reads them; the diff of what failed. */
export function formatResults(results: readonly RuleTestResult[]): string {
  const lines = results.flatMap(({ name, passed, diff }) =>
    passed ? [`ok    ${name}`] : [`FAIL  ${name}`, ...diff.map((line) => `        ${line}`)],
  );
  const failed = results.filter(({ passed }) => !passed).length;
  const sum =
    failed === 0 ? `${results.length} passed` : `${failed} of ${results.length} failed (- expected, + got)`;
  return [...lines, sum].join("\n");
}

function runOne(options: TriggerOptions, test: RuleTest): RuleTestResult {
  const decisions = decide(options, test);
  const comparesSuppressed = test.expect.some(({ suppressed }) => suppressed !== undefined);
  const got = decisions
    .filter((decision) => decision.kind === "fired" || comparesSuppressed)
    .map((decision) => ({ at: decision.decidedAt - START, decision }));
  const missing = [...test.expect];
  const lines: { readonly at: number; readonly text: string }[] = [];
  for (const { at, decision } of got) {
    const index = missing.findIndex((expected) => expected.at === at && isMet(expected, decision));
    const text = describe(at, decision);
    lines.push({ at, text: `${index < 0 ? "+" : " "} ${text}` });
    if (index >= 0) missing.splice(index, 1);
  }
  for (const expected of missing) lines.push({ at: expected.at, text: `- ${describeExpected(expected)}` });
  const diff = lines.toSorted((a, b) => a.at - b.at).map(({ text }) => text);
  return { name: test.name, passed: diff.every((line) => line.startsWith(" ")), diff };
}

function decide(options: TriggerOptions, test: RuleTest): readonly Decision[] {
  // A chance that is taken never: a test has one outcome.
  const engine = createTriggerEngine(options, { random: () => 1 - Number.EPSILON });
  const start = epochMilliseconds(START);
  for (const { name, labels } of test.targets) engine.addTarget(name, labels, start);
  const series = test.series.map((each) => ({ ...each, intervals: parseSeries(each.signal, each.values) }));
  const longest = Math.max(...series.map(({ intervals }) => intervals.length));
  const steps = test.run_for === undefined ? longest : Math.ceil(test.run_for / test.interval);
  const decisions: Decision[] = [];
  for (let i = 0; i < steps; i++) {
    const at = epochMilliseconds(START + (i + 1) * test.interval);
    for (const { name, labels } of test.targets) {
      const here = series.filter(
        (each) => (each.target ?? test.targets[0]?.name) === name && i < each.intervals.length,
      );
      const observed = here.map(({ signal, labels: own, intervals }) => ({
        signal,
        labels: own,
        values: intervals[i] ?? [],
      }));
      for (const [source, observations] of bySource(observed)) {
        const interval = milliseconds(test.interval);
        const batch: ObservationBatch = {
          target: name,
          targetLabels: labels,
          source,
          at,
          interval,
          observations,
        };
        decisions.push(...engine.observe(batch, at));
      }
    }
    decisions.push(...engine.tick(at));
  }
  return decisions;
}

/** A series without a value in an interval was not seen in it; its source was. */
function bySource(observations: readonly Observation[]): ReadonlyMap<SignalSource, readonly Observation[]> {
  const sources = new Map<SignalSource, Observation[]>();
  for (const observation of observations) {
    const source = findSignal(observation.signal)?.source ?? "trace";
    const list = sources.get(source) ?? [];
    if (observation.values.length > 0) list.push(observation);
    sources.set(source, list);
  }
  return sources;
}

type Expectation = RuleTest["expect"][number];

function isMet(expected: Expectation, decision: Decision): boolean {
  if (expected.rule !== decision.rule) return false;
  if (expected.suppressed !== (decision.kind === "suppressed" ? decision.reason : undefined)) return false;
  if (expected.target !== undefined && expected.target !== decision.target) return false;
  const { labels } = expected;
  if (labels !== undefined && !hasLabels(decision.seriesLabels ?? {}, labels)) return false;
  return expected.value === undefined || isClose(decision, expected.value);
}

function hasLabels(has: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => has[name] === value);
}

/** As close as people write numbers: to three digits. */
function isClose(decision: Decision, written: string | number): boolean {
  const unit = unitOf(decision);
  const wanted = unit === undefined ? undefined : parseThreshold(written, unit);
  if (wanted?.ok !== true || decision.value === undefined) return false;
  return Math.abs(decision.value - wanted.value) <= Math.abs(wanted.value) * 5e-3;
}

function unitOf({ unit }: Decision): ValueUnit | undefined {
  if (unit === undefined) return undefined;
  const perSecond = unit.endsWith("/s");
  const base = perSecond ? unit.slice(0, -2) : unit;
  return base === "seconds" || base === "bytes" || base === "ratio" || base === "count"
    ? { unit: base, perSecond }
    : undefined;
}

function describe(at: number, decision: Decision): string {
  const unit = unitOf(decision);
  const value =
    unit === undefined || decision.value === undefined ? "" : ` ${formatValue(decision.value, unit)}`;
  const suppressed = decision.kind === "suppressed" ? ` suppressed by ${decision.reason}` : "";
  return `${formatDuration(at)} ${decision.rule} on ${decision.target}${formatLabels(decision.seriesLabels ?? {})}${value}${suppressed}`;
}

function describeExpected({ at, rule, target, labels, value, suppressed }: Expectation): string {
  const on = target === undefined ? "" : ` on ${target}`;
  const what = value === undefined ? "" : ` ${value}`;
  const why = suppressed === undefined ? "" : ` suppressed by ${suppressed}`;
  return `${formatDuration(at)} ${rule}${on}${formatLabels(labels ?? {})}${what}${why}`;
}
