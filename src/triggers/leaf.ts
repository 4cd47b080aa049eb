import { assertNever } from "../base/errors.ts";
import type { Condition, ExpressionCondition, SignalCondition, SignalQuery } from "./rule.ts";

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

/** What a leaf looks at. */
export function queriesOf(leaf: Leaf): readonly SignalQuery[] {
  return leaf.kind === "signal" ? [leaf.query] : leaf.queries.map(([, query]) => query);
}
