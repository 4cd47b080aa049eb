/** What is allowed, but most likely not meant. Each check looks at one relation between values of the configuration. */

import { formatDuration } from "../base/duration.ts";
import type { Milliseconds } from "../base/units.ts";
import type { Labels, SignalSource } from "../signals/signal.ts";
import { formatAggregate } from "./aggregate.ts";
import { compileRule, type CompiledRule } from "./compiled-rule.ts";
import { queriesOf } from "./leaf.ts";
import { labelsMatch } from "./match.ts";
import type { Rule } from "./rule.ts";

/** Each check by name, as warnings and docs/triggers.md have it. */
export const LINT_CODES = [
  "min_age_too_short",
  "before_exceeds_ring",
  "cooldown_too_short",
  "quantile_of_few",
  "signal_not_fed",
  "profile_not_read",
  "no_target",
  "unknown_profile",
  "window_too_short",
  "for_too_short",
  "exceeds_write_timeout",
  "no_such_rule",
] as const;

export type LintCode = (typeof LINT_CODES)[number];

export interface LintWarning {
  readonly code: LintCode;
  /** The rule it is about; undefined: none. */
  readonly rule: string | undefined;
  /** The sentence, with the numbers. */
  readonly message: string;
  readonly hint: string;
}

/** A target, or those that a job will discover. */
export interface LintTarget {
  /** Undefined: not known before they are discovered; every rule may be about them. */
  readonly labels: Labels | undefined;
  /** What the ring keeps. */
  readonly minAge: Milliseconds;
  /** What is read of it. */
  readonly sources: ReadonlySet<SignalSource>;
  /** The profiles that are read for their signals: mutex and block over a time, as their signals need. */
  readonly profiles: ReadonlySet<string>;
  readonly probes: readonly string[];
  /** Of its pprof server, as far as it is known. */
  readonly writeTimeout: Milliseconds | undefined;
}

/** What the checks need to know of the rest of the configuration. */
export interface LintContext {
  readonly targets: readonly LintTarget[];
  /** The names of what comes from outside. */
  readonly schedules: readonly string[];
  readonly queries: readonly string[];
  /** How often a generation ends, or a scrape is made. */
  readonly interval: Milliseconds;
  /** How long the upload of a capture takes, as far as is known. */
  readonly uploadTime: Milliseconds | undefined;
}

