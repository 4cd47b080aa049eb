import type { EpochMilliseconds } from "../base/units.ts";
import type { SignalDefinition } from "../signals/catalog.ts";
import type { Labels } from "../signals/signal.ts";
import { tellsApart, type CompiledRule } from "./compiled-rule.ts";
import { queriesOf } from "./leaf.ts";
import { createDetector } from "./condition.ts";
import type { Detector, DetectorContext, Sink, Wake } from "./detector.ts";
import { BUCKET_LABEL, isHistogramQuery } from "./histogram-window.ts";
import { Instance } from "./instance.ts";
import { FiringHistory } from "./limits.ts";
import { labelsKey, labelsMatch, projectLabels } from "./match.ts";

/** Of the target, what its detectors are told. */
export type TargetContext = Pick<DetectorContext, "target" | "targetLabels" | "baselines">;

/** A label set that was not seen for so long may give way to another. */
export const UNSEEN_MS = 60_000;

/** How many label sets of a target gave way at a bound. */
export interface EvictionCount {
  count: number;
}

/** One rule on one target: an instance for each label set, of bounded number. */
export class RuleOnTarget {
  readonly compiled: CompiledRule;
  readonly history = new FiringHistory();
  /** In the order they came. */
  readonly instances: Instance[] = [];
  readonly #byKey = new Map<string, Instance>();
  /** Detectors of leaves whose signal has none of the labels that tell the instances apart. */
  readonly #shared: readonly (Detector | undefined)[];
  readonly #evictions: EvictionCount;

  readonly #context: TargetContext;

  constructor(
    compiled: CompiledRule,
    context: TargetContext,
    evictions: EvictionCount,
    now: EpochMilliseconds,
  ) {
    this.compiled = compiled;
    this.#context = context;
    this.#evictions = evictions;
    this.#shared = compiled.leaves.map((leaf) =>
      tellsApart(leaf, compiled.by)
        ? undefined
        : createDetector(leaf, { ...context, labels: {}, wake: { isAwake: true } }),
    );
    // What may come true without anything being seen has to be there from the start.
    const isPerTarget = compiled.by !== "all" && compiled.by.length === 0;
    if (compiled.fallsTrue && isPerTarget) this.#create("", {}, now);
  }

  /** Where a series' intervals go, with a new instance for a label set not seen before. */
  subscribe(signal: SignalDefinition, labels: Labels, now: EpochMilliseconds): readonly Sink[] {
    const { leaves, by } = this.compiled;
    return leaves.flatMap((leaf, i) => {
      const isAsked = queriesOf(leaf).some(
        (query) => query.signal.name === signal.name && labelsMatch(query.labels, labels),
      );
      if (!isAsked) return [];
      const telling = queriesOf(leaf).some(isHistogramQuery) ? withoutBound(labels) : labels;
      const detector = this.#shared[i] ?? this.#instanceFor(projectLabels(telling, by), now)?.detectors[i];
      return detector?.sinksFor(signal, labels) ?? [];
    });
  }

  #instanceFor(labels: Labels, now: EpochMilliseconds): Instance | undefined {
    const key = labelsKey(labels);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.instances.length >= this.compiled.rule.limits.maxLabelSets && !this.#evictOne(now))
      return undefined;
    return this.#create(key, labels, now);
  }

  #create(key: string, labels: Labels, now: EpochMilliseconds): Instance {
    const detectors = (wake: Wake): readonly Detector[] =>
      this.compiled.leaves.map(
        (leaf, i) => this.#shared[i] ?? createDetector(leaf, { ...this.#context, labels, wake }),
      );
    const instance = new Instance(this.compiled, labels, detectors, now);
    this.#byKey.set(key, instance);
    this.instances.push(instance);
    return instance;
  }

  /**
   * The label set that was not seen for the longest gives way; when all of them are still seen, the new one has to
   * wait: were they to take turns, none would ever have a full window. Counted either way.
   */
  #evictOne(now: EpochMilliseconds): boolean {
    this.#evictions.count++;
    let victim = -1;
    let oldest: number = now - UNSEEN_MS;
    for (const [i, { lastAt }] of this.instances.entries()) {
      if (lastAt >= oldest) continue;
      oldest = lastAt;
      victim = i;
    }
    if (victim < 0) return false;
    const [gone] = this.instances.splice(victim, 1);
    if (gone !== undefined) this.#byKey.delete(labelsKey(gone.labels));
    return true;
  }
}

/** A histogram's buckets belong together. */
function withoutBound(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name !== BUCKET_LABEL));
}
