import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { leavesOf, queriesOf } from "../../src/triggers/leaf.ts";
import type { Condition } from "../../src/triggers/rule.ts";
import { ruleFileOptions } from "../../src/triggers/options.ts";
import { expandTriggers } from "../../src/triggers/template.ts";
import { ruleTestsOptions } from "../../src/triggers/testing/options.ts";
import { formatResults, runRuleTests } from "../../src/triggers/testing/run.ts";

const here = dirname(fileURLToPath(import.meta.url));
const config = resolve(here, "../../config");
const examples = readdirSync(config).filter((file) => /^triggers-.*[.]yaml$/.test(file));

describe.each(examples)("config/%s", (file) => {
  const options = ruleFileOptions.parse(expandTriggers(parse(readFileSync(join(config, file), "utf8"))));
  const testsFile = join(here, "examples", file.replace(/[.]yaml$/, ".tests.yaml"));
  const { rule_files: files, tests } = ruleTestsOptions.parse(parse(readFileSync(testsFile, "utf8")));

  test("does what its tests say", () => {
    expect(files.map((each) => resolve(dirname(testsFile), each))).toEqual([join(config, file)]);
    const results = runRuleTests(options, tests);
    expect(results.filter(({ passed }) => !passed).length, formatResults(results)).toBe(0);
  });

  test.each(options.rules)(
    "$name has a case in which it fires and one in which it does not",
    ({ name, when }) => {
      const asks = signalsOf(when);
      const fires = (each: (typeof tests)[number]): boolean => each.expect.some(({ rule }) => rule === name);
      const about = tests.filter(({ series }) => series.some(({ signal }) => asks.has(signal)));
      expect(tests.filter(fires).length).toBeGreaterThan(0);
      expect(about.filter((each) => !fires(each)).length).toBeGreaterThan(0);
    },
  );
});

function signalsOf(condition: Condition): ReadonlySet<string> {
  return new Set(
    leavesOf(condition)
      .flatMap(queriesOf)
      .map(({ signal }) => signal.name),
  );
}
