import { errorMessage, StoreError } from "../../base/errors.ts";
import { errnoOf } from "../files.ts";

/** What an error of the spool's own file system means to the operator. */
export function spoolError(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = errnoOf(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new StoreError("spool_disk_full", `${what}: no space left on the spool's disk`, {
      retryable: true,
      cause: error,
      hint: "give the spool's volume more room than spool.max_bytes, or lower spool.max_bytes",
    });
  }
  return new StoreError("spool_io", `${what}: ${errorMessage(error)}`, {
    retryable: true,
    cause: error,
    hint: "check the spool's disk and that the agent may write to it",
  });
}
