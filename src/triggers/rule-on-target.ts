import type { EpochMilliseconds } from "../base/units.ts";
import type { SignalDefinition } from "../signals/catalog.ts";
import type { Labels } from "../signals/signal.ts";
import { queriesOf, tellsApart, type CompiledRule } from "./compiled-rule.ts";
import { createDetector } from "./condition.ts";
import type { Detector, DetectorContext, Sink, Wake } from "./detector.ts";
import { Instance } from "./instance.ts";
import { FiringHistory } from "./limits.ts";
import { labelsKey, labelsMatch, projectLabels } from "./match.ts";

/** Of the target, what its detectors are told. */
export type TargetContext = Pick<DetectorContext, "target" | "targetLabels" | "baselines">;

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
      const detector = this.#shared[i] ?? this.#instanceFor(projectLabels(labels, by), now).detectors[i];
      return detector?.sinksFor(signal, labels) ?? [];
    });
  }

  #instanceFor(labels: Labels, now: EpochMilliseconds): Instance {
    const key = labelsKey(labels);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.instances.length >= this.compiled.rule.limits.maxLabelSets) this.#evictOne();
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

  /** The one whose series was not seen for the longest; one that is firing only when all are. */
  #evictOne(): void {
    let victim = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const [i, instance] of this.instances.entries()) {
      const rank = instance.lastAt + (instance.phase.kind === "firing" ? Number.MAX_SAFE_INTEGER / 2 : 0);
      if (rank >= oldest) continue;
      oldest = rank;
      victim = i;
    }
    const [gone] = this.instances.splice(victim, 1);
    if (gone !== undefined) this.#byKey.delete(labelsKey(gone.labels));
    this.#evictions.count++;
  }
}
