/** What is found wrong in a trace: `findings` of an analysis. */

import type { ToldFrame } from "../causes/sites.ts";

/** `critical`: at least half of the slow tasks' time, or lasting harm; `warning`: above the rule's threshold; `info`: good to know. */
export type Severity = "critical" | "warning" | "info";

/** A number that a finding stands on. */
export interface EvidenceNumber {
  readonly name: string;
  readonly value: number;
  readonly unit: "ns" | "share" | "count" | "ratio";
}

export interface EvidenceStack {
  /** What it shows, e.g. `waits here`. */
  readonly role: string;
  readonly function: string;
  readonly stack: readonly ToldFrame[];
}

export interface Finding {
  /** The rule's id, with what it is about: `mutex-contention/task/checkout`. Stable over captures. */
  readonly id: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly title: string;
  /** One sentence in plain language, with the numbers. */
  readonly sentence: string;
  /** Task or request type it is about; null: the whole program. */
  readonly about: { readonly kind: "task" | "request"; readonly name: string } | null;
  /** Share of the slow tasks' time; null where it cannot be told. */
  readonly share: number | null;
  /** What had to be so, in words with the figure. */
  readonly threshold: string;
  readonly numbers: readonly EvidenceNumber[];
  /** Where to look, ns after the trace's start; null: all of it. */
  readonly range: { readonly begin_at_ns: number; readonly end_at_ns: number } | null;
  readonly goroutines: readonly number[];
  readonly stacks: readonly EvidenceStack[];
  /** What people in the field do about it. */
  readonly advice: string;
}

export interface FindingsResult {
  /** No finding but `info`. */
  readonly healthy: boolean;
  /** One sentence for the top of a report. */
  readonly sentence: string;
  /** Worst first. */
  readonly findings: readonly Finding[];
  /** All rules, whether or not they found something. */
  readonly checked: readonly { readonly rule: string; readonly threshold: string }[];
}
