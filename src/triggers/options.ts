/** `triggers:` of the configuration: schema, defaults, and what YAML says → the engine's `Rule`. */

import { z } from "zod";
import { bytes, GiB, milliseconds } from "../base/units.ts";
import { duration, labels, profileName, size } from "../schema/schema.ts";
import { buildCondition, buildPatterns } from "./build-condition.ts";
import { leavesOf, queriesOf } from "./leaf.ts";
import type { RawCondition } from "./raw-condition.ts";
import type { CaptureRequest, Condition, GlobalLimits, ProfileRequest, Rule, RuleLimits } from "./rule.ts";
import { parseRatio } from "./threshold.ts";

const patterns = z
  .record(z.string(), z.union([z.string().max(256), z.array(z.string().max(256)).min(1).max(64)]))
  .meta({ examples: [{ service: "checkout" }, { env: ["prod", "staging"] }, { task: "!health*" }] });

const threshold = z
  .union([z.number(), z.string()], { error: "expected a level such as 50ms, 512MiB, 5% or 100" })
  .meta({ examples: ["50ms", "512MiB", "5%", 100] });

const share = z.union([z.number(), z.string()], { error: "expected a share such as 5% or 0.05" });
const ratio = share.transform((written, context) => {
  const parsed = parseRatio(written);
  if (parsed !== undefined && parsed >= 0 && parsed <= 1) return parsed;
  context.addIssue({ code: "custom", message: `"${written}" is no share: write 5% or 0.05` });
  return z.NEVER;
});

const query = {
  signal: z.string().optional().describe("What to look at: a name of the signal table in docs/triggers.md."),
  labels: patterns
    .optional()
    .describe(
      "Which of its series: label and value; * for any text, ! in front negates, a list means any of them.",
    ),
  aggregate: z
    .string()
    .optional()
    .describe(
      "How the window's values become one: each (judge every single value), last, count, rate, sum, mean, min, max, p50 … p99.9. Default: each for durations and events, last for gauges, rate for counters.",
    ),
  window: duration()
    .optional()
    .describe(
      "How far back values count. Default 10s; gauges: how old the last value may be, 30s; counters 1m.",
    ),
  min_samples: z
    .int()
    .positive()
    .optional()
    .describe("With fewer values than this in the window there is no verdict. Default 1."),
  across: z
    .enum(["max", "min", "sum", "mean"])
    .optional()
    .describe(
      "How several series of one group become one value. Default: the one that comes closest to firing.",
    ),
};

/** Recursive, so that its type has to be written down. */
const condition: z.ZodType<RawCondition> = z.strictObject({
  ...query,
  above: threshold.optional().describe("True above this level, in the signal's unit: 50ms, 512MiB, 5%, 100."),
  below: threshold.optional().describe("True below this level."),
  clear_below: threshold
    .optional()
    .describe("Hysteresis with above: once true, it stays so until the value is below this."),
  clear_above: threshold
    .optional()
    .describe("Hysteresis with below: once true, it stays so until the value is above this."),
  min_count: z
    .int()
    .positive()
    .optional()
    .describe("So many values of the window beyond the level. Default 1."),
  breach_ratio: threshold
    .optional()
    .describe("More than this share of the window's values beyond the level, such as 75%."),
  change: z
    .strictObject({
      over: duration().optional().describe("Span of the moving average. Default 5m."),
      min: threshold.optional().describe("Nothing at or below this level counts. Default 0."),
      by: threshold.optional().describe("So much above the average, such as 25%. Default 25%."),
      abs: threshold.optional().describe("Above this level it is true whatever the average."),
    })
    .optional()
    .describe("True when the value lies above its own moving average."),
  high_water: z
    .strictObject({
      decay: duration().optional().describe("The mark sinks to zero over this time. Default 24h."),
      min: threshold.optional().describe("Nothing at or below this level counts. Default 0."),
      by: threshold.optional().describe("So much above the mark. Default 5%."),
    })
    .optional()
    .describe("True when the value is higher than any that fired before."),
  absent_for: duration().optional().describe("True when the target gave no value of it for so long."),
  anomaly: z
    .strictObject({
      method: z
        .enum(["mad", "ewma", "both"])
        .optional()
        .describe(
          "Deviation from the median of the last half hour, from a moving average, or both at once. Default both.",
        ),
      direction: z.enum(["above", "below", "both"]).optional().describe("Default above."),
      sensitivity: z
        .number()
        .positive()
        .optional()
        .describe(
          "So many robust standard deviations, of up to five intervals together. Default 5; more is calmer.",
        ),
      warm_up: duration().optional().describe("How long to learn before it may be true. Default 10m."),
      min_effect: threshold
        .optional()
        .describe("A smaller difference never counts. Default 1ms, 8MiB, 2%, or 10."),
      consecutive: z.int().positive().optional().describe("So many intervals in a row at least. Default 3."),
      seasonal: z
        .boolean()
        .optional()
        .describe(
          "Whether it must be unusual for this hour of the day (UTC) as well, once two days are known. Default true.",
        ),
    })
    .optional()
    .describe("True when the value is outside of what was learned to be normal."),
  expr: z
    .string()
    .max(2000)
    .optional()
    .describe(
      "A CEL expression over the values named under let, the series' labels and the target's labels (target): p99 > seconds_of('10ms') && target.env == 'prod'.",
    ),
  let: z
    .record(z.string(), z.strictObject(query))
    .optional()
    .describe("The values that expr is about, in base units, by name."),
  get all() {
    return z.array(condition).min(1).max(16).optional().describe("True while all of these are.");
  },
  get any() {
    return z.array(condition).min(1).max(16).optional().describe("True while any of these is.");
  },
  get not() {
    return condition.optional().describe("True while this one is known to be false.");
  },
});

