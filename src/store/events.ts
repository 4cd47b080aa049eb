import type { Milliseconds } from "../base/units.ts";

/** Why the spool gave a capture up before it was in the store. */
export type DropReason = "quota" | "age" | "count" | "bytes" | "damaged" | "gave_up" | "removed";

/** What happens between capture and store. Past tense; telemetry makes a line and metrics of each. */
export type StoreEvent =
  /** The capture is on the spool's disk: from here on it is ours to deliver. */
  | {
      readonly kind: "capture.accepted";
      readonly id: string;
      readonly service: string;
      readonly bytes: number;
    }
  | {
      readonly kind: "upload.started";
      readonly id: string;
      readonly service: string;
      readonly location: string;
      readonly prefix: string;
      readonly bytes: number;
      readonly attempt: number;
      /** Whether an earlier run of the agent had begun it. */
      readonly resumed: boolean;
    }
  /** The attempt failed and the same may succeed later; the whole uploader waits for `delay`. */
  | {
      readonly kind: "upload.retried";
      readonly id: string;
      readonly service: string;
      readonly attempt: number;
      readonly delay: Milliseconds;
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    }
  /** The attempt failed in a way that needs a person; it is tried again after `delay` all the same. */
  | {
      readonly kind: "upload.failed";
      readonly id: string;
      readonly service: string;
      readonly attempt: number;
      readonly delay: Milliseconds;
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    }
  /** Every file and then the manifest are in the store, with the right sizes and checksums. */
  | {
      readonly kind: "upload.completed";
      readonly id: string;
      readonly service: string;
      readonly location: string;
      readonly prefix: string;
      readonly bytes: number;
      readonly attempts: number;
      /** Of the attempt that succeeded. */
      readonly duration: Milliseconds;
      /** From the capture's creation to now. */
      readonly age: Milliseconds;
    }
  | { readonly kind: "upload.leftover_aborted"; readonly key: string }
  /** A capture was refused: the policy keeps what is there. */
  | {
      readonly kind: "spool.full";
      readonly id: string;
      readonly bytes: number;
      readonly limit: number;
      readonly policy: string;
    }
  /** A capture that was accepted is gone and is not in the store. */
  | {
      readonly kind: "spool.dropped";
      readonly id: string;
      readonly service: string;
      readonly reason: DropReason;
      readonly severity: string;
      readonly bytes: number;
    }
  | { readonly kind: "spool.recovered"; readonly recovery: SpoolRecovery }
  /** The journal could not be written. Captures are safe without it; half-done uploads may be done again. */
  | { readonly kind: "spool.journal_failed"; readonly code: string; readonly message: string }
  /** The folder of a capture that is done with could not be removed; the next start tries again. */
  | {
      readonly kind: "spool.remove_failed";
      readonly id: string;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: "spool.waited_for_lease"; readonly holder: string }
  | {
      readonly kind: "retention.deleted";
      readonly id: string;
      readonly service: string;
      readonly prefix: string;
      readonly reason: "age" | "count" | "bytes";
    }
  /** The index is behind; the lines wait in the spool. */
  | { readonly kind: "index.failed"; readonly code: string; readonly message: string }
  /** Rows of generations beyond `upload.metrics.max_rows`, since the last file. */
  | { readonly kind: "metrics.dropped"; readonly rows: number }
  | { readonly kind: "metrics.failed"; readonly code: string; readonly message: string }
  | { readonly kind: "retention.failed"; readonly code: string; readonly message: string };

/** What was found when the spool was opened. */
export interface SpoolRecovery {
  readonly captures: number;
  readonly bytes: number;
  /** Captures that had no manifest yet when the agent died: never acknowledged, now removed. */
  readonly incomplete: number;
  /** Captures whose files do not match their manifest: set aside in `damaged/`. */
  readonly damaged: number;
  /** Of the journal's torn tail, cut off. */
  readonly tornBytes: number;
}

export type EmitStoreEvent = (event: StoreEvent) => void;
