import { assertNever } from "../base/errors.ts";
import { AbsenceDetector } from "./absence-detector.ts";
import { formatAggregate } from "./aggregate.ts";
import { Anomaly } from "./anomaly.ts";
import { ChangeFromAverage } from "./change.ts";
import type { Detector, DetectorContext, Truth } from "./detector.ts";
import { ExpressionDetector } from "./expression-detector.ts";
import { HighWaterMark } from "./high-water.ts";
import { LatestDetector } from "./latest-detector.ts";
import { isHistogramQuery } from "./histogram-window.ts";
import type { Leaf } from "./leaf.ts";
import { Level } from "./level.ts";
import { labelsKey } from "./match.ts";
import type { AnomalyTest, Condition, SignalQuery, ThresholdTest } from "./rule.ts";
import { ThresholdDetector } from "./threshold-detector.ts";
import { ValueDetector } from "./value-detector.ts";

export function createDetector(leaf: Leaf, context: DetectorContext): Detector {
  if (leaf.kind === "expression") return new ExpressionDetector(leaf, context);
  const { query, test } = leaf;
  switch (test.kind) {
    case "threshold":
      return createThresholdDetector(query, test, context);
    case "change":
      return new ValueDetector(query, new ChangeFromAverage(test), context.wake);
    case "high_water":
      return new ValueDetector(query, new HighWaterMark(test), context.wake);
    case "absent":
      return new AbsenceDetector(test);
    case "anomaly": {
      const baseline = context.baselines.get(baselineKey(query, test, context), test.minEffect);
      return new ValueDetector(query, new Anomaly(test, baseline), context.wake);
    }
    default:
      return assertNever(test);
  }
}

function createThresholdDetector(
  query: SignalQuery,
  test: ThresholdTest,
  { wake }: DetectorContext,
): Detector {
  if (isHistogramQuery(query)) return new ValueDetector(query, new Level(test), wake);
  if (query.aggregate.kind === "last" && query.signal.kind === "gauge")
    return new LatestDetector(query, test, wake);
  return new ThresholdDetector(query, test, wake);
}

/** All that decides what is learned: rules that agree in it share the baseline. */
function baselineKey(query: SignalQuery, { minEffect }: AnomalyTest, context: DetectorContext): string {
  const { signal, labels, aggregate, window, minSamples, across } = query;
  const asked = labels.map((pattern) => [pattern.label, pattern.negated, ...pattern.patterns]);
  const parts = [
    formatAggregate(aggregate),
    window,
    minSamples,
    across,
    minEffect,
    asked,
    labelsKey(context.labels),
  ];
  return `${context.target} ${signal.name} ${JSON.stringify(parts)}`;
}

/** Three-valued logic (Kleene's): what is unknown stays so unless the rest decides. `next` yields the leaves' truths in order. */
export function evaluate(condition: Condition, next: () => Truth): Truth {
  switch (condition.kind) {
    case "signal":
    case "expression":
      return next();
    case "not":
      return negate(evaluate(condition.condition, next));
    case "all":
    case "any": {
      const decisive: Truth = condition.kind === "all" ? "false" : "true";
      let result: Truth = decisive === "true" ? "false" : "true";
      for (const each of condition.conditions) {
        // No short cut: each leaf has to take its truth from `next`.
        const truth = evaluate(each, next);
        if (truth === decisive) result = truth;
        else if (truth === "unknown" && result !== decisive) result = "unknown";
      }
      return result;
    }
    default:
      return assertNever(condition);
  }
}

function negate(truth: Truth): Truth {
  if (truth === "unknown") return truth;
  return truth === "true" ? "false" : "true";
}

/** The indexes of the leaves that make the condition true: true ones, and false ones under `not`. */
export function supporters(condition: Condition, truths: readonly Truth[]): readonly number[] {
  const found: number[] = [];
  let index = 0;
  const walk = (each: Condition, wanted: Truth): void => {
    switch (each.kind) {
      case "signal":
      case "expression":
        if (truths[index] === wanted) found.push(index);
        index++;
        return;
      case "not":
        walk(each.condition, negate(wanted));
        return;
      case "all":
      case "any":
        for (const child of each.conditions) walk(child, wanted);
    }
  };
  walk(condition, "true");
  return found;
}
