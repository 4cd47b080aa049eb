import type { Milliseconds } from "../base/units.ts";
import type { ScrapeError } from "../base/errors.ts";

/** What happens between a target and its ring. Past tense; telemetry makes a line and metrics of each. */
export type RecorderEvent =
  | { readonly kind: "stream.opened"; readonly target: string; readonly session: string }
  /** The first bytes said which Go wrote them. */
  | {
      readonly kind: "stream.recognised";
      readonly target: string;
      readonly session: string;
      readonly format: string;
      /** False: Go 1.21 or older, whose trace cannot be cut; it is polled in windows. */
      readonly streamable: boolean;
    }
  /** No stream came to be; it is tried again after `retryIn`. */
  | {
      readonly kind: "stream.refused";
      readonly target: string;
      readonly error: ScrapeError;
      readonly retryIn: Milliseconds;
    }
  /** The tracer was let go for a time: somebody asked for it, or it cost the target too much. */
  | {
      readonly kind: "stream.held";
      readonly target: string;
      readonly how: "yielded" | "paused";
      readonly reason: string;
      readonly duration: Milliseconds;
    }
  | { readonly kind: "stream.resumed"; readonly target: string }
  | {
      readonly kind: "stream.ended";
      readonly target: string;
      readonly session: string;
      /** finished: after the seconds asked for. lost: torn off. broken: not a trace that can be read on. */
      readonly how: "finished" | "lost" | "broken";
      readonly message: string;
      readonly hint?: string;
      readonly code?: string;
      /** Bytes of the open generation, which are dropped. */
      readonly droppedBytes: number;
    }
  /** A flight recorder inside the service gave out a whole trace. */
  | {
      readonly kind: "snapshot.taken";
      readonly target: string;
      /** The endpoint's path, or the file's name. */
      readonly name: string;
      readonly mode: "snapshot" | "file";
      readonly bytes: number;
    }
  /** A file is no trace, or a torn one; it is not read again. */
  | {
      readonly kind: "snapshot.rejected";
      readonly target: string;
      readonly name: string;
      readonly message: string;
    }
  | {
      readonly kind: "generation.sealed";
      readonly target: string;
      readonly session: string;
      readonly generation: number;
      readonly bytes: number;
      readonly ringBytes: number;
      readonly ringSpan: Milliseconds;
      readonly ringGenerations: number;
      readonly evicted: number;
      /** Bytes received since the last such event. */
      readonly received: number;
    };
