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

/** Of rings that are mirrored to the disk, and of those that a dead agent left there. */
export type MirrorEvent =
  /** Generations that are not on the disk: the disk was behind or failing, or `spool.ring_max_bytes` was reached. */
  | {
      readonly kind: "ring.mirror_skipped";
      readonly target: string;
      readonly generations: number;
      readonly reason: "behind" | "failed" | "bound";
    }
  /** Told once until it works again, or fails in another way. */
  | {
      readonly kind: "ring.mirror_failed";
      readonly target: string;
      readonly code: string;
      readonly message: string;
    }
  /** What an agent that died held of the target is a capture now. */
  | {
      readonly kind: "ring.recovered";
      readonly id: string;
      readonly target: string;
      readonly generations: number;
      readonly bytes: number;
    }
  /**
   * It is not. `empty`: no whole generation was left; `too_soon`: the agent dies again and again; `no_room`: the spool
   * is half full of captures; `failed`: see the message, the next start tries again.
   */
  | {
      readonly kind: "ring.left_dropped";
      readonly target: string;
      readonly reason: "empty" | "too_soon" | "no_room" | "failed";
      readonly message: string;
    };
