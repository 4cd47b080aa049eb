/**
 * A service's own metrics, scrape by scrape: every series as `metric:NAME`, and what needs two scrapes beside it.
 *
 * | signal | what |
 * |---|---|
 * | `metric:NAME` | the value of a series, with its labels. Rules take rates of counters themselves |
 * | `metric:NAME:rate` | per second, of a counter by `# TYPE` whose name does not say that it is one |
 * | `metric:NAME:p99` | of a histogram NAME, from what its buckets gained since the last scrape (also p50, p90, p95, p99.9) |
 * | `metric:NAME:mean` | of a histogram or summary, from what sum and count gained |
 *
 * A counter that fell was restarted: it gained what it has. Series that are gone are forgotten.
 */

import { METRIC_PREFIX } from "./catalog.ts";
import type { MetricSample, MetricType } from "./exposition.ts";
import { HistogramDeltas, seriesKey } from "./histogram-deltas.ts";
import type { Labels, Observation } from "./signal.ts";

export interface MetricSignalOptions {
  /** Series of one scrape that become observations, in the order of the exposition. Beyond: dropped, counted. */
  readonly series?: number;
  /** Whether a rule looks at this signal (`metric:…`); by default all are given. */
  readonly wants?: (signal: string) => boolean;
}

export interface Scrape {
  readonly samples: readonly MetricSample[];
  readonly types: ReadonlyMap<string, MetricType>;
  /** Epoch milliseconds. */
  readonly at: number;
}

const DEFAULT_SERIES = 5000;
/** A name that says of itself that its value only rises, as `findSignal` takes it. */
const COUNTER_NAME = /_(?:total|bucket|count|sum)$/;

export class MetricSignals {
  readonly #limit: number;
  readonly #wants: (signal: string) => boolean;
  readonly #histograms: HistogramDeltas;
  /** Last readings of counters, by series. */
  #previous = new Map<string, number>();
  #previousAt: number | undefined;
  /** Series beyond the bound, since the beginning. */
  dropped = 0;

  constructor(options: MetricSignalOptions = {}) {
    this.#limit = options.series ?? DEFAULT_SERIES;
    this.#wants = options.wants ?? (() => true);
    this.#histograms = new HistogramDeltas(this.#limit);
  }

  /** The observations of a scrape. */
  observe(scrape: Scrape): readonly Observation[] {
    const into: Observation[] = [];
    const { at, types } = scrape;
    const elapsed = this.#previousAt === undefined ? 0 : (at - this.#previousAt) / 1000;
    const readings = new Map<string, number>();
    this.#histograms.begin();
    for (const { name, labels, value } of scrape.samples) {
      this.#emit(into, name, labels, value);
      if (
        types.get(name) === "counter" &&
        !COUNTER_NAME.test(name) &&
        this.#wants(`${METRIC_PREFIX}${name}:rate`)
      ) {
        const key = seriesKey(name, labels);
        const before = this.#previous.get(key);
        if (readings.size < this.#limit) readings.set(key, value);
        if (before !== undefined && elapsed > 0) {
          this.#emit(into, `${name}:rate`, labels, gain(value, before) / elapsed);
        }
      }
      this.#addToHistogram(name, labels, value, types);
    }
    for (const { name, labels, value } of this.#histograms.end()) this.#emit(into, name, labels, value);
    this.dropped += this.#histograms.takeDropped();
    this.#previous = readings;
    this.#previousAt = at;
    return into;
  }

  /** The service restarted, or was not read for long: nothing is compared with what was. */
  reset(): void {
    this.#previous.clear();
    this.#previousAt = undefined;
    this.#histograms.reset();
  }

  #addToHistogram(name: string, labels: Labels, value: number, types: ReadonlyMap<string, MetricType>): void {
    const part = /^(.+)_(bucket|sum|count)$/.exec(name);
    const [, family = "", suffix = ""] = part ?? [];
    const type = types.get(family);
    if (family === "" || (type !== "histogram" && type !== "summary")) return;
    if (!this.#histograms.statistics.some((each) => this.#wants(`${METRIC_PREFIX}${family}:${each}`))) return;
    if (suffix === "bucket") {
      const { le, ...rest } = labels;
      if (le !== undefined) this.#histograms.addBucket(family, rest, boundOf(le), value);
    } else if (suffix === "sum") this.#histograms.addSum(family, labels, value);
    else this.#histograms.addCount(family, labels, value);
  }

  #emit(into: Observation[], name: string, labels: Labels, value: number): void {
    const signal = METRIC_PREFIX + name;
    // "No value" is what NaN says, as in a summary without observations.
    if (Number.isNaN(value) || !this.#wants(signal)) return;
    if (into.length >= this.#limit) this.dropped++;
    else into.push({ signal, labels, values: [value] });
  }
}

/** How far a counter rose. A fall is a restart, from zero. */
function gain(value: number, before: number): number {
  return value >= before ? value - before : value;
}

function boundOf(le: string): number {
  return /^\+?inf$/i.test(le) ? Number.POSITIVE_INFINITY : Number(le);
}
