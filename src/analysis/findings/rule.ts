/** What a rule is: a name, a threshold that is stated, what it looks at, and what it says when it finds something. */

import type { UnitGroup } from "../causes/ledger.ts";
import type { CausesResult } from "../causes/result.ts";
import type { SlowSite } from "../causes/budget.ts";
import type { AnalysisResult } from "../result.ts";
import type { EvidenceNumber, EvidenceStack, Finding } from "./result.ts";

export type Analysed = Omit<AnalysisResult, "findings">;

/** What a rule found. */
export interface Evidence {
  readonly sentence: string;
  readonly share: number | null;
  readonly numbers: readonly EvidenceNumber[];
  readonly range?: Finding["range"];
  readonly goroutines?: readonly number[];
  readonly stacks?: readonly EvidenceStack[];
  /** Worth a page, whatever the share. */
  readonly critical?: boolean;
}

interface RuleText {
  readonly id: string;
  readonly title: string;
  readonly threshold: string;
  readonly advice: string;
  /** Good to know, but nothing is wrong. */
  readonly info?: boolean;
}

/** Looks at one type of task or request after the other. */
export interface UnitRule extends RuleText {
  readonly kind: "unit";
  find(unit: UnitGroup, causes: CausesResult, result: Analysed): Evidence | undefined;
}

/** Looks at the program as a whole. */
export interface ProgramRule extends RuleText {
  readonly kind: "program";
  find(causes: CausesResult, result: Analysed): Evidence | undefined;
}

export type Rule = UnitRule | ProgramRule;

/** Slow tasks are not accused of less than this, whatever its share: a millisecond is what a scheduler takes at times. */
export const FLOOR_NS = 1_000_000;

/** Time of these kinds in a slow task, if it is at least the share and the floor. */
export function spent(
  unit: UnitGroup,
  kinds: readonly string[],
  least: number,
): { readonly ns: number; readonly share: number } | undefined {
  const ns = kinds.reduce((sum, kind) => sum + (unit.slow.by_kind[kind] ?? 0), 0);
  const share = unit.slow.mean_ns > 0 ? ns / unit.slow.mean_ns : 0;
  return ns >= FLOOR_NS && share >= least ? { ns, share } : undefined;
}

/** The stacks at which slow tasks spend time of these kinds. */
export function sitesOf(unit: UnitGroup, kinds: readonly string[]): readonly SlowSite[] {
  return unit.sites.filter(({ kind }) => kinds.includes(kind));
}

export function waitStacks(sites: readonly SlowSite[], role = "waits here"): EvidenceStack[] {
  return sites.slice(0, 3).map((site) => ({ role, function: site.function, stack: site.stack }));
}

/** Where the worst task of the type is in the trace. */
export function worstOf(unit: UnitGroup): Pick<Evidence, "range" | "goroutines"> {
  const [worst] = unit.paths;
  if (worst === undefined) return {};
  return {
    range: { begin_at_ns: worst.begin_at_ns, end_at_ns: worst.begin_at_ns + worst.total_ns },
    goroutines: unit.paths.map(({ goroutine }) => goroutine),
  };
}

/** `slow tasks "checkout"`, `slow requests to main.cart`. */
export function slowOnes(unit: UnitGroup): string {
  if (unit.kind === "task") return `slow "${unit.name}" tasks`;
  return unit.name === "" ? "slow requests" : `slow requests to ${unit.name}`;
}
