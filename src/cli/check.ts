import { milliseconds } from "../base/units.ts";
import type { Config } from "../config/load.ts";
import { configJsonSchema } from "../config/load.ts";
import type { SignalSource } from "../signals/signal.ts";
import type { ScrapeConfig } from "../config/options.ts";
import type { PeriodicProfile } from "../scraper/periodic/options.ts";
import {
  lintReceivers,
  lintStream,
  lintTriggers,
  type LintTarget,
  type LintWarning,
} from "../triggers/lint.ts";
import { readConfigFile } from "./config-file.ts";
import type { CommandIo } from "./io.ts";
import { count } from "./text.ts";

export interface CheckArguments {
  /** Warnings fail the check as well. */
  readonly lintFatal?: boolean;
}

/** Warnings were found and `--lint-fatal` was given; as promtool has it. */
const LINT_FATAL = 3;
/** How often a target's generations end. */
const GENERATION = milliseconds(1000);
/** A capture's upload, when nothing is known of the line. */
const UPLOAD_TIME = milliseconds(5000);

/** `gorewind check config FILE`: says whether the agent would start with it. @throws {ConfigError} it would not. */
export async function checkConfig(file: string, args: CheckArguments, io: CommandIo): Promise<number> {
  const config = await readConfigFile(file, io.env);
  const { targets, options } = config;
  const discovers = options.scrapeConfigs.some(({ discovery }) => discovery.length > 0);
  const what = [
    `${count(targets.length, "target")}${discovers ? " and those to be discovered" : ""}`,
    count(options.triggers.length, "trigger"),
    `store ${options.store.kind}`,
  ];
  io.out(`${file}: ok: ${what.join(", ")}\n`);
  const warnings = lint(config);
  for (const { code, rule, message, hint } of warnings) {
    io.out(
      `${file}: warning: ${rule === undefined ? "" : `${rule}: `}${message}. ${sentence(hint)} [${code}]\n`,
    );
  }
  return warnings.length > 0 && args.lintFatal === true ? LINT_FATAL : 0;
}

function lint({ targets, options }: Config): readonly LintWarning[] {
  const discovering = options.scrapeConfigs.filter(({ discovery }) => discovery.length > 0);
  return [
    ...options.scrapeConfigs.flatMap(({ jobName, trace }) =>
      trace.mode === "stream" ? lintStream(jobName, trace.seconds, trace.writeTimeout) : [],
    ),
    ...lintTriggers(options.triggers, {
      targets: [
        ...targets.map(({ target, scrape }) => lintTarget(scrape, target.labels)),
        ...discovering.map((scrape) => lintTarget(scrape, undefined)),
      ],
      schedules: options.schedules.map(({ name }) => name),
      queries: options.promql.map(({ name }) => name),
      interval: GENERATION,
      uploadTime: options.store.kind === "s3" ? UPLOAD_TIME : undefined,
    }),
    ...lintReceivers(options.notifications, options.triggers),
  ];
}

function lintTarget(scrape: ScrapeConfig, labels: LintTarget["labels"]): LintTarget {
  const { trace, ring, metrics, vars, probes, schedtrace, profiles } = scrape;
  const fed: readonly (readonly [SignalSource, boolean])[] = [
    ["trace", trace.mode !== "off"],
    ["metrics", metrics !== undefined || vars !== undefined],
    ["probe", probes.length > 0],
    ["schedtrace", schedtrace !== undefined],
    ["profile", profiles.every !== undefined],
  ];
  const isRead = ({ endpoint, seconds }: PeriodicProfile): boolean =>
    seconds !== undefined || !["mutex", "block"].includes(endpoint);
  return {
    labels,
    minAge: ring.minAge,
    sources: new Set(fed.flatMap(([source, isFed]) => (isFed ? [source] : []))),
    profiles: new Set(profiles.periodic.filter(isRead).map(({ endpoint }) => endpoint)),
    probes: probes.map(({ name }) => name),
    writeTimeout: trace.writeTimeout,
  };
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `gorewind schema`: the configuration's JSON Schema, for editors. */
export function printSchema(io: CommandIo): number {
  io.out(`${JSON.stringify({ title: "gorewind configuration", ...configJsonSchema() }, null, 2)}\n`);
  return 0;
}
