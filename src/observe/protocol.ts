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
  /** The trace's 16 bytes of header. */
  readonly header: Uint8Array;
  readonly generation: number;
  readonly bytes: Uint8Array;
  /** Wall clock in ms = trace time in ms + this. */
  readonly wallAnchor: number;
  /** The generation's end, wall clock in ms. */
  readonly at: number;
  readonly interval: Milliseconds;
}

export type ToAnalyser =
  | { readonly kind: "analyse"; readonly job: AnalysisJob }
  /** The target is no longer watched: its state goes. */
  | { readonly kind: "forget"; readonly target: string };

/** One answer for each job, in the order of the jobs. */
export type FromAnalyser =
  | {
      readonly kind: "observed";
      readonly target: string;
      readonly generation: number;
      /** As in the job. */
      readonly at: number;
      readonly interval: Milliseconds;
      readonly observations: readonly Observation[];
      readonly events: number;
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
