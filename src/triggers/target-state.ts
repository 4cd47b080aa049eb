import { epochMilliseconds, milliseconds, type EpochMilliseconds, type Milliseconds } from "../base/units.ts";
import { findSignal, type SignalDefinition } from "../signals/catalog.ts";
import type { Labels, Observation, ObservationBatch, SignalSource } from "../signals/signal.ts";
import type { BaselineStore } from "./baseline-store.ts";
import type { CompiledRule } from "./compiled-rule.ts";
import { queriesOf } from "./leaf.ts";
import type { Instance } from "./instance.ts";
import { counterDelta, summarize } from "./interval.ts";
import { labelsKey, labelsMatch } from "./match.ts";
import type { Sink } from "./detector.ts";
import { RuleOnTarget, UNSEEN_MS, type EvictionCount } from "./rule-on-target.ts";

/** Series followed per target; the longest unseen give way. */
export const MAX_SERIES = 5000;

/** A source that was silent for so many of its intervals, and for so long, is taken for silent. */
const SILENT_INTERVALS = 3;
const SILENT_MS = 5000;

/** How often a series looks for its detectors anew where no bound was hit. */
const LOOK_UP_MS = 10 * UNSEEN_MS;

interface Series {
  readonly signal: SignalDefinition;
  sinks: readonly Sink[];
  /** When to look the sinks up again: a label set of it may have given way, or had to wait. */
  lookUpAt: number;
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
  since: EpochMilliseconds;
  /** First seen or restarted, whichever was later. */
  warmSince: EpochMilliseconds;
  readonly rules: readonly RuleOnTarget[];
  readonly #bySource = new Map<SignalSource, RuleOnTarget[]>();
  readonly #bySignal = new Map<string, RuleOnTarget[]>();
  readonly #series = new Map<string, Series>();
  /** The agent's clock when it was last looked at. */
  #now: EpochMilliseconds;
  /** The counters' last readings before a reload. */
  readonly #previous: ReadonlyMap<string, number>;
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
    previous?: TargetState,
  ) {
    this.name = name;
    this.labels = labels;
    this.since = previous?.since ?? now;
    this.warmSince = previous?.warmSince ?? now;
    this.#now = now;
    this.#previous = previous?.counterReadings() ?? new Map<string, number>();
    const context = { target: name, targetLabels: labels, baselines };
    this.rules = compiled
      .filter(({ rule }) => labelsMatch(rule.match, labels))
      .map((each) => previous?.take(each) ?? new RuleOnTarget(each, context, this.evictions, now));
    for (const rule of this.rules) this.#index(rule, now);
    if (previous === undefined) return;
    for (const [source, clock] of previous.#clocks) {
      if (this.#clocks.has(source)) this.#clocks.set(source, clock);
    }
  }

  /** Hands each series' interval to the detectors that look at it. */
  add(batch: ObservationBatch, now: EpochMilliseconds): void {
    this.#followClock(now);
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

  /** The rule's state from before a reload, when the rule says the same as before. */
  take({ fingerprint }: CompiledRule): RuleOnTarget | undefined {
    return this.rules.find((rule) => rule.compiled.fingerprint === fingerprint);
  }

  /** By series. */
  counterReadings(): ReadonlyMap<string, number> {
    const readings = new Map<string, number>();
    for (const [key, { previous }] of this.#series) if (previous !== undefined) readings.set(key, previous);
    return readings;
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

  /** How long ago each source was heard that a rule looks at; at first, since the target is known. */
  heardAgo(now: EpochMilliseconds): readonly (readonly [SignalSource, Milliseconds])[] {
    return [...this.#clocks].map(([source, { heard }]) => [source, milliseconds(Math.max(0, now - heard))]);
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
    if (now >= series.lookUpAt || series.lookUpAt - now > LOOK_UP_MS) {
      series.lookUpAt = this.#nextLookUp(now);
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

  /** Only where a bound was hit do label sets come and go. */
  #nextLookUp(now: EpochMilliseconds): number {
    return now + (this.evictions.count === 0 ? LOOK_UP_MS : UNSEEN_MS);
  }

  /** The wall clock was set back: what began before goes on, and is as old as it was. */
  #followClock(now: EpochMilliseconds): void {
    const back = this.#now - now;
    this.#now = now;
    if (back <= 0) return;
    this.since = epochMilliseconds(this.since - back);
    this.warmSince = epochMilliseconds(this.warmSince - back);
    for (const rule of this.rules) rule.history.followClock(now);
  }

  #createSeries(
    key: string,
    { signal: name, labels }: Observation,
    now: EpochMilliseconds,
  ): Series | undefined {
    const signal = findSignal(name);
    if (signal === undefined) return undefined;
    if (this.#series.size >= MAX_SERIES) this.#evictSeries();
    const sinks = this.#subscribe(signal, labels, now);
    const series: Series = {
      signal,
      sinks,
      lookUpAt: this.#nextLookUp(now),
      lastSeen: now,
      previous: this.#previous.get(key),
    };
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

/** When the target is warm for the rule. A crash or an alert is no start-up noise. */
export function warmUpEnd(state: TargetState, instance: Instance): EpochMilliseconds {
  const sources = instance.compiled.leafSources[instance.leadingLeaf];
  const isExempt = sources !== undefined && (sources.has("target") || sources.has("external"));
  return isExempt ? state.since : epochMilliseconds(state.warmSince + instance.rule.limits.warmUp);
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
