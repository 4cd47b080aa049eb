/**
 * What the main thread and an analysis thread say to each other. Only plain data crosses; the bytes of a generation are
 * moved, not copied.
 */

import type { Milliseconds } from "../base/units.ts";
import type { Observation } from "../signals/signal.ts";

/** A sealed generation to be read. */
export interface AnalysisJob {
  readonly target: string;
  readonly session: string;
  readonly generation: number;
  /** The session's header and the generation: a trace of one generation. */
  readonly trace: Uint8Array<ArrayBuffer>;
  /** Wall clock in ms = trace time in ms + this. */
  readonly wallAnchor: number;
  /** The generation's end, wall clock in ms. */
  readonly at: number;
  readonly interval: Milliseconds;
}

/** What a target says of itself, as far as its pages have it. */
export interface TargetFacts {
  /** `go1.26.8` */
  readonly goVersion?: string;
  /** Processor time since it began. */
  readonly cpuSeconds?: number;
  readonly residentBytes?: number;
  /** When the process began, Unix seconds. */
  readonly startSeconds?: number;
}

/** A page of a target to be read: its metrics, its expvars, a profile. */
export interface PageJob {
  readonly id: number;
  readonly target: string;
  readonly what: "metrics" | "vars" | "profile";
  /** The Content-Type of metrics, the name of a profile. */
  readonly detail: string;
  readonly bytes: Uint8Array;
  /** Epoch ms. */
  readonly at: number;
}

export type PageAnswer =
  | {
      readonly kind: "page";
      readonly id: number;
      readonly observations: readonly Observation[];
      readonly facts: TargetFacts;
    }
  | { readonly kind: "unreadable-page"; readonly id: number; readonly message: string };

export type ToAnalyser =
  | { readonly kind: "page"; readonly job: PageJob }
  | { readonly kind: "analyse"; readonly job: AnalysisJob }
  /** The target is no longer watched: its state goes. */
  | { readonly kind: "forget"; readonly target: string };

export type FromAnalyser =
  | { readonly kind: "analysed"; readonly answer: GenerationAnswer; readonly trace: Uint8Array<ArrayBuffer> }
  | PageAnswer;

/** One answer for each generation, in their order. */
export type GenerationAnswer =
  | {
      readonly kind: "observed";
      readonly target: string;
      readonly generation: number;
      /** As in the job. */
      readonly at: number;
      readonly interval: Milliseconds;
      readonly observations: readonly Observation[];
      readonly events: number;
      /** Of the job's trace. */
      readonly bytes: number;
      readonly took: Milliseconds;
    }
  | {
      readonly kind: "unreadable";
      readonly target: string;
      readonly generation: number;
      readonly code: string;
      readonly message: string;
    };
