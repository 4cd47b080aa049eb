import { z } from "zod";
import { bytes, MiB, seconds } from "../base/units.ts";
import { duration, labels, size } from "../schema/schema.ts";

/** `trace:` of a scrape config: how the target's execution trace is read. */
export const traceOptions = z
  .strictObject({
    mode: z
      .enum(["stream", "poll", "off"])
      .default("stream")
      .describe(
        "stream: hold one long trace open, the default. poll: windows with gaps, for targets where a permanent stream is not wanted. off: no trace.",
      ),
    path: z.string().startsWith("/").default("/debug/pprof/trace").describe("Path of the trace endpoint."),
    seconds: duration()
      .default(seconds(3600))
      .describe(
        "How long one stream is asked for; it is reopened when it ends. Lowered by itself when the server refuses it.",
      ),
    window: duration().default(seconds(5)).describe("poll: length of one window."),
    interval: duration()
      .default(seconds(30))
      .describe("poll: from the start of one window to the start of the next."),
    headers_timeout: duration()
      .default(seconds(30))
      .describe("How long to wait for the response's headers; an idle service sends them seconds late."),
    idle_timeout: duration()
      .default(seconds(30))
      .describe("A stream that is silent for this long is lost. A live one speaks about every second."),
    max_generation_bytes: size()
      .default(bytes(256 * MiB))
      .describe("A single generation larger than this ends the session: its bytes are dropped and counted."),
  })
  .refine((trace) => trace.mode !== "poll" || trace.interval >= trace.window, {
    error: "interval must be at least window: windows cannot overlap, a Go process has one tracer",
    path: ["interval"],
  })
  .transform((raw) => ({
    mode: raw.mode,
    path: raw.path,
    seconds: raw.seconds,
    window: raw.window,
    interval: raw.interval,
    headersTimeout: raw.headers_timeout,
    idleTimeout: raw.idle_timeout,
    maxGenerationBytes: raw.max_generation_bytes,
  }));

/** `profiles:` of a scrape config: the other pprof endpoints, read when a capture asks for them. */
export const profileOptions = z
  .strictObject({
    path_prefix: z
      .string()
      .startsWith("/")
      .default("/debug/pprof/")
      .describe("Where the pprof endpoints are."),
    timeout: duration()
      .default(seconds(10))
      .describe("For a profile that does not take a duration of its own."),
    max_bytes: size()
      .default(bytes(64 * MiB))
      .describe("A larger profile is refused."),
  })
  .transform((raw) => ({ pathPrefix: raw.path_prefix, timeout: raw.timeout, maxBytes: raw.max_bytes }));

const address = z.string().regex(/^((\[[0-9a-fA-F:.]+\]|[^\s/:@[\]]+):\d{1,5}|unix:\/[^\0]+)$/, {
  error: "expected host:port, such as 127.0.0.1:6060 or [::1]:6060, or unix:/path of a socket",
});

/** `static_configs:` in Prometheus' dialect. */
export const staticConfig = z.strictObject({
  targets: z.array(address).min(1).describe("Addresses, host:port, or unix:/path."),
  labels: labels.default({}).describe("Labels put on these targets; rules match on them."),
});

export type TraceOptions = z.output<typeof traceOptions>;
export type ProfileOptions = z.output<typeof profileOptions>;
