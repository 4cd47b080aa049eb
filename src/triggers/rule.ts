/**
 * A rule as the engine takes it: every default filled in, every duration in milliseconds, every threshold in the
 * signal's base unit. `options.ts` makes it from YAML.
 */

import type { Bytes, Milliseconds } from "../base/units.ts";
import type { SignalDefinition } from "../signals/catalog.ts";
import type { Labels } from "../signals/signal.ts";

/** How one label is asked for: any of the patterns. `*` stands for any text, a leading `!` negates all of them. */
export interface LabelPattern {
  readonly label: string;
  readonly negated: boolean;
  readonly patterns: readonly string[];
}

/** How the values in the window become the one that is judged. */
export type Aggregate =
  | { readonly kind: "each" }
  | { readonly kind: "last" }
  | { readonly kind: "count" }
  | { readonly kind: "rate" }
  | { readonly kind: "sum" }
  | { readonly kind: "mean" }
  | { readonly kind: "min" }
  | { readonly kind: "max" }
  | { readonly kind: "quantile"; readonly q: number };

/** How values of several series that share a group become one, interval by interval. Distributions are pooled. */
export type Across = "max" | "min" | "sum" | "mean";

/** What is looked at. */
export interface SignalQuery {
  readonly signal: SignalDefinition;
  readonly labels: readonly LabelPattern[];
  readonly aggregate: Aggregate;
  /** In whole intervals: an interval belongs to the window when it ended less than this before now. 0: the last one. */
  readonly window: Milliseconds;
  /** With fewer values than this in the window there is no verdict. */
  readonly minSamples: number;
  readonly across: Across;
}

export type Direction = "above" | "below";

/** A level with its hysteresis: true beyond `level`, then until the value is back at `clear`. */
export interface ThresholdTest {
  readonly kind: "threshold";
  readonly direction: Direction;
  readonly level: number;
  readonly clear: number;
  /** `each` only: this many values beyond the level. */
  readonly minCount: number;
  /** More than this share of the window's values beyond the level. */
  readonly breachRatio: number | undefined;
}

/** Against the moving average of the value itself, as holmes has it: beyond `abs`, or beyond `min` and `ratio` above the average. */
export interface ChangeTest {
  readonly kind: "change";
  readonly over: Milliseconds;
  readonly min: number;
  readonly ratio: number;
  readonly abs: number | undefined;
}

/** Above the highest value seen, which sinks linearly to zero over `decay`. */
export interface HighWaterTest {
  readonly kind: "high_water";
  readonly decay: Milliseconds;
  readonly min: number;
  /** By at least this share above the mark. */
  readonly by: number;
}

/** Nothing seen for this long. */
export interface AbsenceTest {
  readonly kind: "absent";
  readonly duration: Milliseconds;
}

/** Outside of what was learned to be normal. */
export interface AnomalyTest {
  readonly kind: "anomaly";
  readonly method: "mad" | "ewma" | "both";
  readonly direction: Direction | "both";
  /** How many robust standard deviations away, several intervals together. */
  readonly sensitivity: number;
  readonly warmUp: Milliseconds;
  /** A deviation smaller than this, in the signal's unit, is never one. */
  readonly minEffect: number;
  /** This many intervals in a row at least. */
  readonly consecutive: number;
  readonly seasonal: boolean;
}

export type Test = ThresholdTest | ChangeTest | HighWaterTest | AbsenceTest | AnomalyTest;

export interface SignalCondition {
  readonly kind: "signal";
  readonly query: SignalQuery;
  readonly test: Test;
}

/** What a compiled CEL expression is called with. */
export interface ExpressionInput {
  /** The value of each named query, in base units. */
  readonly values: Readonly<Record<string, number>>;
  /** Of the series. */
  readonly labels: Labels;
  readonly targetLabels: Labels;
}

/** A CEL expression over named queries. */
export interface ExpressionCondition {
  readonly kind: "expression";
  readonly text: string;
  /** Type-checked when the rule was loaded. @throws what CEL has against the values, such as a label that is not there. */
  readonly evaluate: (input: ExpressionInput) => boolean;
  readonly queries: readonly (readonly [name: string, query: SignalQuery])[];
}

export type Condition =
  | SignalCondition
  | ExpressionCondition
  | { readonly kind: "all"; readonly conditions: readonly Condition[] }
  | { readonly kind: "any"; readonly conditions: readonly Condition[] }
  | { readonly kind: "not"; readonly condition: Condition };

/** A profile to take with the capture. `seconds` of a cpu profile is how long; of any other, the span of a delta. */
export interface ProfileRequest {
  readonly name: string;
  readonly duration: Milliseconds | undefined;
}

export interface CaptureRequest {
  /** How much of the past, from the firing's moment back. */
  readonly before: Milliseconds;
  /** How much after it. */
  readonly after: Milliseconds;
  readonly profiles: readonly ProfileRequest[];
  /** The same window from other targets of this agent: those that match any of these. */
  readonly also: readonly (readonly LabelPattern[])[];
}

export interface RuleLimits {
  /** Per rule, target and label set. */
  readonly cooldown: Milliseconds;
  /** Per rule and target. */
  readonly maxPerHour: number;
  readonly maxPerDay: number;
  readonly skipProbability: number;
  /** After the target was first seen or was restarted. */
  readonly warmUp: Milliseconds;
  /** At most this many label sets are followed per target; the longest idle one gives way. */
  readonly maxLabelSets: number;
}

export type Severity = "info" | "warning" | "critical";

export interface Rule {
  readonly name: string;
  readonly description: string;
  /** Which targets; empty: all. */
  readonly match: readonly LabelPattern[];
  readonly when: Condition;
  /** Which labels tell firings apart; undefined: the signal's own (a single condition) or none (a tree). */
  readonly by: readonly string[] | undefined;
  readonly for: Milliseconds;
  readonly keepFiringFor: Milliseconds;
  /** Whether a condition that stays true fires again after each cooldown. */
  readonly repeat: boolean;
  readonly severity: Severity;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly dryRun: boolean;
  readonly capture: CaptureRequest;
  readonly limits: RuleLimits;
}

/** What all rules together may cost. Manual captures never count. */
export interface GlobalLimits {
  readonly maxCapturesPerHour: number;
  readonly maxBytesPerHour: Bytes;
  /** Self-protection: no automatic capture beyond these. */
  readonly maxAgentCpu: number;
  readonly maxAgentMemory: Bytes | undefined;
  readonly minDiskFree: Bytes;
}

export interface TriggerOptions {
  readonly rules: readonly Rule[];
  readonly limits: GlobalLimits;
}
