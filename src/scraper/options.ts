import { z } from "zod";
import { bytes, MiB, seconds } from "../base/units.ts";
import { duration, labels, size } from "../schema/schema.ts";
import { periodicProfileFields, periodicProfiles } from "./periodic/options.ts";

const DEFAULT_INTERVAL = {
  stream: seconds(30), // of the windows, when the format turns out to be one that cannot be cut
  poll: seconds(30),
  snapshot: seconds(30),
  file: seconds(1),
  off: seconds(30),
} as const;

/** `trace:` of a scrape config: how the target's execution trace is read. */
export const traceOptions = z
  .strictObject({
    mode: z
      .enum(["stream", "poll", "snapshot", "file", "off"])
      .default("stream")
      .describe(
        "stream: hold one long trace open, the default. poll: windows with gaps, for targets where a permanent stream is not wanted. snapshot: an endpoint of the service that answers with what its own flight recorder holds. file: a folder where the service's own flight recorder drops files. off: no trace.",
      ),
    path: z
      .string()
      .startsWith("/")
      .optional()
      .describe(
        "Path of the trace endpoint. Default: /debug/pprof/trace; for snapshot /debug/flightrecorder.",
      ),
    method: z.enum(["GET", "POST"]).default("GET").describe("snapshot: how the endpoint is asked."),
    folder: z
      .string()
      .min(1)
      .optional()
      .describe(
        "file: the folder, relative to the configuration. New files in it are read when they no longer grow; none is changed.",
      ),
    seconds: duration()
      .default(seconds(3600))
      .describe(
        "How long one stream is asked for; it is reopened when it ends. Lowered by itself when the server refuses it.",
      ),
    write_timeout: duration()
      .optional()
      .describe(
        "The WriteTimeout of the service's pprof server, where it has one: check config warns of what is longer, since net/http/pprof refuses it.",
      ),
    window: duration().default(seconds(5)).describe("poll: length of one window."),
    interval: duration()
      .optional()
      .describe(
        "poll: from the start of one window to the start of the next (default 30s). snapshot: from one to the next (default 30s; 0: only when a capture wants one). file: between two looks into the folder (default 1s).",
      ),
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
  .refine((trace) => trace.mode !== "poll" || (trace.interval ?? DEFAULT_INTERVAL.poll) >= trace.window, {
    error: "interval must be at least window: windows cannot overlap, a Go process has one tracer",
    path: ["interval"],
  })
  .refine((trace) => trace.mode !== "file" || trace.folder !== undefined, {
    error: "mode file needs a folder",
    path: ["folder"],
  })
  .transform((raw) => ({
    mode: raw.mode,
    path: raw.path ?? (raw.mode === "snapshot" ? "/debug/flightrecorder" : "/debug/pprof/trace"),
    method: raw.method,
    folder: raw.folder ?? "",
    seconds: raw.seconds,
    writeTimeout: raw.write_timeout,
    window: raw.window,
    interval: raw.interval ?? DEFAULT_INTERVAL[raw.mode],
    headersTimeout: raw.headers_timeout,
    idleTimeout: raw.idle_timeout,
    maxGenerationBytes: raw.max_generation_bytes,
  }));

/** `profiles:` of a scrape config: the other pprof endpoints, read when a capture asks for them, and at intervals. */
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
    ...periodicProfileFields,
  })
  .transform((raw) => ({
    pathPrefix: raw.path_prefix,
    timeout: raw.timeout,
    maxBytes: raw.max_bytes,
    every: raw.every,
    periodic: periodicProfiles(raw.list),
  }));

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
