/** The whole configuration, composed of each folder's own section. */

import { z } from "zod";
import { httpOptions } from "../http/options.ts";
import { analysisOptions } from "../observe/options.ts";
import { ringOptions } from "../ring/options.ts";
import { labels } from "../schema/schema.ts";
import { profileOptions, staticConfig, traceOptions } from "../scraper/options.ts";
import { retentionSchema, spoolSchema, storeSchema, uploadSchema } from "../store/options.ts";
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
    static_configs: z.array(staticConfig).min(1).describe("Targets given by address, as in Prometheus."),
    trace: traceOptions.prefault({}),
    ring: ringOptions.prefault({}),
    profiles: profileOptions.prefault({}),
  })
  .transform((raw) => ({
    jobName: raw.job_name,
    scheme: raw.scheme,
    staticConfigs: raw.static_configs,
    trace: raw.trace,
    ring: raw.ring,
    profiles: raw.profiles,
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
    store: storeSchema
      .prefault({ kind: "filesystem", path: "gorewind-captures" })
      .describe("Where captures go: a folder, or S3-compatible object storage."),
    spool: spoolSchema.prefault({}).describe("Where captures wait on disk until they are stored."),
    upload: uploadSchema.prefault({}),
    retention: retentionSchema.prefault({}),
    capture: z
      .strictObject({
        max_concurrent: z.int().min(1).max(256).default(4).describe("Captures in progress at once."),
      })
      .prefault({})
      .transform((raw) => ({ maxConcurrent: raw.max_concurrent })),
    analysis: analysisOptions,
    http: httpOptions,
    log: logOptions,
  })
  .transform(({ scrape_configs: scrapeConfigs, trigger_limits: triggerLimits, ...rest }) => ({
    scrapeConfigs,
    triggerLimits,
    ...rest,
  }));

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
