import fc from "fast-check";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { findSignal } from "../../src/signals/catalog.ts";
import { parseExposition } from "../../src/signals/exposition.ts";
import { expvarObservations } from "../../src/signals/expvar.ts";
import { bucketQuantile } from "../../src/signals/histogram-deltas.ts";
import { MetricSignals } from "../../src/signals/metric-signals.ts";
import type { MetricSignalOptions } from "../../src/signals/metric-signals.ts";
import { Observed } from "./support.ts";

/** A service's scrapes, one after another, some seconds apart. */
class Scraper {
  readonly signals: MetricSignals;
  #at = 1_000_000;

  constructor(options: MetricSignalOptions = {}) {
    this.signals = new MetricSignals(options);
  }

  scrape(text: string, afterSeconds = 10): Observed {
    this.#at += afterSeconds * 1000;
    const { samples, types, badLines } = parseExposition(text);
    expect(badLines).toEqual([]);
    return new Observed(this.signals.observe({ samples, types, at: this.#at }));
  }
}

describe("the metrics of a service", () => {
  it("are series by their names and labels, each a signal a rule may name", async () => {
    const registry = new Registry();
    const requests = new Counter({
      name: "http_requests_total",
      help: "h",
      labelNames: ["code"],
      registers: [registry],
    });
    const queue = new Gauge({
      name: "queue_length",
      help: 'with "quotes"\nand lines',
      registers: [registry],
    });
    requests.inc({ code: 'a"b\\c\nd' }, 7);
    queue.set(3);
    const observed = new Scraper().scrape(await registry.metrics());
    expect(observed.value("metric:http_requests_total", { code: 'a"b\\c\nd' })).toBe(7);
    expect(observed.value("metric:queue_length")).toBe(3);
    for (const { signal } of observed.all) expect(findSignal(signal)?.source).toBe("metrics");
    expect(findSignal("metric:http_requests_total")?.kind).toBe("counter");
  });

  it("have the quantiles of what a histogram gained, not of what it ever had", async () => {
    const registry = new Registry();
    const latency = new Histogram({
      name: "request_seconds",
      help: "h",
      buckets: [0.01, 0.05, 0.1, 0.5, 1],
      registers: [registry],
    });
    const scraper = new Scraper();
    for (let i = 0; i < 10_000; i++) latency.observe(0.005);
    expect(scraper.scrape(await registry.metrics()).series("metric:request_seconds:p99")).toEqual([]);
    for (let i = 0; i < 80; i++) latency.observe(0.02);
    for (let i = 0; i < 20; i++) latency.observe(0.08);
    const busy = scraper.scrape(await registry.metrics());
    // As histogram_quantile computes it: the 50th of 100 is 50/80 into the bucket from 10 to 50 ms.
    expect(busy.value("metric:request_seconds:p50")).toBeCloseTo(0.01 + (0.04 * 50) / 80, 12);
    expect(busy.value("metric:request_seconds:p95")).toBeCloseTo(0.05 + (0.05 * 15) / 20, 12);
    expect(busy.value("metric:request_seconds:mean")).toBeCloseTo(0.032, 9);
    expect(findSignal("metric:request_seconds:p99")?.unit).toBe("seconds");
    // Nothing happened since: no value, rather than an old one.
    expect(scraper.scrape(await registry.metrics()).series("metric:request_seconds:p99")).toEqual([]);
    // A restart: all it has is new.
    registry.resetMetrics();
    latency.observe(0.7);
    const restarted = scraper.scrape(await registry.metrics());
    expect(restarted.value("metric:request_seconds:mean")).toBeCloseTo(0.7, 9);
    expect(restarted.value("metric:request_seconds:p99")).toBeGreaterThan(0.5);
  });

  it("have the rate of a counter that only its type calls one", () => {
    const scraper = new Scraper();
    const text = (value: number): string =>
      `# TYPE errors counter\nerrors{kind="x"} ${value}\nlevel ${value}\n`;
    expect(scraper.scrape(text(100)).series("metric:errors:rate")).toEqual([]);
    expect(scraper.scrape(text(150)).value("metric:errors:rate", { kind: "x" })).toBe(5);
    expect(scraper.scrape(text(150)).value("metric:errors:rate")).toBe(0);
    expect(scraper.scrape(text(20)).value("metric:errors:rate")).toBe(2);
    expect(scraper.scrape(text(40)).series("metric:level:rate")).toEqual([]);
    scraper.signals.reset();
    expect(scraper.scrape(text(90)).series("metric:errors:rate")).toEqual([]);
  });

  it("are only those that are wanted, and no more than the bound", () => {
    const wanted = new Scraper({ wants: (signal) => signal === "metric:b" }).scrape("a 1\nb 2\nc 3\n");
    expect(wanted.all.map(({ signal }) => signal)).toEqual(["metric:b"]);
    const bounded = new Scraper({ series: 2 });
    expect(bounded.scrape("a 1\nb 2\nc 3\nd NaN\n").all).toHaveLength(2);
    expect(bounded.signals.dropped).toBe(1);
  });
});

describe("a quantile of buckets", () => {
  it("lies in the bucket that holds that rank", () => {
    const bounds = fc
      .uniqueArray(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 8 })
      .map((each) => each.sort((a, b) => a - b));
    fc.assert(
      fc.property(
        bounds,
        fc.array(fc.nat({ max: 50 }), { minLength: 9, maxLength: 9 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (finite, counts, q) => {
          let total = 0;
          const buckets = [...finite, Number.POSITIVE_INFINITY].map((bound, i) => ({
            bound,
            count: (total += counts[i] ?? 0),
          }));
          const value = bucketQuantile(buckets, q);
          if (total === 0) {
            expect(value).toBeNaN();
            return;
          }
          const holder = buckets.findIndex(({ count }) => count >= q * total && count > 0);
          const lower = buckets[holder - 1]?.bound ?? 0;
          const upper = Math.min(buckets[holder]!.bound, finite.at(-1)!);
          expect(value).toBeGreaterThanOrEqual(Math.min(lower, upper));
          expect(value).toBeLessThanOrEqual(upper);
        },
      ),
    );
  });

  it("needs an infinite bucket, and forgives counts that fall", () => {
    expect(bucketQuantile([{ bound: 1, count: 4 }], 0.5)).toBeNaN();
    expect(bucketQuantile([], 0.5)).toBeNaN();
    const torn = [
      { bound: 1, count: 10 },
      { bound: 2, count: 9 },
      { bound: Number.POSITIVE_INFINITY, count: 10 },
    ];
    expect(bucketQuantile(torn, 0.99)).toBeCloseTo(0.99, 12);
  });
});

describe("expvar", () => {
  it("gives every number by its path", () => {
    const document: unknown = JSON.parse(
      '{"cmdline":["a"],"memstats":{"HeapAlloc":5,"EnableGC":true,"PauseNs":[1,2],"deep":{"a b":1.5}},"9":null,"x":"7"}',
    );
    expect(expvarObservations(document)).toEqual([
      { signal: "metric:memstats.HeapAlloc", labels: {}, values: [5] },
      { signal: "metric:memstats.EnableGC", labels: {}, values: [1] },
      { signal: "metric:memstats.deep.a_b", labels: {}, values: [1.5] },
    ]);
    expect(expvarObservations(document, { series: 1 })).toHaveLength(1);
    expect(expvarObservations(7)).toEqual([]);
  });

  it("of any JSON gives names a rule may use", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (document) => {
        for (const { signal, values } of expvarObservations(document)) {
          expect(findSignal(signal), signal).toBeDefined();
          expect(typeof values[0]).toBe("number");
        }
      }),
    );
  });
});