/** All checks over all rules, in the rules' order. */
export function lintTriggers(rules: readonly Rule[], context: LintContext): readonly LintWarning[] {
  return rules.map(compileRule).flatMap((compiled) => {
    const { rule } = compiled;
    const targets = context.targets.filter(
      ({ labels }) => labels === undefined || labelsMatch(rule.match, labels),
    );
    const shortest = Math.min(...targets.map(({ minAge }) => minAge));
    return [
      ...lintTargets(rule, targets.length, context.targets.length),
      ...(targets.length === 0 ? [] : [...lintMinAge(compiled, shortest), ...lintBefore(rule, shortest)]),
      ...lintCooldown(rule, context.uploadTime),
      ...lintQuantiles(compiled),
      ...lintSources(compiled, targets, context),
      ...lintProfiles(rule),
      ...lintDurations(rule, targets),
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

/** From which profile a signal is read. */
const PROFILE_OF: Readonly<Record<string, string>> = {
  goroutine_profile_count: "goroutine",
  heap_inuse_bytes: "heap",
  mutex_delay_seconds: "mutex",
  block_delay_seconds: "block",
  threads_created: "threadcreate",
};

const HOW_TO_FEED: Readonly<Partial<Record<SignalSource, string>>> = {
  trace: "take another trace.mode than off",
  metrics: "set metrics: {} or vars: {} in the scrape config",
  profile: "set profiles: { every: 1m } in the scrape config",
  probe: "name a probe under probes: in the scrape config",
  schedtrace: "set schedtrace: { file: … } in the scrape config",
};

/** Every signal has to be fed: by a target that the rule is about, from the profile or by the name it is read from. */
export function lintSources(
  { rule, leaves }: CompiledRule,
  targets: readonly LintTarget[],
  context: LintContext,
): readonly LintWarning[] {
  for (const { signal, labels } of leaves.flatMap(queriesOf)) {
    const { name, source } = signal;
    if (source !== "external" && source !== "target" && targets.length > 0) {
      if (!targets.some(({ sources }) => sources.has(source))) {
        const hint = `the rule can never fire: ${HOW_TO_FEED[source] ?? "configure it"}, or take another signal`;
        return warn("signal_not_fed", rule, `nothing feeds ${name}: no ${source} source is configured`, hint);
      }
      const profile = PROFILE_OF[name];
      const without = targets.filter((each) => profile !== undefined && !each.profiles.has(profile));
      if (profile !== undefined && without.length > 0)
        return warnOfProfile(rule, name, profile, without, targets);
    }
    const named = namedSources(name, targets, context);
    if (named === undefined) continue;
    const [label, names] = named;
    if (
      names.some((value) =>
        labelsMatch(
          labels.filter((each) => each.label === label),
          { [label]: value },
        ),
      )
    )
      continue;
    const known = names.length === 0 ? "there is none" : `there are ${names.join(", ")}`;
    return warn(
      "signal_not_fed",
      rule,
      `nothing feeds ${name}: no ${label} is called as the rule's labels ask; ${known}`,
      "the rule can never fire; compare the names",
    );
  }
  return [];
}

function warnOfProfile(
  rule: Rule,
  signal: string,
  profile: string,
  without: readonly LintTarget[],
  targets: readonly LintTarget[],
): readonly LintWarning[] {
  const entry = profile === "mutex" || profile === "block" ? `{ ${profile}: 5s }` : profile;
  const which =
    without.length === targets.length
      ? "its targets do not"
      : `${without.length} of its ${targets.length} targets do not`;
  return warn(
    "profile_not_read",
    rule,
    `${signal} is read from the ${profile} profile${entry === profile ? "" : " over a time"}, which ${which} read`,
    `add ${entry} to profiles.list of their scrape config`,
  );
}

/** Where a signal's series have names that the configuration gives: the label, and the names. */
function namedSources(
  signal: string,
  targets: readonly LintTarget[],
  { schedules, queries }: LintContext,
): readonly [string, readonly string[]] | undefined {
  if (signal === "schedule") return ["schedule", schedules];
  if (signal === "promql") return ["query", queries];
  if (signal.startsWith("probe_") && targets.length > 0)
    return ["probe", targets.flatMap(({ probes }) => probes)];
  return undefined;
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

/** net/http/pprof refuses to trace or profile for longer than the server's WriteTimeout. */
function lintDurations(rule: Rule, targets: readonly LintTarget[]): readonly LintWarning[] {
  const writeTimeout = Math.min(...targets.map((target) => target.writeTimeout || Infinity));
  const long = rule.capture.profiles.find(({ duration = 0 }) => duration >= writeTimeout);
  if (long?.duration === undefined) return [];
  return warn(
    "exceeds_write_timeout",
    rule,
    `the ${long.name} profile takes ${formatDuration(long.duration)}, but the server refuses what is not shorter than its WriteTimeout of ${formatDuration(writeTimeout)}`,
    SHORTER,
  );
}

/** The same of the stream itself. @param writeTimeout as far as it is known. */
export function lintStream(
  job: string,
  seconds: Milliseconds,
  writeTimeout: Milliseconds | undefined,
): readonly LintWarning[] {
  if (writeTimeout === undefined || writeTimeout === 0 || seconds < writeTimeout) return [];
  return warn(
    "exceeds_write_timeout",
    undefined,
    `${job}: the stream asks for ${formatDuration(seconds)}, but the server refuses what is not shorter than its WriteTimeout of ${formatDuration(writeTimeout)}`,
    SHORTER,
  );
}

/** A notification of a rule that is not there tells nobody of anything. `manual` is a name too. */
export function lintReceivers(
  receivers: readonly { readonly rules: readonly string[] | undefined }[],
  rules: readonly Rule[],
): readonly LintWarning[] {
  const known = new Set(["manual", ...rules.map(({ name }) => name)]);
  const unknown = receivers.flatMap((receiver) => receiver.rules ?? []).filter((name) => !known.has(name));
  return unknown.flatMap((name) =>
    warn(
      "no_such_rule",
      undefined,
      `notifications ask for captures of the rule ${name}, which is not there`,
      `the rules are ${[...known].join(", ")}`,
    ),
  );
}

const SHORTER = "ask for less, or serve pprof from a server without WriteTimeout";
