import type { EpochMilliseconds } from "../base/units.ts";
import type { Labels } from "../signals/signal.ts";
import type { CaptureRequest, Severity } from "./rule.ts";

/** What asked for a capture; `restart`: the agent, of what it held when it died. */
export type Origin = "rule" | "manual" | "signal" | "webhook" | "schedule" | "restart";

/** A rule's condition came true (or someone asked): what was seen, and what is to be captured. */
export interface Firing {
  /** The rule's name, or `manual`. */
  readonly rule: string;
  readonly origin: Origin;
  readonly severity: Severity;
  readonly target: string;
  /** Where it fired, when that is another target and this one is captured beside it. */
  readonly neighbourOf?: string;
  /** When it happened, wall clock of the target's data: the capture's window lies around it. */
  readonly at: EpochMilliseconds;
  /** When it was decided, the agent's clock. */
  readonly decidedAt: EpochMilliseconds;
  /** The series, and what was seen of it; absent for a manual capture. */
  readonly signal?: string;
  readonly seriesLabels?: Labels;
  readonly value?: number;
  /** Whether the value is one that was measured, and not made of several. */
  readonly isMeasurement?: boolean;
  readonly threshold?: number;
  /** `seconds`, `bytes`, `ratio`, `count`, or one of them with `/s`. */
  readonly unit?: string;
  /** One sentence for people. */
  readonly message: string;
  /** The rule's own labels and annotations. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly capture: CaptureRequest;
}

export type SuppressReason =
  | "warm_up"
  | "cooldown"
  | "skip"
  | "max_per_hour"
  | "max_per_day"
  | "budget"
  | "self_protection"
  | "dry_run";

export interface Fired extends Firing {
  readonly kind: "fired";
}

/** It would have fired. Told once for each reason until it fires or the reason changes. */
export interface Suppressed extends Firing {
  readonly kind: "suppressed";
  readonly reason: SuppressReason;
  /** The same with its numbers, for people. */
  readonly detail: string;
  /** The earliest moment it can fire, where that is known. */
  readonly until?: EpochMilliseconds;
}

export type Decision = Fired | Suppressed;
