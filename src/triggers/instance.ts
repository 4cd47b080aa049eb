import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { Labels, SignalSource } from "../signals/signal.ts";
import { evaluate, supporters } from "./condition.ts";
import type { Detector, Truth, Wake } from "./detector.ts";
import { EvaluationLog } from "./evaluation-log.ts";
import type { Refusal } from "./limits.ts";
import type { CompiledRule } from "./compiled-rule.ts";
import type { Rule } from "./rule.ts";

/**
 * - `inactive`: the condition does not hold.
 * - `pending`: it holds, but not yet for as long as `for` asks.
 * - `firing`: it held long enough, and has not been false for longer than `keep_firing_for` since.
 */
export type Phase =
  | { readonly kind: "inactive" }
  | { readonly kind: "pending"; readonly since: EpochMilliseconds }
  | { readonly kind: "firing"; readonly since: EpochMilliseconds; readonly lastTrue: EpochMilliseconds };

const INACTIVE: Phase = { kind: "inactive" };

/** One rule watching one target and one label set. */
export class Instance implements Wake {
  readonly compiled: CompiledRule;
  readonly labels: Labels;
  /** One a leaf of the rule's condition; those of leaves that do not tell the label sets apart are shared. */
  readonly detectors: readonly Detector[];
  readonly log = new EvaluationLog();

  /** Whether it has to be judged; asleep, it stays as it is until something comes. */
  isAwake = true;
  phase: Phase = INACTIVE;
  truth: Truth = "unknown";
  readonly #truths: Truth[];
  #wasDelivered = false;

  /** When it came to be, and when it last fired, by the agent's clock. */
  readonly since: EpochMilliseconds;
  lastFired: EpochMilliseconds | undefined;
  lastRefusal: Refusal | undefined;
  firings = 0;
  suppressed = 0;

  constructor(
    compiled: CompiledRule,
    labels: Labels,
    detectors: (wake: Wake) => readonly Detector[],
    now: EpochMilliseconds,
  ) {
    this.compiled = compiled;
    this.labels = labels;
    this.since = now;
    this.detectors = detectors(this);
    this.#truths = this.detectors.map(() => "unknown");
  }

  get rule(): Rule {
    return this.compiled.rule;
  }

  /** Judges the interval of `source` that ended at `at`. @returns whether it is to fire, if no limit is against it. */
  step(at: EpochMilliseconds, covered: number, source: SignalSource): boolean {
    const { detectors, compiled } = this;
    for (let i = 0; i < detectors.length; i++) {
      const isFed = compiled.isOfOneSource || (compiled.leafSources[i]?.has(source) ?? false);
      if (isFed) this.#truths[i] = detectors[i]?.judge(at, covered, source) ?? "unknown";
    }
    this.truth = this.#decide();
    if (this.truth === "true" || this.phase.kind !== "inactive") this.#advance(at);
    this.log.push(at, this.truth);
    this.isAwake =
      compiled.neverSleeps ||
      this.phase.kind !== "inactive" ||
      !detectors.every((detector) => detector.isIdle);
    return this.phase.kind === "firing" && this.truth === "true" && this.#hasNewEvidence();
  }

  /** Asleep, it was not judged for a while: what it says of itself is made true. */
  refresh(): void {
    const [source] = this.compiled.sources;
    if (this.isAwake || !this.compiled.isOfOneSource || source === undefined) return;
    const at = epochMilliseconds(this.lastAt);
    for (const [i, detector] of this.detectors.entries())
      this.#truths[i] = detector.judge(at, Infinity, source);
    this.truth = this.#decide();
  }

  /** Of each leaf, as last judged. */
  get truths(): readonly Truth[] {
    return this.#truths;
  }

  /** The leaf that a firing is explained by: the first that makes the condition true, else the first of all. */
  get leadingLeaf(): number {
    return (this.truth === "true" ? supporters(this.rule.when, this.#truths)[0] : undefined) ?? 0;
  }

  /**
   * What was seen is used up, by a firing or by the limit that held it back: a slow request during the cooldown is no
   * reason to capture when the cooldown ends, since by then the ring has lost it. What still holds gives new evidence.
   */
  consume(delivered: boolean): void {
    if (delivered) this.#wasDelivered = true;
    for (const detector of this.detectors) detector.consume(delivered);
  }

  /** The end of the newest interval its series had. */
  get lastAt(): number {
    return Math.max(...this.detectors.map((detector) => detector.lastAt ?? this.since));
  }

  #decide(): Truth {
    const { when } = this.compiled.rule;
    if (when.kind === "signal") return this.#truths[0] ?? "unknown";
    let index = 0;
    return evaluate(when, () => this.#truths[index++] ?? "unknown");
  }

  #advance(at: EpochMilliseconds): void {
    const holds = this.truth === "true";
    switch (this.phase.kind) {
      case "inactive":
        if (holds) this.phase = this.rule.for === 0 ? this.#begin(at) : { kind: "pending", since: at };
        return;
      case "pending":
        if (!holds) this.phase = INACTIVE;
        else if (at - this.phase.since >= this.rule.for) this.phase = this.#begin(at);
        return;
      case "firing":
        if (holds) this.phase = { ...this.phase, lastTrue: at };
        else if (at - this.phase.lastTrue >= this.rule.keepFiringFor) this.phase = INACTIVE;
    }
  }

  #begin(at: EpochMilliseconds): Phase {
    this.#wasDelivered = false;
    return { kind: "firing", since: at, lastTrue: at };
  }

  /** Something that is not used up; and, unless the rule repeats, only once an episode. */
  #hasNewEvidence(): boolean {
    if (this.#wasDelivered && !this.rule.repeat) return false;
    return supporters(this.rule.when, this.#truths).some((leaf) => this.detectors[leaf]?.isFresh() ?? false);
  }
}

/** The moment a cooldown that began at `since` ends. A clock that was set back does not make it longer. */
export function cooldownEnd(instance: Instance, now: EpochMilliseconds): EpochMilliseconds | undefined {
  if (instance.lastFired === undefined) return undefined;
  if (instance.lastFired > now) instance.lastFired = now;
  return epochMilliseconds(instance.lastFired + instance.rule.limits.cooldown);
}
