/**
 * The targets' own signals as Prometheus series: distributions as histograms, gauges as gauges.
 *
 * A busy service ends 100,000 tasks a second; prom-client hashes the labels of each single value. So values are summed
 * here, a series' labels being looked up once a generation, and prom-client is given the sums when it is scraped.
 */

import type { Registry } from "prom-client";
import { SIGNALS, type SignalDefinition } from "../signals/catalog.ts";
import type { Labels, Observation, ObservationBatch } from "../signals/signal.ts";
import type { AgentEvent } from "../events.ts";
import type { Exemplar, Sample } from "./exposition.ts";

/** Seconds; wide enough for scheduler latencies and for batch jobs. */
const SECONDS_BUCKETS = [
  1e-5, 5e-5, 1e-4, 5e-4, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
];

/** A target's signal with more label sets than this gets no further series: they are counted as dropped. */
const MAX_SERIES_PER_SIGNAL_AND_TARGET = 200;
const MAX_LABEL_VALUE = 128;

type Measurement = Extract<AgentEvent, { kind: "capture.completed" }>["measured"][number];

interface Series {
  readonly labels: Labels;
  readonly buckets: Float64Array;
  count: number;
  sum: number;
  /** Gauges only. */
  value: number;
  /** By bucket, the last one; absent: none yet. */
  exemplars?: (Exemplar | undefined)[];
}

/** Target signals of one name. Speaks prom-client's protocol of a metric: `get` is called at each scrape. */
class SignalMetric {
  readonly name: string;
  readonly help: string;
  readonly type: "histogram" | "gauge";
  readonly aggregator = "sum";
  readonly labelNames: readonly string[];
  readonly #byTarget = new Map<string, Map<string, Series>>();

  constructor(definition: SignalDefinition) {
    this.name = `gorewind_${definition.name}`;
    this.help = definition.description;
    this.type = definition.kind === "distribution" ? "histogram" : "gauge";
    this.labelNames = ["target", ...definition.labels];
  }

  /** Returns false when the series would be one too many. */
  add(batch: ObservationBatch, observation: Observation): boolean {
    const series = this.#series(batch, observation.labels);
    if (series === undefined) return false;
    if (this.type === "gauge") {
      series.value = observation.values.at(-1) ?? series.value;
      return true;
    }
    // A bound may have thinned the values out: each one kept stands for as many.
    const { values, total = values.length } = observation;
    const weight = values.length === 0 ? 0 : total / values.length;
    for (const value of values) {
      const bucket = bucketOf(value);
      series.buckets[bucket] = (series.buckets[bucket] ?? 0) + weight;
      series.sum += value * weight;
    }
    series.count += total;
    return true;
  }

  /** Of a value that was counted in one of its series; of any other series there is nothing to show. */
  setExemplar(target: string, labels: Labels, exemplar: Exemplar): void {
    const series = this.#byTarget.get(target)?.get(seriesKey(labels));
    if (series === undefined || this.type === "gauge") return;
    (series.exemplars ??= [])[bucketOf(exemplar.value)] = exemplar;
  }

  remove(target: string): void {
    this.#byTarget.delete(target);
  }

  /** prom-client asks this at each scrape. */
  get(): { name: string; help: string; type: string; aggregator: string; values: Sample[] } {
    const values: Sample[] = [];
    for (const byLabels of this.#byTarget.values()) {
      for (const series of byLabels.values()) this.#samples(series, values);
    }
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values };
  }

  /** prom-client asks this when a registry is reset. */
  reset(): void {
    this.#byTarget.clear();
  }

  #series(batch: ObservationBatch, labels: Labels): Series | undefined {
    let byLabels = this.#byTarget.get(batch.target);
    if (byLabels === undefined) this.#byTarget.set(batch.target, (byLabels = new Map()));
    const key = seriesKey(labels);
    const known = byLabels.get(key);
    if (known !== undefined) return known;
    if (byLabels.size >= MAX_SERIES_PER_SIGNAL_AND_TARGET) return undefined;
    const series: Series = {
      labels: bounded({ target: batch.target, ...labels }),
      buckets: new Float64Array(this.type === "histogram" ? SECONDS_BUCKETS.length + 1 : 0),
      count: 0,
      sum: 0,
      value: 0,
    };
    byLabels.set(key, series);
    return series;
  }

  #samples(series: Series, values: Sample[]): void {
    const { labels } = series;
    if (this.type === "gauge") {
      values.push({ labels, value: series.value });
      return;
    }
    let cumulative = 0;
    const metricName = `${this.name}_bucket`;
    const last = SECONDS_BUCKETS.length;
    for (let i = 0; i <= last; i++) {
      cumulative += series.buckets[i] ?? 0;
      const exemplar = series.exemplars?.[i];
      values.push({
        metricName,
        labels: { le: i === last ? "+Inf" : (SECONDS_BUCKETS[i] ?? 0), ...labels },
        // What stands for several is a share of a count: counts are whole.
        value: i === last ? series.count : Math.round(cumulative),
        ...(exemplar !== undefined && { exemplar }),
      });
    }
    values.push({ metricName: `${this.name}_sum`, labels, value: series.sum });
    values.push({ metricName: `${this.name}_count`, labels, value: series.count });
  }
}

/** The index of the first bound that is not below the value; one past the last for the rest. */
function bucketOf(value: number): number {
  let bucket = 0;
  while (bucket < SECONDS_BUCKETS.length && value > (SECONDS_BUCKETS[bucket] ?? Infinity)) bucket++;
  return bucket;
}

const seriesKey = (labels: Labels): string => JSON.stringify(labels);

function bounded(labels: Labels): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, value.slice(0, MAX_LABEL_VALUE)]),
  );
}

/** Signals read out of traces and profiles. What came from the service's own metrics is not exposed a second time. */
export class SignalMetrics {
  readonly #metrics = new Map<string, SignalMetric>();
  readonly #onDropped: (target: string) => void;

  /** @param onDropped called for each observation that would have made one series too many. */
  constructor(registry: Registry, onDropped: (target: string) => void) {
    this.#onDropped = onDropped;
    for (const definition of SIGNALS) {
      const exposed = definition.source === "trace" || definition.source === "profile";
      // Only seconds are distributed here: the buckets are for them.
      const histogram = definition.kind === "distribution" && definition.unit === "seconds";
      if (!exposed || !(histogram || definition.kind === "gauge")) continue;
      const metric = new SignalMetric(definition);
      this.#metrics.set(definition.name, metric);
      // Its types know only prom-client's own classes; a registry asks a metric for no more than `name` and `get`.
      registry.registerMetric(metric as never);
    }
  }

  observe(batch: ObservationBatch): void {
    for (const observation of batch.observations) {
      const metric = this.#metrics.get(observation.signal);
      if (metric !== undefined && !metric.add(batch, observation)) this.#onDropped(batch.target);
    }
  }

  /** A capture shows more of these values. */
  captured(target: string, id: string, measured: readonly Measurement[]): void {
    for (const { signal, labels, value, at } of measured) {
      const exemplar = { labels: { capture_id: id }, value, timestamp: at / 1000 };
      this.#metrics.get(signal)?.setExemplar(target, labels, exemplar);
    }
  }

  remove(target: string): void {
    for (const metric of this.#metrics.values()) metric.remove(target);
  }
}
