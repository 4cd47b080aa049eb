import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import { findSignal, type SignalDefinition } from "../signals/catalog.ts";
import type { Labels, Observation, ObservationBatch, SignalSource } from "../signals/signal.ts";
import { queriesOf, type CompiledRule } from "./compiled-rule.ts";
import type { Instance } from "./instance.ts";
import { counterDelta, summarize } from "./interval.ts";
import { labelsKey, labelsMatch } from "./match.ts";
import { RuleOnTarget, type Subscription } from "./rule-on-target.ts";

/** Series followed per target; the longest unseen give way. */
export const MAX_SERIES = 5000;

/** A source that was silent for so many of its intervals, and for so long, is taken for silent. */
const SILENT_INTERVALS = 3;
const SILENT_MS = 5000;

interface Series {
  readonly signal: SignalDefinition;
  subscriptions: readonly Subscription[];
  lastSeen: EpochMilliseconds;
  /** A counter's last reading. */
  previous: number | undefined;
}

/** When a source last spoke, on its own clock and on the agent's. */
interface SourceClock {
  at: EpochMilliseconds;
  heard: EpochMilliseconds;
  interval: number;
}

/** Everything the engine knows of one target; goes with it. */
export class TargetState {
  readonly name: string;
  readonly labels: Labels;
  /** First seen, agent's clock. */
  readonly since: EpochMilliseconds;
  /** First seen or restarted, whichever was later. */
  warmSince: EpochMilliseconds;
  readonly rules: readonly RuleOnTarget[];
  readonly #bySource = new Map<SignalSource, RuleOnTarget[]>();
  readonly #bySignal = new Map<string, RuleOnTarget[]>();
  readonly #series = new Map<string, Series>();
  readonly #clocks = new Map<SignalSource, SourceClock>();
  seriesEvicted = 0;

  constructor(name: string, labels: Labels, compiled: readonly CompiledRule[], now: EpochMilliseconds) {
    this.name = name;
    this.labels = labels;
    this.since = now;
    this.warmSince = now;
    this.rules = compiled
      .filter(({ rule }) => labelsMatch(rule.match, labels))
      .map((each) => new RuleOnTarget(each, now));
    for (const rule of this.rules) this.#index(rule, now);
  }

  /** Hands each series' interval to the detectors that look at it. */
  add(batch: ObservationBatch, now: EpochMilliseconds): void {
    const clock = this.#clocks.get(batch.source);
    if (clock !== undefined) Object.assign(clock, { at: batch.at, heard: now, interval: batch.interval });
    for (const observation of batch.observations) {
      if (this.#bySignal.has(observation.signal)) this.#addOne(observation, batch, now);
      if (observation.signal === "target_restarted") this.warmSince = now;
    }
  }

  rulesOf(source: SignalSource): readonly RuleOnTarget[] {
    return this.#bySource.get(source) ?? [];
  }

  /** The sources that are silent, each with the moment it would be there by its own clock. */
  silentSources(now: EpochMilliseconds): readonly (readonly [SignalSource, EpochMilliseconds])[] {
    const silent: [SignalSource, EpochMilliseconds][] = [];
    for (const [source, { at, heard, interval }] of this.#clocks) {
      const silence = now - heard;
      if (silence > Math.max(SILENT_MS, SILENT_INTERVALS * interval))
        silent.push([source, epochMilliseconds(at + silence)]);
    }
    return silent;
  }

  #index(rule: RuleOnTarget, now: EpochMilliseconds): void {
    for (const source of rule.compiled.sources) {
      append(this.#bySource, source, rule);
      this.#clocks.set(source, { at: now, heard: now, interval: 0 });
    }
    const names = rule.compiled.leaves.flatMap((leaf) => queriesOf(leaf).map((query) => query.signal.name));
    for (const name of new Set(names)) append(this.#bySignal, name, rule);
  }

  #addOne(observation: Observation, batch: ObservationBatch, now: EpochMilliseconds): void {
    const key = `${observation.signal}\u0002${labelsKey(observation.labels)}`;
    const series = this.#series.get(key) ?? this.#createSeries(key, observation, now);
    if (series === undefined) return;
    series.lastSeen = now;
    if (series.subscriptions.length === 0) return;
    if (series.subscriptions.some(({ instance }) => instance?.isEvicted)) {
      series.subscriptions = this.#subscribe(series.signal, observation.labels, now);
    }
    const whole = summarize(observation, batch.at, batch.interval);
    const interval = series.signal.kind === "counter" ? counterDelta(whole, series.previous) : whole;
    if (series.signal.kind === "counter")
      series.previous = whole.values[whole.values.length - 1] ?? series.previous;
    for (const { add, instance } of series.subscriptions) {
      if (interval !== undefined) add(interval);
      if (instance !== undefined) touch(instance, now);
    }
  }

  #createSeries(
    key: string,
    { signal: name, labels }: Observation,
    now: EpochMilliseconds,
  ): Series | undefined {
    const signal = findSignal(name);
    if (signal === undefined) return undefined;
    if (this.#series.size >= MAX_SERIES) this.#evictSeries();
    const series: Series = {
      signal,
      subscriptions: this.#subscribe(signal, labels, now),
      lastSeen: now,
      previous: undefined,
    };
    this.#series.set(key, series);
    return series;
  }

  #subscribe(signal: SignalDefinition, labels: Labels, now: EpochMilliseconds): readonly Subscription[] {
    return (this.#bySignal.get(signal.name) ?? []).flatMap((rule) => rule.subscribe(signal, labels, now));
  }

  /** A tenth at once, the longest unseen: a search for each single one would cost as much. */
  #evictSeries(): void {
    const oldest = [...this.#series]
      .sort(([, a], [, b]) => a.lastSeen - b.lastSeen)
      .slice(0, MAX_SERIES / 10);
    for (const [key] of oldest) this.#series.delete(key);
    this.seriesEvicted += oldest.length;
  }
}

function touch(instance: Instance, now: EpochMilliseconds): void {
  instance.lastTouched = now;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
