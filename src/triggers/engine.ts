/**
 * The rule engine: what was observed → what is to be captured. It has no clock and does nothing itself: `now` is
 * given, decisions are returned.
 */

import { milliseconds, type EpochMilliseconds, type Milliseconds } from "../base/units.ts";
import type { Labels, ObservationBatch, SignalSource } from "../signals/signal.ts";
import { BaselineStore, type BaselineExport } from "./baseline-store.ts";
import { compileRule, describeReading, readingUnit, type CompiledRule } from "./compiled-rule.ts";
import type { Decision, Fired, Firing, Origin, SuppressReason } from "./decision.ts";
import { explainRules, type ExplainFilter, type RuleReport } from "./explain.ts";
import { cooldownEnd, type Instance } from "./instance.ts";
import { type AgentHealth, GlobalBudget, refuse, remaining, type Refusal } from "./limits.ts";
import type { Leaf } from "./leaf.ts";
import type { RuleOnTarget } from "./rule-on-target.ts";
import type { CaptureRequest, TriggerOptions } from "./rule.ts";
import { TargetState, warmUpEnd } from "./target-state.ts";

/** What a manual capture takes when nothing else is asked for. */
export const MANUAL_CAPTURE: CaptureRequest = {
  before: milliseconds(10_000),
  after: milliseconds(1000),
  profiles: [
    { name: "goroutine", duration: undefined },
    { name: "heap", duration: undefined },
  ],
  also: [],
};

export interface ManualRequest {
  readonly origin?: Exclude<Origin, "rule">;
  readonly capture?: CaptureRequest;
  readonly labels?: Labels;
}

export interface TriggerEngine {
  /** A target that is there before anything was observed of it: so that its absence is noticed. */
  addTarget(name: string, labels: Labels, now: EpochMilliseconds): void;
  /** Everything that is known of it goes. */
  removeTarget(name: string): void;
  /** One source's news of one target. An unknown target is added. */
  observe(batch: ObservationBatch, now: EpochMilliseconds): readonly Decision[];
  /** About once a second: what comes true, or ends, because nothing came. */
  tick(now: EpochMilliseconds): readonly Decision[];
  /** Someone asked for a capture. No limit applies, and it counts against none. @param reason one sentence for people. */
  manual(target: string, reason: string, now: EpochMilliseconds, request?: ManualRequest): Fired;
  /** An automatic capture turned out to be so big. */
  recordBytes(bytes: number, now: EpochMilliseconds): void;
  /** Other rules from now on. A rule that says the same as before keeps its windows, cooldowns and counts. */
  reload(options: TriggerOptions, now: EpochMilliseconds): void;
  /** Why (not)? For each rule what it saw last on each target, and what keeps it from firing. */
  explain(now: EpochMilliseconds, filter?: ExplainFilter): readonly RuleReport[];
  /** For self-protection. */
  setHealth(health: AgentHealth): void;
  /** What the anomaly conditions learned, to be kept over a restart. */
  exportBaselines(): BaselineExport;
  /** Before anything is observed. */
  importBaselines(state: BaselineExport): void;
  staleness(now: EpochMilliseconds): readonly SourceStaleness[];
  readonly counters: EngineCounters;
}

/** Of one rule, over all targets, those that are gone included. */
export interface RuleCounters {
  readonly rule: string;
  readonly firings: number;
  /** Every would-be firing that was held back, by reason; decisions tell only the first of a kind in a row. */
  readonly suppressed: Readonly<Partial<Record<SuppressReason, number>>>;
}

/** All since the start. */
export interface EngineCounters {
  readonly evaluations: number;
  readonly firings: number;
  readonly suppressed: number;
  /** Label sets and series that gave way, or had to wait, at a bound. */
  readonly evicted: number;
  readonly rules: readonly RuleCounters[];
}

/** How long a source of a target, which its rules look at, has said nothing. */
export interface SourceStaleness {
  readonly target: string;
  readonly source: SignalSource;
  readonly age: Milliseconds;
}

export interface EngineDependencies {
  /** 0 to below 1. */
  readonly random: () => number;
}

export function createTriggerEngine(
  options: TriggerOptions,
  dependencies: EngineDependencies,
): TriggerEngine {
  return new Engine(options, dependencies);
}

class Engine implements TriggerEngine {
  #rules: readonly CompiledRule[];
  readonly #budget: GlobalBudget;
  readonly #random: () => number;
  readonly #targets = new Map<string, TargetState>();
  readonly #baselines = new BaselineStore();
  #evaluations = 0;
  #firings = 0;
  #suppressed = 0;
  readonly #ruleCounters = new Map<
    string,
    { firings: number; suppressed: Partial<Record<SuppressReason, number>> }
  >();
  /** Of targets that are gone. */
  #evictedBefore = 0;

