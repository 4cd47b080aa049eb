import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epochMilliseconds, milliseconds } from "../../src/base/units.ts";
import { parseExposition } from "../../src/signals/exposition.ts";
import { negotiate, renderExposition, type MetricFamily } from "../../src/telemetry/exposition.ts";
import { Telemetry } from "../../src/telemetry/telemetry.ts";

const OPENMETRICS = "application/openmetrics-text; version=1.0.0";

describe("negotiation", () => {
  it.each<[string | undefined, string]>([
    [undefined, "text"],
    ["*/*", "text"],
    ["text/plain", "text"],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "text"],
    ["application/openmetrics-text", "openmetrics"],
    // Prometheus 2.42, and 3.5.
    [
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      "openmetrics",
    ],
    [
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      "openmetrics",
    ],
    ["application/openmetrics-text;q=0.2, text/plain;q=0.7", "text"],
    ["application/openmetrics-text;q=0", "text"],
    ["application/openmetrics-text;version=7.0.0", "text"],
    [";;q=,,", "text"],
  ])("%s: %s", (accept, format) => {
    expect(negotiate(accept)).toBe(format);
  });
});

const FAMILIES: readonly MetricFamily[] = [
  {
    name: "uploads_total",
    help: 'Attempts, by "outcome":\nall of them.',
    type: "counter",
    values: [{ labels: { outcome: 'a"b\\c\nd' }, value: 3 }],
  },
  {
    name: "odd",
    help: "A counter that is not named like one.",
    type: "counter",
    values: [{ labels: {}, value: 1 }],
  },
  {
    name: "took_seconds",
    help: "How long.",
    type: "histogram",
    values: [
      {
        metricName: "took_seconds_bucket",
        labels: { le: 1e-5 },
        value: 0,
      },
      {
        metricName: "took_seconds_bucket",
        labels: { le: 1 },
        value: 2,
        exemplar: { labels: { capture_id: "x1" }, value: 0.08, timestamp: 1_700_000_000.1234 },
      },
      { metricName: "took_seconds_bucket", labels: { le: "+Inf" }, value: 2 },
      { metricName: "took_seconds_sum", labels: {}, value: 0.16 },
      { metricName: "took_seconds_count", labels: {}, value: 2 },
    ],
  },
  { name: "extreme", help: "", type: "gauge", values: [{ labels: { target: undefined }, value: -Infinity }] },
];

describe("the two formats", () => {
  it("are what their specifications say", () => {
    expect(renderExposition(FAMILIES, "text")).toBe(
      [
        '# HELP uploads_total Attempts, by "outcome":\\nall of them.',
        "# TYPE uploads_total counter",
        'uploads_total{outcome="a\\"b\\\\c\\nd"} 3',
        "# HELP odd A counter that is not named like one.",
        "# TYPE odd counter",
        "odd 1",
        "# HELP took_seconds How long.",
        "# TYPE took_seconds histogram",
        'took_seconds_bucket{le="1e-05"} 0',
        'took_seconds_bucket{le="1.0"} 2',
        'took_seconds_bucket{le="+Inf"} 2',
        "took_seconds_sum 0.16",
        "took_seconds_count 2",
        "# HELP extreme ",
        "# TYPE extreme gauge",
        "extreme -Inf",
        "",
      ].join("\n"),
    );
    expect(renderExposition(FAMILIES, "openmetrics")).toBe(
      [
        '# HELP uploads Attempts, by \\"outcome\\":\\nall of them.',
        "# TYPE uploads counter",
        'uploads_total{outcome="a\\"b\\\\c\\nd"} 3',
        "# HELP odd A counter that is not named like one.",
        "# TYPE odd unknown",
        "odd 1",
        "# HELP took_seconds How long.",
        "# TYPE took_seconds histogram",
        "# UNIT took_seconds seconds",
        'took_seconds_bucket{le="1e-05"} 0',
        'took_seconds_bucket{le="1.0"} 2 # {capture_id="x1"} 0.08 1700000000.123',
        'took_seconds_bucket{le="+Inf"} 2',
        "took_seconds_sum 0.16",
        "took_seconds_count 2",
        "# HELP extreme ",
        "# TYPE extreme gauge",
        "extreme -Inf",
        "# EOF",
        "",
      ].join("\n"),
    );
  });

  it("are read back as they were, whatever labels and values are", () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: "grapheme" })), fc.double(), (labels, value) => {
        const family = { name: "a_total", help: "", type: "counter", values: [{ labels, value }] };
        for (const format of ["text", "openmetrics"] as const) {
          const parsed = parseExposition(renderExposition([family], format), { format });
          expect(parsed.badLines).toEqual([]);
          expect(parsed.samples).toEqual([
            {
              name: "a_total",
              labels: { ...labels },
              value: value === 0 ? expect.closeTo(0) : value,
              timestamp: undefined,
            },
          ]);
        }
      }),
    );
  });
});

describe("exemplars", () => {
  it("stand in the bucket of what was captured, in OpenMetrics alone, and leave the counters as they are", async () => {
    const telemetry = new Telemetry({ log: { level: "silent" }, version: "1", node: "v20" });
    const target = "shop@a:1";
    const labels = { task: "checkout" };
    const at = epochMilliseconds(1_700_000_000_000);
    telemetry.observe({
      target,
      targetLabels: {},
      source: "trace",
      at,
      interval: milliseconds(1000),
      observations: [{ signal: "task_duration_seconds", labels, values: [0.004, 0.08] }],
    });
    const seen = { signal: "task_duration_seconds", value: 0.08, at };
    telemetry.emit({
      kind: "capture.completed",
      id: "20261123t1-abc",
      target,
      rules: ["slow"],
      // Only the first is of a series that is there.
      measured: [
        { ...seen, labels },
        { ...seen, labels: { task: "other" } },
        { ...seen, signal: "no_such_signal", labels: {} },
      ],
      bytes: 1,
      generations: 1,
      omitted: [],
      took: milliseconds(1),
    });
    const first = await telemetry.exposition(undefined);
    const { contentType, text } = await telemetry.exposition(OPENMETRICS);
    expect(contentType).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(text.match(/^.*capture_id.*$/gm)).toEqual([
      'gorewind_task_duration_seconds_bucket{le="0.1",target="shop@a:1",task="checkout"} 2 # {capture_id="20261123t1-abc"} 0.08 1700000000.000',
    ]);
    expect(text).toMatch(
      /^# TYPE gorewind_captures counter\ngorewind_captures_total\{rule="slow",outcome="completed"\} 1$/m,
    );
    expect(text.endsWith("# EOF\n")).toBe(true);
    const again = await telemetry.exposition("text/plain");
    expect(first.contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(again.text).not.toMatch(/capture_id/);
    const ours = (page: string): readonly string[] => page.match(/^(# TYPE )?gorewind_.*$/gm) ?? [];
    expect(ours(again.text)).toEqual(ours(first.text));
  });
});
