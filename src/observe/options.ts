import { z } from "zod";
import { bytes, MiB } from "../base/units.ts";
import { size } from "../schema/schema.ts";

/** `analysis:` */
export const analysisOptions = z
  .strictObject({
    threads: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe("Threads that read generations for signals; the recording itself never waits for them."),
    max_queued_bytes: size()
      .default(bytes(64 * MiB))
      .describe(
        "When more than this waits to be read, the oldest is skipped and counted. It stays in the ring.",
      ),
  })
  .prefault({})
  .transform((raw) => ({ threads: raw.threads, maxQueuedBytes: raw.max_queued_bytes }));
