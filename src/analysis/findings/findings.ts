/**
 * What is wrong, worst first: every rule looks at every type of task and request that has enough of them. Nothing is
 * found without evidence above the rule's threshold; a trace in which no rule finds anything is called healthy.
 */

import type { UnitGroup } from "../causes/ledger.ts";
import type { CausesResult } from "../causes/result.ts";
import type { Finding, FindingsResult, Severity } from "./result.ts";
import type { Analysed, Evidence, Rule } from "./rule.ts";
import { machineRules } from "./rules-machine.ts";
import { waitRules } from "./rules-waits.ts";

/** Tasks of a type below which nothing is said about it. */
const MIN_UNITS = 3;
/** Types looked at: those with most time in all. */
const MAX_UNITS = 20;
const MAX_FINDINGS = 30;
/** Share of the slow tasks' time from which a finding is critical. */
const CRITICAL_SHARE = 0.5;

export const rules: readonly Rule[] = [...waitRules, ...machineRules];

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

export function findingsOf(result: Analysed, causes: CausesResult): FindingsResult {
  const units = causes.units.filter(({ count }) => count >= MIN_UNITS).slice(0, MAX_UNITS);
  const findings = rules.flatMap((rule): Finding[] => {
    if (rule.kind === "program") {
      const evidence = rule.find(causes, result);
      return evidence === undefined ? [] : [finding(rule, evidence, undefined)];
    }
    return units.flatMap((unit) => {
      const evidence = rule.find(unit, causes, result);
      return evidence === undefined ? [] : [finding(rule, evidence, unit)];
    });
  });
  findings.sort((a, b) => RANK[a.severity] - RANK[b.severity] || (b.share ?? 0) - (a.share ?? 0));
  const wrong = findings.filter(({ severity }) => severity !== "info");
  return {
    healthy: wrong.length === 0,
    sentence: summary(wrong, causes),
    findings: findings.slice(0, MAX_FINDINGS),
    checked: rules.map(({ id, threshold }) => ({ rule: id, threshold })),
  };
}

function summary(wrong: readonly Finding[], causes: CausesResult): string {
  const [worst] = wrong;
  if (worst !== undefined) return worst.sentence;
  const seen = causes.units.reduce((sum, { count }) => sum + count, 0);
  const healthy = `Healthy: none of ${rules.length} rules found anything above its threshold`;
  if (seen > 0) return `${healthy}, in ${seen} tasks and requests.`;
  return `${healthy}. There were no complete tasks and no HTTP or gRPC requests, so nothing is said about latency.`;
}

function finding(rule: Rule, evidence: Evidence, unit: UnitGroup | undefined): Finding {
  return {
    id: unit === undefined ? rule.id : `${rule.id}/${unit.kind}/${unit.name}`,
    rule: rule.id,
    severity: severityOf(rule, evidence),
    title: rule.title,
    sentence: evidence.sentence,
    about: unit === undefined ? null : { kind: unit.kind, name: unit.name },
    share: evidence.share,
    threshold: rule.threshold,
    numbers: evidence.numbers,
    range: evidence.range ?? null,
    goroutines: evidence.goroutines ?? [],
    stacks: evidence.stacks ?? [],
    advice: rule.advice,
  };
}

function severityOf(rule: Rule, evidence: Evidence): Severity {
  if (rule.info === true) return "info";
  if (evidence.critical === true || (evidence.share ?? 0) >= CRITICAL_SHARE) return "critical";
  return "warning";
}