  constructor(options: TriggerOptions, { random }: EngineDependencies) {
    this.#rules = options.rules.map(compileRule);
    this.#budget = new GlobalBudget(options.limits);
    this.#random = random;
  }

  addTarget(name: string, labels: Labels, now: EpochMilliseconds): void {
    if (!this.#targets.has(name)) this.#add(name, labels, now);
  }

  reload(options: TriggerOptions, now: EpochMilliseconds): void {
    this.#rules = options.rules.map(compileRule);
    this.#budget.limits = options.limits;
    const names = new Set(options.rules.map(({ name }) => name));
    for (const name of this.#ruleCounters.keys()) if (!names.has(name)) this.#ruleCounters.delete(name);
    for (const [name, state] of this.#targets) {
      this.#evictedBefore += evictedOf(state);
      this.#targets.set(name, new TargetState(name, state.labels, this.#rules, this.#baselines, now, state));
    }
  }

  explain(now: EpochMilliseconds, filter: ExplainFilter = {}): readonly RuleReport[] {
    return explainRules(this.#rules, [...this.#targets.values()], now, filter);
  }

  removeTarget(name: string): void {
    const state = this.#targets.get(name);
    if (state !== undefined) this.#evictedBefore += evictedOf(state);
    this.#targets.delete(name);
  }

  observe(batch: ObservationBatch, now: EpochMilliseconds): readonly Decision[] {
    const state = this.#targets.get(batch.target) ?? this.#add(batch.target, batch.targetLabels, now);
    state.add(batch, now);
    const decisions: Decision[] = [];
    const covered = now - state.since + batch.interval;
    for (const rule of state.rulesOf(batch.source)) {
      for (const instance of rule.instances) {
        if (!instance.isAwake) continue;
        this.#step(state, rule, instance, { at: batch.at, covered, source: batch.source, now }, decisions);
      }
    }
    return decisions;
  }

  tick(now: EpochMilliseconds): readonly Decision[] {
    const decisions: Decision[] = [];
    for (const state of this.#targets.values()) {
      for (const [source, at] of state.silentSources(now)) {
        for (const rule of state.rulesOf(source)) {
          for (const instance of rule.instances) {
            if (!rule.compiled.fallsTrue && instance.phase.kind === "inactive") continue;
            this.#step(state, rule, instance, { at, covered: now - state.since, source, now }, decisions);
          }
        }
      }
    }
    return decisions;
  }

  manual(target: string, reason: string, now: EpochMilliseconds, request: ManualRequest = {}): Fired {
    return {
      kind: "fired",
      rule: "manual",
      origin: request.origin ?? "manual",
      severity: "info",
      target,
      at: now,
      decidedAt: now,
      message: reason,
      labels: request.labels ?? {},
      annotations: {},
      capture: request.capture ?? MANUAL_CAPTURE,
    };
  }

  recordBytes(bytes: number, now: EpochMilliseconds): void {
    this.#budget.recordBytes(now, bytes);
  }

  setHealth(health: AgentHealth): void {
    this.#budget.health = health;
  }

  exportBaselines(): BaselineExport {
    return this.#baselines.export();
  }

  importBaselines(state: BaselineExport): void {
    this.#baselines.import(state);
  }

  staleness(now: EpochMilliseconds): readonly SourceStaleness[] {
    return [...this.#targets.values()].flatMap((state) =>
      state.heardAgo(now).map(([source, age]) => ({ target: state.name, source, age })),
    );
  }

  get counters(): EngineCounters {
    let evicted = this.#evictedBefore;
    for (const state of this.#targets.values()) evicted += evictedOf(state);
    const rules = [...this.#ruleCounters].map(([rule, { firings, suppressed }]) => ({
      rule,
      firings,
      suppressed: { ...suppressed },
    }));
    return {
      evaluations: this.#evaluations,
      firings: this.#firings,
      suppressed: this.#suppressed,
      evicted,
      rules,
    };
  }

  #add(name: string, labels: Labels, now: EpochMilliseconds): TargetState {
    const state = new TargetState(name, labels, this.#rules, this.#baselines, now);
    this.#targets.set(name, state);
    return state;
  }

  #step(
    state: TargetState,
    rule: RuleOnTarget,
    instance: Instance,
    moment: Moment,
    decisions: Decision[],
  ): void {
    this.#evaluations++;
    if (!instance.step(moment.at, moment.covered, moment.source)) return;
    const refusal = this.#check(state, rule, instance, moment.now);
    const isNews = refusal?.reason !== instance.lastRefusal?.reason;
    instance.lastRefusal = refusal;
    if (refusal === undefined) {
      decisions.push({ kind: "fired", ...firingOf(state, instance, moment.now) });
      this.#firings++;
      this.#countersOf(instance).firings++;
      instance.firings++;
      instance.lastFired = moment.now;
      rule.history.record(moment.now);
      this.#budget.recordFiring(moment.now);
      instance.consume(true);
      return;
    }
    this.#suppressed++;
    const { suppressed } = this.#countersOf(instance);
    suppressed[refusal.reason] = (suppressed[refusal.reason] ?? 0) + 1;
    instance.suppressed++;
    // It had its outcome: the same is not to come again after the cooldown.
    const isHandled = refusal.reason === "dry_run" || refusal.reason === "skip";
    if (isNews || isHandled)
      decisions.push({ kind: "suppressed", ...firingOf(state, instance, moment.now), ...refusal });
    if (refusal.reason === "dry_run") rule.history.record(moment.now);
    if (isHandled) instance.lastFired = moment.now;
    instance.consume(isHandled);
  }

  #countersOf({ rule }: Instance): { firings: number; suppressed: Partial<Record<SuppressReason, number>> } {
    const known = this.#ruleCounters.get(rule.name);
    if (known !== undefined) return known;
    const fresh = { firings: 0, suppressed: {} };
    this.#ruleCounters.set(rule.name, fresh);
    return fresh;
  }

