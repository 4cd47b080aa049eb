/** What YAML says a value is held against → a `Test`. */

import { milliseconds } from "../base/units.ts";
import type { SignalUnit } from "../signals/catalog.ts";
import type {
  Path,
  RawAnomaly,
  RawChange,
  RawCondition,
  RawHighWater,
  RawThreshold,
  Report,
} from "./raw-condition.ts";
import type {
  AnomalyTest,
  ChangeTest,
  Direction,
  HighWaterTest,
  SignalQuery,
  Test,
  ThresholdTest,
} from "./rule.ts";
import { parseRatio, parseThreshold, queryUnit, type ValueUnit } from "./threshold.ts";

const LEVELS = ["above", "below", "clear_above", "clear_below", "min_count", "breach_ratio"] as const;
const WHOLE_TESTS = ["change", "high_water", "absent_for", "anomaly"] as const;

/** Undefined when something is wrong, which `report` was then told. */
export function buildTest(
  raw: RawCondition,
  query: SignalQuery,
  path: Path,
  report: Report,
): Test | undefined {
  const whole = WHOLE_TESTS.filter((key) => raw[key] !== undefined);
  const [kind] = whole;
  if (kind === undefined) return buildThreshold(raw, query, path, report);
  const other = whole[1] ?? LEVELS.find((key) => raw[key] !== undefined);
  if (other !== undefined) {
    report([...path, other], `${other} and ${kind} are two tests; put them under all: or any:`);
    return undefined;
  }
  if (raw.absent_for !== undefined) return { kind: "absent", duration: raw.absent_for };
  if (query.aggregate.kind === "each") {
    report(path, needsOneValue(query));
    return undefined;
  }
  const inUnit = new LevelReader(query, report);
  if (raw.change !== undefined) return buildChange(raw.change, inUnit, [...path, "change"]);
  if (raw.high_water !== undefined) return buildHighWater(raw.high_water, inUnit, [...path, "high_water"]);
  return buildAnomaly(raw.anomaly ?? {}, query, inUnit, [...path, "anomaly"]);
}

export function needsOneValue({ signal }: SignalQuery): string {
  return `${signal.name} has many values: say which one is meant with aggregate, such as p99, max, mean or rate`;
}

/** Reads levels in the query's unit and shares; remembers whether one was wrong. */
class LevelReader {
  readonly #unit: ValueUnit;
  readonly #report: Report;
  ok = true;

  constructor(query: SignalQuery, report: Report) {
    this.#unit = queryUnit(query);
    this.#report = report;
  }

  level<T extends number | undefined>(
    written: RawThreshold | undefined,
    fallback: T,
    path: Path,
  ): number | T {
    if (written === undefined) return fallback;
    const parsed = parseThreshold(written, this.#unit);
    if (parsed.ok) return parsed.value;
    this.#wrong(path, parsed.message);
    return fallback;
  }

  ratio(written: RawThreshold | undefined, fallback: number, path: Path): number {
    if (written === undefined) return fallback;
    const parsed = parseRatio(written);
    if (parsed !== undefined && parsed >= 0) return parsed;
    this.#wrong(path, `"${written}" is no share: write 25% or 0.25`);
    return fallback;
  }

  #wrong(path: Path, message: string): void {
    this.ok = false;
    this.#report(path, message);
  }
}

function buildChange(raw: RawChange, inUnit: LevelReader, path: Path): ChangeTest | undefined {
  const test: ChangeTest = {
    kind: "change",
    over: raw.over ?? milliseconds(300_000),
    min: inUnit.level(raw.min, 0, [...path, "min"]),
    ratio: inUnit.ratio(raw.by, 0.25, [...path, "by"]),
    abs: inUnit.level(raw.abs, undefined, [...path, "abs"]),
  };
  return inUnit.ok ? test : undefined;
}

function buildHighWater(raw: RawHighWater, inUnit: LevelReader, path: Path): HighWaterTest | undefined {
  const test: HighWaterTest = {
    kind: "high_water",
    decay: raw.decay ?? milliseconds(86_400_000),
    min: inUnit.level(raw.min, 0, [...path, "min"]),
    by: inUnit.ratio(raw.by, 0.05, [...path, "by"]),
  };
  return inUnit.ok ? test : undefined;
}

/** What is no matter to anyone, where the rule does not say. */
const LEAST_EFFECT: Readonly<Record<SignalUnit, number>> = {
  seconds: 0.001,
  bytes: 8 * 1024 * 1024,
  ratio: 0.02,
  count: 10,
};

function buildAnomaly(
  raw: RawAnomaly,
  query: SignalQuery,
  inUnit: LevelReader,
  path: Path,
): AnomalyTest | undefined {
  const test: AnomalyTest = {
    kind: "anomaly",
    method: raw.method ?? "both",
    direction: raw.direction ?? "above",
    sensitivity: raw.sensitivity ?? 5,
    warmUp: raw.warm_up ?? milliseconds(600_000),
    minEffect: inUnit.level(raw.min_effect, LEAST_EFFECT[queryUnit(query).unit], [...path, "min_effect"]),
    consecutive: raw.consecutive ?? 3,
    seasonal: raw.seasonal ?? true,
  };
  return inUnit.ok ? test : undefined;
}

function buildThreshold(
  raw: RawCondition,
  query: SignalQuery,
  path: Path,
  report: Report,
): ThresholdTest | undefined {
  const { signal, aggregate } = query;
  const direction: Direction = raw.below === undefined ? "above" : "below";
  if (raw.above !== undefined && raw.below !== undefined) {
    report(path, "above and below exclude each other; for a band write any: with two conditions");
    return undefined;
  }
  const isEvent = signal.kind === "event" && aggregate.kind === "each";
  const written = raw.above ?? raw.below ?? (isEvent ? 0 : undefined);
  if (written === undefined) {
    report(path, `${signal.name} needs a test: above, below, change, high_water, absent_for or anomaly`);
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
  if (aggregate.kind === "each" && (raw.clear_below ?? raw.clear_above) !== undefined) {
    report(path, `hysteresis is about one value. ${needsOneValue(query)}`);
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

function threshold(written: RawThreshold, unit: ValueUnit, path: Path, report: Report): number | undefined {
  const parsed = parseThreshold(written, unit);
  if (parsed.ok) return parsed.value;
  report(path, parsed.message);
  return undefined;
}
