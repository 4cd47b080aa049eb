import type { EpochMilliseconds } from "../base/units.ts";
import type { SignalDefinition } from "../signals/catalog.ts";
import type { Labels } from "../signals/signal.ts";
import { queriesOf, tellsApart, type CompiledRule } from "./compiled-rule.ts";
import { createDetector } from "./condition.ts";
import type { Detector } from "./detector.ts";
import { Instance } from "./instance.ts";
import type { Interval } from "./interval.ts";
import { FiringHistory } from "./limits.ts";
import { labelsKey, labelsMatch, projectLabels } from "./match.ts";

/** Where a series' intervals go. */
export interface Subscription {
  readonly detector: Detector;
  readonly add: (interval: Interval) => void;
  /** Whom to mark as touched; none for a detector that all label sets share. */
  readonly instance: Instance | undefined;
}

/** One rule on one target: an instance for each label set, of bounded number. */
export class RuleOnTarget {
  readonly compiled: CompiledRule;
  readonly history = new FiringHistory();
  readonly instances = new Map<string, Instance>();
  /** Detectors of leaves whose signal has none of the labels that tell the instances apart. */
  readonly #shared: readonly (Detector | undefined)[];
  /** Label sets that gave way to others. */
  evicted = 0;

  constructor(compiled: CompiledRule, now: EpochMilliseconds) {
    this.compiled = compiled;
    this.#shared = compiled.leaves.map((leaf) =>
      tellsApart(leaf, compiled.by) ? undefined : createDetector(leaf),
    );
    // What may come true without anything being seen has to be there from the start.
    const isPerTarget = compiled.by !== "all" && compiled.by.length === 0;
    if (compiled.fallsTrue && isPerTarget) this.#create("", {}, now);
  }

  /** Which of the rule's detectors take a series, with new instances for a label set not seen before. */
  subscribe(signal: SignalDefinition, labels: Labels, now: EpochMilliseconds): readonly Subscription[] {
    const { leaves, by } = this.compiled;
    return leaves.flatMap((leaf, i) => {
      const isAsked = queriesOf(leaf).some(
        (query) => query.signal.name === signal.name && labelsMatch(query.labels, labels),
      );
      if (!isAsked) return [];
      const shared = this.#shared[i];
      const instance = shared === undefined ? this.#instanceFor(projectLabels(labels, by), now) : undefined;
      const detector = shared ?? instance?.detectors[i];
      if (detector === undefined) return [];
      const add = detector.accept?.(signal, labels) ?? ((interval: Interval): void => detector.add(interval));
      return [{ detector, add, instance }];
    });
  }

  #instanceFor(labels: Labels, now: EpochMilliseconds): Instance {
    const key = labelsKey(labels);
    const known = this.instances.get(key);
    if (known !== undefined) return known;
    if (this.instances.size >= this.compiled.rule.limits.maxLabelSets) this.#evictOne();
    return this.#create(key, labels, now);
  }

  #create(key: string, labels: Labels, now: EpochMilliseconds): Instance {
    const { leaves } = this.compiled;
    const detectors = leaves.map((leaf, i) => this.#shared[i] ?? createDetector(leaf));
    const instance = new Instance(this.compiled, labels, detectors, now);
    this.instances.set(key, instance);
    return instance;
  }

  /** The one whose series was not seen for the longest; one that is firing only when all are. */
  #evictOne(): void {
    let victim: string | undefined;
    let oldest = Number.POSITIVE_INFINITY;
    for (const [key, instance] of this.instances) {
      const rank =
        instance.lastTouched + (instance.phase.kind === "firing" ? Number.MAX_SAFE_INTEGER / 2 : 0);
      if (rank >= oldest) continue;
      oldest = rank;
      victim = key;
    }
    const instance = victim === undefined ? undefined : this.instances.get(victim);
    if (victim === undefined || instance === undefined) return;
    instance.isEvicted = true;
    this.instances.delete(victim);
    this.evicted++;
  }
}
