/** The whole configuration, composed of each folder's own section. */

import { z } from "zod";
import { bytes, GiB, milliseconds } from "../base/units.ts";
import { privacyOptions } from "../capture/options.ts";
import { discoveryFields, relabelConfig } from "../discovery/options.ts";
import { budgetOptions } from "../governor/options.ts";
import { httpOptions } from "../http/options.ts";
import { analysisOptions } from "../observe/options.ts";
import { notificationsOptions, promqlOptions, schedulesOptions } from "../outside/options.ts";
import { ringOptions } from "../ring/options.ts";
import { duration, labels, size } from "../schema/schema.ts";
import { clientFields, clientOf, oneCredential } from "../scraper/client/options.ts";
import { periodicFields } from "../scraper/periodic/options.ts";
import { profileOptions, staticConfig, traceOptions } from "../scraper/options.ts";
import {
  retentionSchema,
  spoolSchema,
  storeSchema,
  uploadSchema,
  type RetentionOptions,
  type StoreOptions,
} from "../store/options.ts";
import { logOptions } from "../telemetry/options.ts";
import {
  triggerDefaultsOptions,
  triggerLimitsOptions,
  triggersOptions,
  triggerTemplatesOptions,
} from "../triggers/options.ts";

const scrapeConfig = z
  .strictObject({
    job_name: z.string().min(1).max(128).describe("What these targets are called together."),
    scheme: z.enum(["http", "https"]).default("http"),
    ...clientFields,
    body_size_limit: size()
      .optional()
      .describe(
        "No answer may be larger, beside the trace's stream; a limit of its own section may be smaller.",
      ),
    static_configs: z.array(staticConfig).default([]).describe("Targets given by address, as in Prometheus."),
    ...discoveryFields,
    relabel_configs: z
      .array(relabelConfig)
      .default([])
      .describe("Which of the targets are watched, and what their labels are, as in Prometheus."),
    target_limit: z
      .int()
      .min(1)
      .max(10_000)
      .default(200)
      .describe("Targets of this scrape config at once; more are refused and counted."),
    start_spread: duration()
      .optional()
      .describe(
        "Streams that begin together are spread over this time. Default: 25ms for each, at most 5s; a single one begins at once.",
      ),
    trace: traceOptions.prefault({}),
    ring: ringOptions.prefault({}),
    profiles: profileOptions.prefault({}),
    ...periodicFields,
    budget: budgetOptions.describe("What recording may cost these targets."),
    privacy: privacyOptions.prefault({}).describe("What may be written of these targets."),
  })
  .superRefine(oneCredential)
  .superRefine(someTargets)
  .transform((raw) => ({
    jobName: raw.job_name,
    scheme: raw.scheme,
    client: clientOf(raw),
    bodySizeLimit: raw.body_size_limit,
    staticConfigs: raw.static_configs,
    discovery: [
      ...raw.file_sd_configs,
      ...raw.http_sd_configs,
      ...raw.dns_sd_configs,
      ...raw.kubernetes_sd_configs,
    ],
    relabel: raw.relabel_configs,
    targetLimit: raw.target_limit,
    startSpread: raw.start_spread,
    trace: raw.trace,
    ring: raw.ring,
    profiles: {
      ...raw.profiles,
      maxBytes: bytes(Math.min(raw.profiles.maxBytes, raw.body_size_limit ?? Number.POSITIVE_INFINITY)),
    },
    metrics: raw.metrics,
    vars: raw.vars,
    probes: raw.probes,
    schedtrace: raw.schedtrace,
    budget: raw.budget,
    privacy: raw.privacy,
  }));

export const configSchema = z
  .strictObject({
    global: z
      .strictObject({
        labels: labels.default({}).describe("Labels put on every target, such as cluster or region."),
      })
      .prefault({}),
    scrape_configs: z
      .array(scrapeConfig)
      .min(1)
      .describe("Which Go services to watch, and how.")
      .superRefine(uniqueJobNames),
    triggers: triggersOptions,
    trigger_defaults: triggerDefaultsOptions,
    trigger_templates: triggerTemplatesOptions,
    trigger_limits: triggerLimitsOptions,
    schedules: schedulesOptions,
    promql: promqlOptions,
    notifications: notificationsOptions,
    store: storeSchema
      .prefault({ kind: "filesystem", path: "gorewind-captures" })
      .describe("Where captures go: a folder, or S3-compatible object storage."),
    spool: spoolSchema.prefault({}).describe("Where captures wait on disk until they are stored."),
    upload: uploadSchema.prefault({}),
    retention: retentionSchema.prefault({}),
    capture: z
      .strictObject({
        max_concurrent: z.int().min(1).max(256).default(4).describe("Captures in progress at once."),
        report_timeout: duration()
          .default(milliseconds(10_000))
          .describe(
            "How long a capture waits for its report.html and summary.json; it is stored without what is not done by then.",
          ),
      })
      .prefault({})
      .transform((raw) => ({ maxConcurrent: raw.max_concurrent, reportTimeout: raw.report_timeout })),
    analysis: analysisOptions,
    http: httpOptions,
    log: logOptions,
  })
  .transform(({ scrape_configs: scrapeConfigs, trigger_limits: triggerLimits, ...rest }) => ({
    scrapeConfigs,
    triggerLimits,
    ...rest,
    retention: withBound(rest.retention, rest.store),
  }));

/** Per service, in a folder of captures when nothing else is said. A bucket has lifecycle rules of its own. */
const FOLDER_BOUND = { max_bytes: bytes(10 * GiB), keep_worst: 0 } as const;

/** A folder on somebody's disk never grows without a bound. */
function withBound(retention: RetentionOptions, store: StoreOptions): RetentionOptions {
  if (retention.store !== undefined || store.kind !== "filesystem") return retention;
  return { ...retention, store: FOLDER_BOUND };
}

type TargetSources = Readonly<Record<"static_configs" | keyof typeof discoveryFields, readonly unknown[]>>;

function someTargets(raw: TargetSources, context: z.RefinementCtx): void {
  const sources = ["static_configs", ...Object.keys(discoveryFields)] as (keyof TargetSources)[];
  if (sources.some((source) => raw[source].length > 0)) return;
  context.addIssue({
    code: "custom",
    message: `there are no targets: ${sources.slice(0, -1).join(", ")} or ${sources.at(-1)} is needed`,
  });
}

function uniqueJobNames(jobs: readonly { readonly jobName: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const [i, { jobName }] of jobs.entries()) {
    if (seen.has(jobName)) {
      context.addIssue({
        code: "custom",
        path: [i, "job_name"],
        message: `"${jobName}" is used by another scrape config`,
      });
    }
    seen.add(jobName);
  }
}

export type ConfigOptions = z.output<typeof configSchema>;
export type ScrapeConfig = ConfigOptions["scrapeConfigs"][number];
