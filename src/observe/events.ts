import type { Milliseconds } from "../base/units.ts";

/** What happens between a sealed generation and its signals. */
export type ObserveEvent =
  | {
      readonly kind: "generation.analysed";
      readonly target: string;
      readonly generation: number;
      readonly events: number;
      readonly bytes: number;
      /** CPU time of the analysis thread. */
      readonly took: Milliseconds;
    }
  /** Analysis was behind: the generation stays in the ring, its signals are not known. */
  | {
      readonly kind: "generation.skipped";
      readonly target: string;
      readonly generation: number;
      readonly bytes: number;
    }
  /** The generation could not be read; it stays in the ring as it is. */
  | {
      readonly kind: "generation.unreadable";
      readonly target: string;
      readonly generation: number;
      readonly code: string;
      readonly message: string;
    }
  /** The analysis thread died and was started again; what it knew of open tasks is gone. */
  | { readonly kind: "analyser.restarted"; readonly message: string };
