import { assertNever } from "../base/errors.ts";
import type { Detector, Truth, Wake } from "./detector.ts";
import type { Condition, ExpressionCondition, SignalCondition } from "./rule.ts";
import { ThresholdDetector } from "./threshold-detector.ts";

export type Leaf = SignalCondition | ExpressionCondition;

/** The leaves of a condition from left to right: each gets a detector, whose place in the list is the leaf's. */
export function leavesOf(condition: Condition): readonly Leaf[] {
  switch (condition.kind) {
    case "signal":
    case "expression":
      return [condition];
    case "all":
    case "any":
      return condition.conditions.flatMap(leavesOf);
    case "not":
      return leavesOf(condition.condition);
    default:
      return assertNever(condition);
  }
}

export function createDetector(leaf: Leaf, wake: Wake): Detector {
  if (leaf.kind === "expression") throw new Error("not yet");
  switch (leaf.test.kind) {
    case "threshold":
      return new ThresholdDetector(leaf.query, leaf.test, wake);
    case "change":
    case "high_water":
    case "absent":
    case "anomaly":
      throw new Error("not yet");
    default:
      return assertNever(leaf.test);
  }
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
