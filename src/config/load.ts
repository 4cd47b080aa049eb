import { createHash } from "node:crypto";
import { z } from "zod";
import { ConfigError } from "../base/errors.ts";
import { resolveTargets, type TargetGroup, type TargetRules } from "../discovery/targets.ts";
import type { AddressTrust } from "../scraper/client/guard.ts";
import type { Target } from "../scraper/target.ts";
import { expandTriggers } from "../triggers/template.ts";
import { configSchema, type ConfigOptions, type ScrapeConfig } from "./options.ts";
import { explainIssues } from "./problems.ts";
import { parseYaml, type Environment } from "./yaml.ts";

/** A target with the options of its scrape config. */
export interface ConfiguredTarget {
  readonly target: Target;
  readonly scrape: ScrapeConfig;
  /** How far its address is trusted: whether an operator wrote it down, or it was discovered. */
  readonly trust: AddressTrust;
}

/** A configuration that can be run: every default filled in, every text parsed. */
export interface Config {
  readonly file: string;
  /** Of the text as it was read: which configuration a capture was taken under. Twelve hexadecimal digits. */
  readonly hash: string;
  readonly options: ConfigOptions;
  /** Those of `static_configs`; others are discovered while the agent runs. */
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
  const targets: ConfiguredTarget[] = [];
  const names = new Set<string>();
  for (const [i, scrape] of options.scrapeConfigs.entries()) {
    const problem = (message: string): ConfigError =>
      new ConfigError([
        {
          position: source.positionOf(["scrape_configs", i, "static_configs"]),
          path: `scrape_configs.${i}.static_configs`,
          message,
        },
      ]);
    const resolved = resolveTargets(rulesOf(scrape, options), groupsOf(scrape), "configured");
    const [refused] = resolved.refused;
    if (refused !== undefined && refused.reason !== "duplicate") {
      throw problem(
        `the target ${refused.address} cannot be watched: its ${refused.reason} is unusable as written, or as relabeling made it`,
      );
    }
    const twice =
      refused?.address ?? resolved.merged[0] ?? resolved.targets.find(({ name }) => names.has(name))?.address;
    if (twice !== undefined) {
      throw problem(
        `the target ${twice} is listed twice in the job ${scrape.jobName}: a Go process has one tracer`,
      );
    }
    for (const target of resolved.targets) {
      names.add(target.name);
      targets.push({ target, scrape, trust: "configured" });
    }
  }
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { file, hash, options, targets };
}

/** The configuration's JSON Schema (draft 2020-12), as editors take it through `# yaml-language-server`. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" });
}

/** What a scrape config makes of the targets that are found for it. */
export function rulesOf(scrape: ScrapeConfig, { global }: Pick<ConfigOptions, "global">): TargetRules {
  const { jobName, scheme, relabel } = scrape;
  return { jobName, scheme, relabel, globalLabels: global.labels };
}

function groupsOf(scrape: ScrapeConfig): TargetGroup[] {
  return scrape.staticConfigs.map(({ targets, labels }) => ({ targets, labels }));
}
