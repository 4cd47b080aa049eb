import { z } from "zod";
import { duration, size } from "../schema/schema.ts";

const share = z
  .union([z.string().regex(/^\d+(\.\d+)?%$/), z.number()], {
    error: "expected a share such as 2% or 0.02",
  })
  .transform((raw) => (typeof raw === "number" ? raw : Number(raw.slice(0, -1)) / 100))
  .refine((part) => part > 0 && part <= 1, {
    error: "expected a share above 0 and up to 100%, such as 2% or 0.02",
  });

/** `budget:` of a scrape config: what recording may cost the target. */
export const budgetOptions = z
  .strictObject({
    max_overhead: share
      .optional()
      .describe(
        "Share of the service's own CPU that tracing may cost, such as 2%. Estimated from the event rate; over it, the stream is held open for a part of the time only.",
      ),
    max_bytes_per_second: size().optional().describe("Trace bytes a second, on average; over it, the same."),
    max_memory: size().optional().describe("Resident memory of the service above which it is not traced."),
    pid_file: z
      .string()
      .min(1)
      .optional()
      .describe(
        "A file with the service's process id, relative to the configuration, when it runs in the same pid namespace: its CPU and memory are read from /proc. Without it they are taken from its /metrics, where `metrics` is on.",
      ),
    settle: duration().optional().describe("How long a stream is watched before it is judged (default 5s)."),
  })
  .prefault({})
  .transform((raw) => ({
    maxOverhead: raw.max_overhead,
    maxBytesPerSecond: raw.max_bytes_per_second,
    maxMemory: raw.max_memory,
    pidFile: raw.pid_file,
    settle: raw.settle,
  }));