const profile = z
  .union([profileName(), z.record(profileName(), duration())])
  .transform((raw, context): ProfileRequest => {
    if (typeof raw === "string")
      return { name: raw, duration: raw === "cpu" ? milliseconds(5000) : undefined };
    const [only, ...others] = Object.entries(raw);
    if (only !== undefined && others.length === 0) return { name: only[0], duration: only[1] };
    context.addIssue({ code: "custom", message: "write one profile an item: goroutine, or { cpu: 5s }" });
    return z.NEVER;
  })
  .meta({ examples: ["goroutine", "heap", { cpu: "5s" }, { mutex: "5s" }] });

const capture = z
  .strictObject({
    before: duration().optional().describe("How much of the trace before the firing's moment. Default 10s."),
    after: duration().optional().describe("How much after it. Default 1s."),
    profiles: z
      .array(profile)
      .max(16)
      .optional()
      .describe(
        "Profiles to take with it: goroutine, heap, allocs, threadcreate, { cpu: 5s } for that long, { mutex: 5s } for the delta over that long. Default goroutine and heap.",
      ),
    also: z
      .array(patterns)
      .max(16)
      .optional()
      .describe("The same window from this agent's other targets with these labels."),
  })
  .transform((raw): CaptureRequest => ({
    before: raw.before ?? milliseconds(10_000),
    after: raw.after ?? milliseconds(1000),
    profiles: raw.profiles ?? [
      { name: "goroutine", duration: undefined },
      { name: "heap", duration: undefined },
    ],
    also: (raw.also ?? []).map((each) => buildPatterns(each)),
  }));

const limits = z
  .strictObject({
    cooldown: duration()
      .optional()
      .describe("After a firing, so long none of the same rule, target and label set. Default 1m."),
    max_per_hour: z.int().positive().optional().describe("Per rule and target. Default 12."),
    max_per_day: z.int().positive().optional().describe("Per rule and target. Default 100."),
    skip_probability: ratio
      .optional()
      .describe(
        "Share of firings to leave out by chance, so that a fleet does not capture at once. Default 0.",
      ),
    warm_up: duration()
      .optional()
      .describe("After the target was first seen, or restarted, so long no firing. Default 0s."),
    max_label_sets: z
      .int()
      .positive()
      .max(10_000)
      .optional()
      .describe("Label sets followed per target; the longest idle gives way. Default 100."),
  })
  .transform((raw): RuleLimits => ({
    cooldown: raw.cooldown ?? milliseconds(60_000),
    maxPerHour: raw.max_per_hour ?? 12,
    maxPerDay: raw.max_per_day ?? 100,
    skipProbability: raw.skip_probability ?? 0,
    warmUp: raw.warm_up ?? milliseconds(0),
    maxLabelSets: raw.max_label_sets ?? 100,
  }));

/** What rules, templates and defaults all may say. */
const shared = {
  description: z.string().max(1000).optional().describe("For people: what it is for, what to do."),
  match: patterns.optional().describe("Which targets, by their labels. Default: all."),
  by: z
    .array(z.string().max(64))
    .max(8)
    .optional()
    .describe(
      "Which labels tell firings apart. Default: the signal's own for a single condition, none for a tree.",
    ),
  for: duration().optional().describe("How long the condition must hold before it fires. Default 0s."),
  keep_firing_for: duration()
    .optional()
    .describe("How long it goes on firing after the condition has ended. Default 0s."),
  repeat: z
    .boolean()
    .optional()
    .describe("Whether a condition that stays true fires again after each cooldown. Default true."),
  severity: z.enum(["info", "warning", "critical"]).optional().describe("Default warning."),
  labels: labels.optional().describe("Go into the capture."),
  annotations: z
    .record(z.string(), z.string().max(2000))
    .optional()
    .describe("Go into the capture and its notifications."),
  dry_run: z.boolean().optional().describe("Evaluate and report, capture nothing. Default false."),
  capture: capture.optional().describe("What to take when it fires."),
  limits: limits.optional().describe("How often it may fire."),
};

