import { createHash } from "node:crypto";
import { z } from "zod";
import { ConfigError } from "../base/errors.ts";
import { targetName, type Target } from "../scraper/target.ts";
import { expandTriggers } from "../triggers/template.ts";
import { configSchema, type ConfigOptions, type ScrapeConfig } from "./options.ts";
import { explainIssues } from "./problems.ts";
import { parseYaml, type Environment } from "./yaml.ts";

/** A target with the options of its scrape config. */
export interface ConfiguredTarget {
  readonly target: Target;
  readonly scrape: ScrapeConfig;
}

/** A configuration that can be run: every default filled in, every text parsed. */
export interface Config {
  readonly file: string;
  /** Of the text as it was read: which configuration a capture was taken under. Twelve hexadecimal digits. */
  readonly hash: string;
  readonly options: ConfigOptions;
  readonly targets: readonly ConfiguredTarget[];
}

/**
 * YAML text → Config. Does no I/O.
 *
 * @param file named in messages.
 * @throws {ConfigError} everything that is wrong with it, each with its place.
 */
export function parseConfig(text: string, file: string, env: Environment): Config {
  const source = parseYaml(text, file, env);
  const parsed = configSchema.safeParse(expandTriggers(source.value ?? {}));
  if (!parsed.success) {
    throw new ConfigError(explainIssues(parsed.error.issues, source, configJsonSchema()));
  }
  const options = parsed.data;
  const targets = options.scrapeConfigs.flatMap((scrape) => targetsOf(scrape, options.global.labels));
  const names = new Set<string>();
  for (const { target } of targets) {
    if (!names.has(target.name)) {
      names.add(target.name);
      continue;
    }
    throw new ConfigError([
      {
        position: source.positionOf(["scrape_configs"]),
        path: "scrape_configs",
        message: `the target ${target.address} is listed twice in the job ${target.job}: a Go process has one tracer`,
      },
    ]);
  }
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { file, hash, options, targets };
}

/** The configuration's JSON Schema (draft 2020-12), as editors take it through `# yaml-language-server`. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" });
}

function targetsOf(scrape: ScrapeConfig, globalLabels: Readonly<Record<string, string>>): ConfiguredTarget[] {
  return scrape.staticConfigs.flatMap(({ targets, labels }) =>
    targets.map((address) => ({
      scrape,
      target: {
        name: targetName(scrape.jobName, address),
        job: scrape.jobName,
        address,
        scheme: scrape.scheme,
        labels: {
          ...globalLabels,
          job: scrape.jobName,
          instance: address,
          service: scrape.jobName,
          ...labels,
        },
      },
    })),
  );
}
