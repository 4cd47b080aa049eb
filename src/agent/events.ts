import type { Milliseconds } from "../base/units.ts";

/** What is read of a target beside its trace. */
export type ScrapeKind = "metrics" | "vars" | "profile" | "probe" | "schedtrace";

export type ScrapeEvent =
  | {
      readonly kind: "scrape.completed";
      readonly target: string;
      readonly what: ScrapeKind;
      /** A profile's or probe's name; empty for the others. */
      readonly name: string;
      readonly bytes: number;
      readonly took: Milliseconds;
    }
  | {
      readonly kind: "scrape.failed";
      readonly target: string;
      readonly what: ScrapeKind;
      readonly name: string;
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    };

/** What recording costs a target: see `OverheadEstimate`. */
export type OverheadEvent = {
  readonly kind: "overhead.estimated";
  readonly target: string;
  readonly bytesPerSecond: number;
  readonly eventsPerSecond: number;
  readonly estimated: number;
  readonly measured: number | undefined;
};
