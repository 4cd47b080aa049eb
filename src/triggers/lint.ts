/** What is allowed, but most likely not meant. Each check looks at one relation between values of the configuration. */

import { formatDuration } from "../base/duration.ts";
import type { Milliseconds } from "../base/units.ts";
import type { Labels, SignalSource } from "../signals/signal.ts";
import { formatAggregate } from "./aggregate.ts";
import { compileRule, type CompiledRule } from "./compiled-rule.ts";
import { queriesOf } from "./leaf.ts";
import { labelsMatch } from "./match.ts";
import type { Rule } from "./rule.ts";

export type LintCode =
  | "min_age_too_short"
  | "before_exceeds_ring"
  | "cooldown_too_short"
  | "quantile_of_few"
  | "signal_not_fed"
  | "no_target"
  | "unknown_profile"
  | "window_too_short"
  | "for_too_short"
  | "stream_exceeds_write_timeout";

export interface LintWarning {
  readonly code: LintCode;
  /** The rule it is about; undefined: none. */
  readonly rule: string | undefined;
  /** The sentence, with the numbers. */
  readonly message: string;
  readonly hint: string;
}

/** What the checks need to know of the rest of the configuration. */
export interface LintContext {
  /** Each target with what its ring keeps. */
  readonly targets: readonly { readonly labels: Labels; readonly minAge: Milliseconds }[];
  /** Which sources the configuration feeds. */
  readonly sources: ReadonlySet<SignalSource>;
  /** How often a generation ends, or a scrape is made. */
  readonly interval: Milliseconds;
  /** How long the upload of a capture takes, as far as is known. */
  readonly uploadTime: Milliseconds | undefined;
}

/** All checks over all rules, in the rules' order. */
export function lintTriggers(rules: readonly Rule[], context: LintContext): readonly LintWarning[] {
  return rules.map(compileRule).flatMap((compiled) => {
    const { rule } = compiled;
    const targets = context.targets.filter(({ labels }) => labelsMatch(rule.match, labels));
    const shortest = Math.min(...targets.map(({ minAge }) => minAge));
    return [
      ...lintTargets(rule, targets.length, context.targets.length),
      ...(targets.length === 0 ? [] : [...lintMinAge(compiled, shortest), ...lintBefore(rule, shortest)]),
      ...lintCooldown(rule, context.uploadTime),
      ...lintQuantiles(compiled),
      ...lintSources(compiled, context.sources),
      ...lintProfiles(rule),
      ...lintWindows(compiled, context.interval),
      ...lintFor(rule, context.interval),
    ];
  });
}

function warn(code: LintCode, rule: Rule | undefined, message: string, hint: string): readonly LintWarning[] {
  return [{ code, rule: rule?.name, message, hint }];
}

/** The beginning of what was slow has to be in the ring when it ends. */
export function lintMinAge({ rule, leaves }: CompiledRule, minAge: number): readonly LintWarning[] {
  for (const leaf of leaves) {
    if (leaf.kind !== "signal" || leaf.test.kind !== "threshold" || leaf.test.direction !== "above") continue;
    const { signal, aggregate } = leaf.query;
    const hunts = signal.source === "trace" && signal.unit === "seconds" && signal.kind !== "gauge";
    if (!hunts || aggregate.kind === "count" || aggregate.kind === "rate" || aggregate.kind === "sum")
      continue;
    const needed = 2 * leaf.test.level * 1000;
    if (minAge >= needed) continue;
    return warn(
      "min_age_too_short",
      rule,
      `the ring keeps ${formatDuration(minAge)}, less than twice the ${formatDuration(needed / 2)} that ${signal.name} is to pass`,
      `set the ring's min_age to ${formatDuration(needed)} or more, so that the beginning is still there when it ends`,
    );
  }
  return [];
}

export function lintBefore(rule: Rule, minAge: number): readonly LintWarning[] {
  const { before } = rule.capture;
  if (before <= minAge) return [];
  return warn(
    "before_exceeds_ring",
    rule,
    `capture.before is ${formatDuration(before)}, but the ring keeps only ${formatDuration(minAge)} for sure`,
    `raise the ring's min_age to ${formatDuration(before)}, or lower capture.before`,
  );
}

