/** A file of rule tests, as promtool has them: series in, expected firings out. */

import { z } from "zod";
import { milliseconds } from "../../base/units.ts";
import { duration, labels } from "../../schema/schema.ts";

const series = z.strictObject({
  signal: z.string().describe("A name of the signal table."),
  labels: labels.default({}),
  target: z.string().optional().describe("Which of the test's targets. Default: its first."),
  values: z
    .string()
    .max(100_000)
    .describe(
      "One word an interval, in the signal's unit: 5ms. 5ms*30 for 30 intervals, 100MiB+1MiB*60 rising, 5ms,80ms both in one interval, _ for nothing, _*10 for nothing ten times.",
    ),
});

const expectation = z.strictObject({
  rule: z.string(),
  at: duration().describe(
    "When it is decided, from the test's start; the first interval ends after one interval.",
  ),
  target: z.string().optional(),
  labels: labels.optional().describe("Of the series that fired."),
  value: z.union([z.string(), z.number()]).optional().describe("What was observed, in the signal's unit."),
  suppressed: z
    .enum([
      "warm_up",
      "cooldown",
      "skip",
      "max_per_hour",
      "max_per_day",
      "budget",
      "self_protection",
      "dry_run",
    ])
    .optional()
    .describe(
      "It does not fire, for this reason. Suppressed firings are compared only in tests that name one.",
    ),
});

const ruleTest = z.strictObject({
  name: z.string().min(1),
  interval: duration().default(milliseconds(1000)),
  targets: z
    .array(z.strictObject({ name: z.string(), labels: labels.default({}) }))
    .min(1)
    .default([{ name: "target", labels: {} }]),
  series: z.array(series).min(1),
  /** For what comes after the last value, such as absence. */
  run_for: duration().optional().describe("How long the test goes on. Default: to the longest series' end."),
  expect: z.array(expectation).default([]).describe("Every firing, in any order; none: nothing may fire."),
});

/** `gorewind test triggers FILE`. */
export const ruleTestsOptions = z.strictObject({
  rule_files: z
    .array(z.string())
    .default([])
    .describe("Files with the rules, beside this one: whole configurations or only triggers."),
  tests: z.array(ruleTest).min(1),
});

export type RuleTest = z.output<typeof ruleTest>;
