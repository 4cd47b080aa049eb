import type { Rename } from "../base/privacy.ts";
import { protectLabels } from "../capture/privacy.ts";
import type { Labels, Observation, ObservationBatch } from "../signals/signal.ts";
import type { MetricRow } from "../store/metrics/row.ts";
import type { MetricsWriter } from "../store/metrics/writer.ts";
import type { Watched } from "./captures.ts";

/** Of one generation; those with the most values are taken. */
const MAX_SERIES = 200;

export interface MetricSource {
  readonly job: string;
  /** Of a series, as they may be written. */
  readonly sayable: (labels: Labels) => Labels;
  readonly wants: (signal: string) => boolean;
}

/** Hands what a trace generation's series were to the writer of metrics, where there is one. */
export function keepMetrics(
  batch: ObservationBatch,
  { target, privacy }: Watched,
  metrics: MetricsWriter | undefined,
  rename: Rename,
): void {
  if (metrics === undefined || batch.source !== "trace") return;
  const sayable = (labels: Labels): Labels => protectLabels(labels, privacy, rename);
  metrics.add(metricRows(batch, { job: target.job, sayable, wants: (signal) => metrics.wants(signal) }));
}

/** What a batch's series were, as rows. */
export function metricRows(batch: ObservationBatch, { job, sayable, wants }: MetricSource): MetricRow[] {
  const wanted = batch.observations.filter(({ signal, values }) => values.length > 0 && wants(signal));
  if (wanted.length > MAX_SERIES) wanted.sort((a, b) => b.values.length - a.values.length);
  const of = {
    time: batch.at,
    interval: batch.interval / 1000,
    service: batch.targetLabels["service"] ?? job,
    job,
    target: batch.target,
    target_labels: JSON.stringify(batch.targetLabels),
  };
  return wanted.slice(0, MAX_SERIES).map((observation) => ({
    ...of,
    signal: observation.signal,
    labels: JSON.stringify(sayable(observation.labels)),
    ...spread(observation),
  }));
}

function spread({
  values,
  total,
}: Observation): Pick<MetricRow, "count" | "sum" | "min" | "p50" | "p99" | "max"> {
  const sorted = Float64Array.from(values).sort();
  const last = sorted.length - 1;
  // The nearest rank: a value that was seen.
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
  const sum = sorted.reduce((all, value) => all + value, 0);
  const max = sorted[last] ?? NaN;
  return { count: total ?? sorted.length, sum, min: sorted[0] ?? NaN, p50: at(0.5), p99: at(0.99), max };
}
