import { z } from "zod";
import { bytes, KiB, MiB, milliseconds, type Bytes, type Milliseconds } from "../base/units.ts";
import { duration, size } from "../schema/schema.ts";

/** What a ring keeps: whole generations, by the rules of `runtime/trace.FlightRecorderConfig`. */
export interface RingLimits {
  /** Keep at least this much time, as far as `maxBytes` allows. */
  readonly minAge: Milliseconds;
  /** Outranks `minAge`. A hint, as in Go: the generation that crosses it is kept. */
  readonly maxBytes: Bytes;
}

/** `ring:` as configured. */
export interface RingOptions extends RingLimits {
  /** Mirror the ring to the spool's disk, so that it survives the agent. */
  readonly persist: boolean;
}

const limits = (minAge: number, maxBytes: number): RingLimits => ({
  minAge: milliseconds(minAge),
  maxBytes: bytes(maxBytes),
});

/** Named starting points; the default is the flight recorder's own. */
export const RING_PRESETS = {
  default: limits(10_000, 10 * MiB),
  "fast-request": limits(200, 1 * MiB),
  "batch-job": limits(5000, 10 * MiB),
  "memory-constrained": limits(100, 512 * KiB),
} as const satisfies Record<string, RingLimits>;

/** `ring:` of a scrape config. */
export const ringOptions = z
  .strictObject({
    preset: z
      .enum(["default", "fast-request", "batch-job", "memory-constrained"])
      .default("default")
      .describe(
        "Starting point: default (10s, 10MiB), fast-request (200ms, 1MiB), batch-job (5s, 10MiB), memory-constrained (100ms, 512KiB).",
      ),
    min_age: duration()
      .optional()
      .describe("Keep at least this much of the past. Take about twice the latency you hunt."),
    max_bytes: size().optional().describe("Upper bound of the ring's size; outranks min_age."),
    persist: z
      .boolean()
      .default(false)
      .describe(
        "Mirror the ring to the spool's disk: what an agent that died held becomes a capture at the next start. Bounded by spool.ring_max_bytes.",
      ),
  })
  .transform((raw): RingOptions => {
    const preset = RING_PRESETS[raw.preset];
    return {
      // As in Go, 0 asks for the default.
      minAge: raw.min_age === undefined || raw.min_age === 0 ? preset.minAge : raw.min_age,
      maxBytes: raw.max_bytes === undefined || raw.max_bytes === 0 ? preset.maxBytes : raw.max_bytes,
      persist: raw.persist,
    };
  });
