/** "Why (not)?": the engine's state as plain data, for the API and the command line. */

import { assertNever } from "../base/errors.ts";
import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { Labels } from "../signals/signal.ts";
import { describeLeaf, readingUnit, type CompiledRule } from "./compiled-rule.ts";
import type { SuppressReason } from "./decision.ts";
import type { Truth } from "./detector.ts";
import type { Evaluation } from "./evaluation-log.ts";
import { cooldownEnd, type Instance } from "./instance.ts";
import { remaining } from "./limits.ts";
import { queriesOf, type Leaf } from "./leaf.ts";
import type { RuleOnTarget } from "./rule-on-target.ts";
import type { Severity } from "./rule.ts";
import { warmUpEnd, type TargetState } from "./target-state.ts";
import { formatValue } from "./threshold.ts";

export interface ExplainFilter {
  readonly rule?: string;
  readonly target?: string;
}

export interface ConditionReport {
  /** What is asked. */
  readonly condition: string;
  readonly truth: Truth;
  readonly value?: number;
  readonly threshold?: number;
  readonly unit?: string;
  /** Values in the window. */
  readonly samples: number;
  readonly note?: string;
}

export type InstanceState = "no_data" | "inactive" | "pending" | "firing";

/** One label set of a rule on a target. */
export interface InstanceReport {
  readonly target: string;
  readonly labels: Labels;
  readonly state: InstanceState;
  /** Since when it is pending or firing, by the target's clock. */
  readonly since?: EpochMilliseconds;
  readonly conditions: readonly ConditionReport[];
  /** One sentence: why it fires, or does not. */
  readonly why: string;
  /** The last would-be firing that a limit was against. */
  readonly suppressedBy?: SuppressReason;
  /** The earliest moment a firing is allowed, by the agent's clock; in the past: now. */
  readonly nextPossible: EpochMilliseconds;
  readonly lastFired?: EpochMilliseconds;
  readonly firings: number;
  readonly suppressed: number;
  /** Oldest first; equal ones in a row as one. */
  readonly evaluations: readonly Evaluation[];
}

export interface RuleReport {
  readonly rule: string;
  readonly description: string;
  readonly severity: Severity;
  readonly dryRun: boolean;
  /** What it looks at. */
  readonly signals: readonly string[];
  /** How many targets its `match` selects. */
  readonly targets: number;
  /** Of those, the ones of which nothing was seen that the rule asks for. */
  readonly withoutData: readonly string[];
  readonly instances: readonly InstanceReport[];
}

export function explainRules(
  rules: readonly CompiledRule[],
  targets: readonly TargetState[],
  now: EpochMilliseconds,
  filter: ExplainFilter,
): readonly RuleReport[] {
  const asked = rules.filter(({ rule }) => filter.rule === undefined || rule.name === filter.rule);
  return asked.map(({ rule, fingerprint, leaves }) => {
    const matched = targets
      .filter(({ name }) => filter.target === undefined || name === filter.target)
      .flatMap((state) => {
        const onTarget = state.rules.find((each) => each.compiled.fingerprint === fingerprint);
        return onTarget === undefined ? [] : [{ state, onTarget }];
      });
    return {
      rule: rule.name,
      description: rule.description,
      severity: rule.severity,
      dryRun: rule.dryRun,
      signals: [...new Set(leaves.flatMap(queriesOf).map(({ signal }) => signal.name))],
      targets: matched.length,
      withoutData: matched
        .filter(({ onTarget }) => onTarget.instances.length === 0)
        .map(({ state }) => state.name),
      instances: matched.flatMap(({ state, onTarget }) =>
        onTarget.instances.map((instance) => explainInstance(state, onTarget, instance, now)),
      ),
    };
  });
}

function explainInstance(
  state: TargetState,
  onTarget: RuleOnTarget,
  instance: Instance,
  now: EpochMilliseconds,
): InstanceReport {
  instance.refresh();
  const { phase, lastRefusal, lastFired } = instance;
  const conditions = reportConditions(instance);
  const counted = onTarget.history.check(instance.rule.limits, now)?.until;
  const nextPossible = Math.max(warmUpEnd(state, instance), cooldownEnd(instance, now) ?? 0, counted ?? 0);
  return {
    target: state.name,
    labels: instance.labels,
    state: instance.truth === "unknown" && phase.kind === "inactive" ? "no_data" : phase.kind,
    ...(phase.kind === "inactive" ? {} : { since: phase.since }),
    conditions,
    why: explainWhy(instance, conditions, now),
    ...(lastRefusal === undefined ? {} : { suppressedBy: lastRefusal.reason }),
    nextPossible: epochMilliseconds(Math.max(now, nextPossible)),
    ...(lastFired === undefined ? {} : { lastFired }),
    firings: instance.firings,
    suppressed: instance.suppressed,
    evaluations: instance.log.list(),
  };
}

function reportConditions(instance: Instance): readonly ConditionReport[] {
  return instance.compiled.leaves.map((leaf, i): ConditionReport => {
    const reading = instance.detectors[i]?.read();
    const unit = readingUnit(leaf);
    return {
      condition: describeLeaf(leaf),
      truth: instance.truths[i] ?? "unknown",
      ...(reading?.value === undefined ? {} : { value: reading.value }),
      ...(reading?.level === undefined ? {} : { threshold: reading.level }),
      ...(unit === undefined ? {} : { unit: `${unit.unit}${unit.perSecond ? "/s" : ""}` }),
      samples: reading?.samples ?? 0,
      ...(reading?.note === undefined ? {} : { note: reading.note }),
    };
  });
}

function explainWhy(
  instance: Instance,
  conditions: readonly ConditionReport[],
  now: EpochMilliseconds,
): string {
  const { phase, lastRefusal, rule } = instance;
  switch (phase.kind) {
    case "inactive":
      return `${instance.truth === "unknown" ? "too little data" : "the condition does not hold"}: ${lastSeen(instance, conditions)}`;
    case "pending":
      return `the condition holds, but not yet for ${rule.for / 1000}s`;
    case "firing": {
      if (lastRefusal !== undefined) return `the condition holds, but ${lastRefusal.detail}`;
      const coolUntil = cooldownEnd(instance, now);
      const rest =
        coolUntil !== undefined && coolUntil > now
          ? `; in cooldown for another ${remaining(coolUntil, now)}`
          : "";
      return `it fired${rest}`;
    }
    default:
      return assertNever(phase);
  }
}

/** What was seen against what was asked, for each condition. */
function lastSeen(instance: Instance, conditions: readonly ConditionReport[]): string {
  const parts = conditions.map(({ condition, value, note, truth, samples }, i) => {
    const leaf = instance.compiled.leaves[i];
    const unit = leaf === undefined ? undefined : readingUnit(leaf);
    const seen =
      value === undefined || unit === undefined
        ? (note ?? "nothing seen")
        : `last ${formatValue(value, unit)}`;
    const lacks = leaf === undefined || truth !== "unknown" ? "" : whatLacks(leaf, samples);
    return `${condition} (${lacks}${seen})`;
  });
  return parts.join("; ");
}

/** Why nothing can be said of it yet. */
function whatLacks(leaf: Leaf, samples: number): string {
  if (leaf.kind === "expression") return "not known, ";
  const { query, test } = leaf;
  if (samples < query.minSamples) return `${samples} of the ${query.minSamples} values that are needed, `;
  return test.kind === "anomaly" ? "still learning what is normal, " : "not known, ";
}
