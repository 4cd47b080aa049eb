import { dirname, resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { parseWith } from "../config/validate.ts";
import { ruleFileOptions } from "../triggers/options.ts";
import type { TriggerOptions } from "../triggers/rule.ts";
import { expandTriggers } from "../triggers/template.ts";
import { ruleTestsOptions } from "../triggers/testing/options.ts";
import { formatResults, runRuleTests } from "../triggers/testing/run.ts";
import { readText } from "./config-file.ts";
import type { CommandIo } from "./io.ts";

const RULE_KEYS = ["triggers", "trigger_templates", "trigger_defaults", "trigger_limits"];

/** `gorewind test triggers FILE…`: rule tests, as promtool has them. Exit code 1 when one fails. */
export async function testTriggers(files: readonly string[], io: CommandIo): Promise<number> {
  let failed = 0;
  for (const file of files) {
    const { rule_files: ruleFiles, tests } = parseWith(ruleTestsOptions, await readText(file), file, io.env);
    const options = await readRules(
      ruleFiles.map((each) => resolve(dirname(file), each)),
      io,
    );
    const results = runRuleTests(options, tests);
    failed += results.filter(({ passed }) => !passed).length;
    io.out(`${file}\n${formatResults(results)}\n`);
  }
  return failed === 0 ? 0 : 1;
}

/** The rules of several files together; the limits of the last one hold. @throws {ConfigError} */
export async function readRules(files: readonly string[], io: CommandIo): Promise<TriggerOptions> {
  const all = await Promise.all(
    files.map(async (file) => parseWith(ruleFileOptions, await readText(file), file, io.env, rulesOnly)),
  );
  const last = all.at(-1);
  if (last === undefined) {
    throw new ConfigError([
      { position: undefined, path: "rule_files", message: "name at least one file with rules" },
    ]);
  }
  return { rules: all.flatMap(({ rules }) => rules), limits: last.limits };
}

/** A whole configuration is a file of rules too: what else it says is left out here. */
function rulesOnly(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("scrape_configs" in value))
    return expandTriggers(value);
  return expandTriggers(Object.fromEntries(Object.entries(value).filter(([key]) => RULE_KEYS.includes(key))));
}
