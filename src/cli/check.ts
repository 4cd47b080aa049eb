import { milliseconds } from "../base/units.ts";
import type { Config } from "../config/load.ts";
import { configJsonSchema } from "../config/load.ts";
import type { SignalSource } from "../signals/signal.ts";
import { lintTriggers, type LintWarning } from "../triggers/lint.ts";
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
  for (const { rule, message, hint } of warnings) {
    io.out(`${file}: warning: ${rule === undefined ? "" : `${rule}: `}${message}. ${hint}\n`);
  }
  return warnings.length > 0 && args.lintFatal === true ? LINT_FATAL : 0;
}

function lint({ targets, options }: Config): readonly LintWarning[] {
  return lintTriggers(options.triggers, {
    targets: targets.map(({ target, scrape }) => ({ labels: target.labels, minAge: scrape.ring.minAge })),
    sources: fedSources(options),
    interval: GENERATION,
    uploadTime: options.store.kind === "s3" ? UPLOAD_TIME : undefined,
  });
}

/** Where observations come from under this configuration. */
function fedSources(options: Config["options"]): ReadonlySet<SignalSource> {
  const traced = options.scrapeConfigs.some(({ trace }) => trace.mode !== "off");
  return new Set<SignalSource>(["target", "external", ...(traced ? (["trace"] as const) : [])]);
}

/** `gorewind schema`: the configuration's JSON Schema, for editors. */
export function printSchema(io: CommandIo): number {
  io.out(`${JSON.stringify({ title: "gorewind configuration", ...configJsonSchema() }, null, 2)}\n`);
  return 0;
}
