import type { EpochMilliseconds, Milliseconds } from "../base/units.ts";

/** One value of one of the target's series. */
export interface Measurement {
  readonly signal: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly at: EpochMilliseconds;
}

/** What happens between a firing and a capture on the spool's disk. */
export type CaptureEvent =
  | {
      readonly kind: "capture.started";
      readonly id: string;
      readonly target: string;
      readonly rule: string;
      readonly message: string;
    }
  /** Another firing whose window overlaps joined a capture in progress. */
  | {
      readonly kind: "capture.merged";
      readonly id: string;
      readonly target: string;
      readonly rule: string;
      readonly message: string;
    }
  | {
      readonly kind: "capture.completed";
      readonly id: string;
      readonly target: string;
      readonly rules: readonly string[];
      /** The single values that it was taken for. */
      readonly measured: readonly Measurement[];
      readonly bytes: number;
      readonly generations: number;
      /** What was asked for and is not in it. */
      readonly omitted: readonly string[];
      /** From the firing to the manifest on disk. */
      readonly took: Milliseconds;
    }
  | {
      readonly kind: "capture.failed";
      readonly id: string;
      readonly target: string;
      readonly rule: string;
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    }
  /** Too many captures in progress. */
  | {
      readonly kind: "capture.refused";
      readonly target: string;
      readonly rule: string;
      readonly message: string;
    };
