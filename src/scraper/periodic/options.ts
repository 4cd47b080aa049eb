import { z } from "zod";
import { bytes, MiB, milliseconds, seconds, type Milliseconds } from "../../base/units.ts";
import { duration, profileName, size } from "../../schema/schema.ts";

/** An endpoint of the target that is read again and again. */
const page = (path: string, what: string) =>
  z
    .strictObject({
      path: z.string().startsWith("/").default(path).describe(`Where ${what} is, on the target's address.`),
      interval: duration().default(seconds(15)).describe("From one reading to the next."),
      timeout: duration().default(seconds(10)).describe("From the request to the last byte."),
      max_bytes: size()
        .default(bytes(16 * MiB))
        .describe("A larger answer is given up."),
    })
    .transform((raw) => ({
      path: raw.path,
      interval: atLeastASecond(raw.interval),
      timeout: raw.timeout,
      maxBytes: raw.max_bytes,
    }));

const probe = z
  .strictObject({
    name: z.string().min(1).max(64).describe("The `probe` label of its signals."),
    path: z.string().startsWith("/").optional().describe("On the target's address."),
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe("Somewhere else, such as the service's public port. No credentials are sent there."),
    interval: duration().default(seconds(10)).describe("From one probe to the next."),
    timeout: duration().default(seconds(5)).describe("Later than this, it failed."),
    expect_status: z
      .union([z.int().min(100).max(599), z.array(z.int().min(100).max(599)).min(1)])
      .optional()
      .describe("A status, or a list of them. Default: 200 to 399."),
  })
  .refine((raw) => (raw.path === undefined) !== (raw.url === undefined), {
    error: "a probe needs a path or a url, one of the two",
    path: ["path"],
  })
  .transform((raw) => ({
    name: raw.name,
    path: raw.path,
    url: raw.url,
    interval: atLeastASecond(raw.interval),
    timeout: raw.timeout,
    expect: raw.expect_status === undefined ? undefined : [raw.expect_status].flat(),
  }));

/** `metrics`, `vars`, `probes` and `schedtrace` of a scrape config: what is read beside the trace. */
export const periodicFields = {
  metrics: page("/metrics", "the service's own exposition (Prometheus text or OpenMetrics)")
    .optional()
    .describe("Reads the service's own metrics: every series is a signal, `metric:NAME`."),
  vars: page("/debug/vars", "expvar")
    .optional()
    .describe("Reads expvar: every number is a signal, `metric:PATH`, such as `metric:memstats.HeapAlloc`."),
  probes: z
    .array(probe)
    .max(50)
    .default([])
    .describe("HTTP requests made again and again, timed and judged by their status."),
  schedtrace: z
    .strictObject({
      file: z
        .string()
        .min(1)
        .describe(
          "A file or a named pipe, relative to the configuration: the service's standard error, or its container's log.",
        ),
      interval: duration().default(seconds(1)).describe("How often it is looked at."),
    })
    .optional()
    .describe("Follows the lines that GODEBUG=schedtrace=1000 makes the service write."),
};

const DEFAULT_PROFILES = ["goroutine", "heap", "threadcreate"] as const;

/** `every` and `list` of `profiles:`. */
export const periodicProfileFields = {
  every: duration()
    .optional()
    .describe("Reads profiles at this interval, for their signals. Absent: only captures take profiles."),
  list: z
    .array(z.union([profileName(), z.record(profileName(), duration())]))
    .max(50)
    .default([...DEFAULT_PROFILES])
    .describe(
      "Which: a name, or { name: duration } for the difference over that time (mutex and block need one; cpu samples that long, and its samples are inside the trace too). Those a service does not have are left out.",
    ),
};

/** One profile to read at each round. */
export interface PeriodicProfile {
  /** The endpoint: `profile` for `cpu`. */
  readonly endpoint: string;
  readonly seconds: Milliseconds | undefined;
}

export function periodicProfiles(
  list: readonly (string | Readonly<Record<string, Milliseconds>>)[],
): readonly PeriodicProfile[] {
  return list.flatMap((entry) =>
    typeof entry === "string"
      ? [{ endpoint: endpointOf(entry), seconds: entry === "cpu" ? seconds(5) : undefined }]
      : Object.entries(entry).map(([name, lasts]) => ({ endpoint: endpointOf(name), seconds: lasts })),
  );
}

const endpointOf = (name: string): string => (name === "cpu" ? "profile" : name);
const atLeastASecond = (interval: Milliseconds): Milliseconds => milliseconds(Math.max(1000, interval));

const fields = z.object(periodicFields);
export type PageOptions = NonNullable<z.output<typeof fields>["metrics"]>;
export type ProbeOptions = z.output<typeof fields>["probes"][number];
export type SchedtraceOptions = NonNullable<z.output<typeof fields>["schedtrace"]>;
