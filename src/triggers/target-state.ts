import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import { findSignal, type SignalDefinition } from "../signals/catalog.ts";
import type { Labels, Observation, ObservationBatch, SignalSource } from "../signals/signal.ts";
import type { BaselineStore } from "./baseline-store.ts";
import { queriesOf, type CompiledRule } from "./compiled-rule.ts";
import { counterDelta, summarize } from "./interval.ts";
import { labelsKey, labelsMatch } from "./match.ts";
import type { Sink } from "./detector.ts";
import { RuleOnTarget, type EvictionCount } from "./rule-on-target.ts";

/** Series followed per target; the longest unseen give way. */
export const MAX_SERIES = 5000;

/** A source that was silent for so many of its intervals, and for so long, is taken for silent. */
const SILENT_INTERVALS = 3;
const SILENT_MS = 5000;

interface Series {
  readonly signal: SignalDefinition;
  sinks: readonly Sink[];
  /** How many label sets had been evicted when the sinks were looked up: later ones may be among them. */
  version: number;
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
  readonly evictions: EvictionCount = { count: 0 };
  /** Series that gave way at a bound. */
  seriesEvicted = 0;

  constructor(
    name: string,
    labels: Labels,
    compiled: readonly CompiledRule[],
    baselines: BaselineStore,
    now: EpochMilliseconds,
  ) {
    this.name = name;
    this.labels = labels;
    this.since = now;
    this.warmSince = now;
    const context = { target: name, targetLabels: labels, baselines };
    this.rules = compiled
      .filter(({ rule }) => labelsMatch(rule.match, labels))
      .map((each) => new RuleOnTarget(each, context, this.evictions, now));
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
    if (series.version !== this.evictions.count) {
      series.version = this.evictions.count;
      series.sinks = this.#subscribe(series.signal, observation.labels, now);
    }
    if (series.sinks.length === 0) return;
    const whole = summarize(observation, batch.at, batch.interval);
    const interval = series.signal.kind === "counter" ? counterDelta(whole, series.previous) : whole;
    if (series.signal.kind === "counter")
      series.previous = whole.values[whole.values.length - 1] ?? series.previous;
    if (interval === undefined) return;
    for (const sink of series.sinks) sink.add(interval);
  }

  #createSeries(
    key: string,
    { signal: name, labels }: Observation,
    now: EpochMilliseconds,
  ): Series | undefined {
    const signal = findSignal(name);
    if (signal === undefined) return undefined;
    if (this.#series.size >= MAX_SERIES) this.#evictSeries();
    const version = this.evictions.count;
    const sinks = this.#subscribe(signal, labels, now);
    const series: Series = { signal, sinks, version, lastSeen: now, previous: undefined };
    this.#series.set(key, series);
    return series;
  }

  #subscribe(signal: SignalDefinition, labels: Labels, now: EpochMilliseconds): readonly Sink[] {
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

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