/** Captures that take longer than the cooldown pile up. */
export function lintCooldown(rule: Rule, uploadTime: number | undefined): readonly LintWarning[] {
  const { cooldown } = rule.limits;
  const profiles = Math.max(0, ...rule.capture.profiles.map(({ duration }) => duration ?? 0));
  const capture = Math.max(rule.capture.after, profiles);
  if (cooldown < capture) {
    return warn(
      "cooldown_too_short",
      rule,
      `cooldown is ${formatDuration(cooldown)}, shorter than the ${formatDuration(capture)} that its capture takes`,
      `set cooldown to more than ${formatDuration(capture)}: until then firings only add reasons to the same capture`,
    );
  }
  if (uploadTime === undefined || cooldown >= uploadTime) return [];
  return warn(
    "cooldown_too_short",
    rule,
    `cooldown is ${formatDuration(cooldown)}, shorter than the ${formatDuration(uploadTime)} that an upload takes`,
    "captures would wait in the spool faster than they leave it: raise cooldown",
  );
}

/** Of fewer than 1 / (1 - q) values the quantile is just the greatest. */
export function lintQuantiles({ rule, leaves }: CompiledRule): readonly LintWarning[] {
  return leaves.flatMap(queriesOf).flatMap(({ aggregate, minSamples, signal }) => {
    if (aggregate.kind !== "quantile") return [];
    const needed = Math.round(1 / (1 - Math.max(aggregate.q, 1 - aggregate.q)));
    if (minSamples >= needed) return [];
    const name = formatAggregate(aggregate);
    return warn(
      "quantile_of_few",
      rule,
      `${name} of ${signal.name} may be of ${minSamples} value${minSamples === 1 ? "" : "s"}: of fewer than ${needed} it is just the extreme one`,
      `set min_samples to ${needed} or more, or say aggregate: max`,
    );
  });
}

export function lintSources(
  { rule, leaves }: CompiledRule,
  fed: ReadonlySet<SignalSource>,
): readonly LintWarning[] {
  const unfed = leaves.flatMap(queriesOf).find(({ signal }) => !fed.has(signal.source));
  if (unfed === undefined) return [];
  const { name, source } = unfed.signal;
  return warn(
    "signal_not_fed",
    rule,
    `nothing feeds ${name}: no ${source} source is configured`,
    "the rule can never fire; configure the source, or take another signal",
  );
}

export function lintTargets(rule: Rule, matched: number, all: number): readonly LintWarning[] {
  if (matched > 0 || all === 0) return [];
  const labels = rule.match.map(({ label }) => label).join(", ");
  return warn(
    "no_target",
    rule,
    `match (${labels}) selects none of ${all} targets`,
    "the rule can never fire; compare with the targets' labels",
  );
}

/** What net/http/pprof serves; goroutineleak since Go 1.26 behind its experiment. */
const PROFILES = ["goroutine", "heap", "allocs", "block", "mutex", "threadcreate", "cpu", "goroutineleak"];

export function lintProfiles(rule: Rule): readonly LintWarning[] {
  return rule.capture.profiles
    .filter(({ name }) => !PROFILES.includes(name))
    .flatMap(({ name }) =>
      warn(
        "unknown_profile",
        rule,
        `net/http/pprof has no profile ${name}`,
        `it is had only from services that register it; the standard ones are ${PROFILES.join(", ")}`,
      ),
    );
}

export function lintWindows({ rule, leaves }: CompiledRule, interval: number): readonly LintWarning[] {
  const short = leaves
    .flatMap(queriesOf)
    .find(({ window, aggregate }) => window > 0 && window < interval && aggregate.kind !== "last");
  if (short === undefined) return [];
  return warn(
    "window_too_short",
    rule,
    `window is ${formatDuration(short.window)}, but news comes every ${formatDuration(interval)}`,
    `a window holds whole intervals: ${formatDuration(interval)} is the least that means something`,
  );
}

export function lintFor(rule: Rule, interval: number): readonly LintWarning[] {
  if (rule.for === 0 || rule.for >= interval) return [];
  return warn(
    "for_too_short",
    rule,
    `for is ${formatDuration(rule.for)}, but the condition is looked at every ${formatDuration(interval)}`,
    `it works as ${formatDuration(interval)}; write that, or 0s to fire at once`,
  );
}

/** net/http/pprof refuses a trace longer than the server's WriteTimeout. @param writeTimeout as far as it is known. */
export function lintStream(seconds: number, writeTimeout: number | undefined): readonly LintWarning[] {
  if (writeTimeout === undefined || writeTimeout === 0 || seconds < writeTimeout) return [];
  return warn(
    "stream_exceeds_write_timeout",
    undefined,
    `the stream asks for ${formatDuration(seconds)}, but the server ends answers after its WriteTimeout of ${formatDuration(writeTimeout)}`,
    "lower the stream's seconds below it, or serve pprof from a server without WriteTimeout",
  );
}