  /** The chance to skip is taken before the counts, so that what was skipped is not counted. */
  #check(
    state: TargetState,
    rule: RuleOnTarget,
    instance: Instance,
    now: EpochMilliseconds,
  ): Refusal | undefined {
    const { limits, dryRun } = instance.rule;
    const warmUntil = warmUpEnd(state, instance);
    if (now < warmUntil) {
      return refuse("warm_up", `warming up for another ${remaining(warmUntil, now)}`, warmUntil);
    }
    const coolUntil = cooldownEnd(instance, now);
    if (coolUntil !== undefined && now < coolUntil) {
      return refuse("cooldown", `in cooldown for another ${remaining(coolUntil, now)}`, coolUntil);
    }
    if (limits.skipProbability > 0 && this.#random() < limits.skipProbability) {
      return refuse("skip", `left out by chance, skip_probability is ${limits.skipProbability}`);
    }
    const overCount = rule.history.check(limits, now);
    if (overCount !== undefined) return overCount;
    if (dryRun) return refuse("dry_run", "would have captured, but dry_run is set");
    return this.#budget.check(now);
  }
}

interface Moment {
  readonly at: EpochMilliseconds;
  readonly covered: number;
  readonly source: SignalSource;
  readonly now: EpochMilliseconds;
}

function firingOf(state: TargetState, instance: Instance, now: EpochMilliseconds): Firing {
  const { rule } = instance;
  const index = instance.leadingLeaf;
  const leaf = instance.compiled.leaves[index];
  const reading = instance.detectors[index]?.read();
  const unit = leaf === undefined ? undefined : readingUnit(leaf);
  const labels = { ...reading?.labels, ...instance.labels };
  const message =
    leaf === undefined || reading === undefined
      ? rule.name
      : describeReading(leaf, namesFew(leaf) ? labels : instance.labels, reading);
  return {
    rule: rule.name,
    origin: "rule",
    severity: rule.severity,
    target: state.name,
    at: reading?.at ?? now,
    decidedAt: now,
    ...(leaf?.kind === "signal" ? { signal: leaf.query.signal.name } : {}),
    seriesLabels: labels,
    ...(leaf !== undefined && isMeasurement(leaf) && { isMeasurement: true }),
    ...(reading?.value === undefined ? {} : { value: reading.value }),
    ...(reading?.level === undefined ? {} : { threshold: reading.level }),
    ...(unit === undefined ? {} : { unit: `${unit.unit}${unit.perSecond ? "/s" : ""}` }),
    message,
    labels: rule.labels,
    annotations: rule.annotations,
    capture: rule.capture,
  };
}

/** Whether a sentence can name all labels of the leaf's series: others have as many as they like. */
function namesFew(leaf: Leaf): boolean {
  return leaf.kind === "signal" && !leaf.query.signal.openLabels;
}

/** Whether the reading's value is one of those that were measured, and not made of several. */
function isMeasurement(leaf: Leaf): boolean {
  if (leaf.kind !== "signal" || leaf.test.kind === "absent") return false;
  return !["rate", "count", "sum", "mean"].includes(leaf.query.aggregate.kind);
}

function evictedOf(state: TargetState): number {
  return state.seriesEvicted + state.evictions.count;
}