const ownCondition = condition
  .optional()
  .describe("The condition. Over a template: what is different, or another one.");

const ruleShape = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/, {
      error: "a rule's name has letters, digits, dots, dashes and underscores, 63 at most",
    })
    .describe("Unique; the label `rule` of metrics and part of each capture."),
  template: z
    .string()
    .optional()
    .describe("A name of trigger_templates: what the rule itself does not say is taken from there."),
  when: ownCondition,
  ...shared,
});

/** Whether one of the condition's signals has series with this label. */
function hasLabel(built: Condition, label: string): boolean {
  return leavesOf(built)
    .flatMap(queriesOf)
    .some(({ signal }) => signal.openLabels || signal.labels.includes(label));
}

const rule = ruleShape.transform((raw, context): Rule => {
  if (raw.template !== undefined) {
    const message = `there is no template "${raw.template}" under trigger_templates`;
    context.addIssue({ code: "custom", path: ["template"], message });
    return z.NEVER;
  }
  if (raw.when === undefined) {
    context.addIssue({ code: "custom", message: "a rule needs a condition: when" });
    return z.NEVER;
  }
  const when = buildCondition(raw.when, ["when"], (path, message) => {
    context.addIssue({ code: "custom", path: [...path], message });
  });
  if (when === undefined) return z.NEVER;
  const unknown = (raw.by ?? []).findIndex((label) => !hasLabel(when, label));
  if (unknown >= 0) {
    const message = `no signal of the condition has a label ${raw.by?.[unknown]}: nothing would ever be told apart by it`;
    context.addIssue({ code: "custom", path: ["by", unknown], message });
    return z.NEVER;
  }
  return {
    name: raw.name,
    description: raw.description ?? "",
    match: buildPatterns(raw.match),
    when,
    by: raw.by,
    for: raw.for ?? milliseconds(0),
    keepFiringFor: raw.keep_firing_for ?? milliseconds(0),
    repeat: raw.repeat ?? true,
    severity: raw.severity ?? "warning",
    labels: raw.labels ?? {},
    annotations: raw.annotations ?? {},
    dryRun: raw.dry_run ?? false,
    capture: raw.capture ?? capture.parse({}),
    limits: raw.limits ?? limits.parse({}),
  };
});

/** `triggers:` */
export const triggersOptions = z
  .array(rule)
  .max(1000)
  .default([])
  .superRefine((rules, context) => {
    const seen = new Set<string>();
    rules.forEach(({ name }, i) => {
      if (seen.has(name))
        context.addIssue({ code: "custom", path: [i, "name"], message: `a second rule named ${name}` });
      seen.add(name);
    });
  })
  .describe("The rules that decide when to capture.");

/** `trigger_templates:` and `trigger_defaults:`; `expandTriggers` puts them under the rules before the schema sees them. */
export const triggerTemplatesOptions = z
  .record(z.string().max(64), z.strictObject({ when: ownCondition, ...shared }))
  .optional()
  .describe("Rules to be shared: a rule names one as its template, and says only what is different.");
export const triggerDefaultsOptions = z
  .strictObject(shared)
  .optional()
  .describe("What every rule says that does not say otherwise.");

/** `trigger_limits:`, for all rules together. */
export const triggerLimitsOptions = z
  .strictObject({
    max_captures_per_hour: z
      .int()
      .positive()
      .optional()
      .describe("Automatic captures of this agent. Default 60."),
    max_bytes_per_hour: size()
      .optional()
      .describe("Bytes of automatic captures of this agent. Default 10GiB."),
    max_agent_cpu: ratio
      .optional()
      .describe(
        "No automatic capture while the agent itself uses more than this share of one core. Default 90%.",
      ),
    max_agent_memory: size()
      .optional()
      .describe("No automatic capture while the agent itself uses more memory. Default: no limit."),
    min_disk_free: size()
      .optional()
      .describe("No automatic capture while less is free where captures are kept. Default 256MiB."),
  })
  .transform((raw): GlobalLimits => ({
    maxCapturesPerHour: raw.max_captures_per_hour ?? 60,
    maxBytesPerHour: raw.max_bytes_per_hour ?? bytes(10 * GiB),
    maxAgentCpu: raw.max_agent_cpu ?? 0.9,
    maxAgentMemory: raw.max_agent_memory,
    minDiskFree: raw.min_disk_free ?? bytes(GiB / 4),
  }))
  .prefault({})
  .describe("What all rules together may cost. Manual captures never count.");

/** A file of rules by itself, as rule tests name it: what a configuration says of triggers, and no more. */
export const ruleFileOptions = z
  .strictObject({
    triggers: triggersOptions,
    trigger_templates: triggerTemplatesOptions,
    trigger_defaults: triggerDefaultsOptions,
    trigger_limits: triggerLimitsOptions,
  })
  .transform(({ triggers, trigger_limits: triggerLimits }) => ({ rules: triggers, limits: triggerLimits }));
