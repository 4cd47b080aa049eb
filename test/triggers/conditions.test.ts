import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quantile, rankOf } from "../../src/triggers/aggregate.ts";
import { at, Bench, load, observation, problemsOf } from "./support.ts";

const gauge = (signal: string, value: number, labels = {}) => observation(signal, [value], labels);
const limits = { cooldown: "1m" };

describe("aggregates", () => {
  test("p99 fires when more than one in a hundred is beyond, and not below min_samples", () => {
    const when = {
      signal: "sched_latency_seconds",
      aggregate: "p99",
      above: "10ms",
      window: "10s",
      min_samples: 100,
    };
    const run = (perSecond: number, slow: number): readonly string[] => {
      const bench = new Bench(load([{ name: "sched", when, limits }]));
      for (let second = 1; second <= 20; second++) {
        const values = Array.from({ length: perSecond }, (_, i) => (i < slow ? 0.02 : 0.001));
        bench.observe(second, observation("sched_latency_seconds", values));
      }
      return bench.story;
    };
    expect(run(200, 2)).toEqual([]);
    expect(run(200, 3)).toEqual(["1s fired sched", "2s cooldown sched"]);
    expect(run(9, 9)).toEqual([]);
    expect(run(10, 10)[0]).toEqual("10s fired sched");
  });

  test("the rank decides as the quantile itself would", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.9, 0.95, 0.99, 0.999),
        fc.double({ min: 0, max: 10, noNaN: true }),
        (values, q, level) => {
          const sorted = values.toSorted((a, b) => a - b);
          const exact = sorted[rankOf(values.length, q)] ?? Number.NaN;
          expect(quantile(Float64Array.from(values), q)).toBe(exact);
          const aggregate = `p${q * 100}`;
          for (const direction of ["above", "below"] as const) {
            const when = { signal: "sched_latency_seconds", aggregate, [direction]: `${level.toFixed(9)}s` };
            const bench = new Bench(load([{ name: "r", when: when }]));
            bench.observe(1, observation("sched_latency_seconds", values));
            // The level as it was written, in nanoseconds at the finest.
            const fires = direction === "above" ? exact > level : exact < level;
            const isClose = Math.abs(exact - level) < 1e-9;
            if (!isClose) expect(bench.decisions.length).toBe(fires ? 1 : 0);
            if (fires && !isClose) expect(bench.decisions[0]?.value).toBe(exact);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("breach_ratio: more than 75 % of at least 100 in 60 s", () => {
    const when = {
      signal: "task_duration_seconds",
      above: "30ms",
      window: "60s",
      breach_ratio: "75%",
      min_samples: 100,
    };
    const run = (slowOfTen: number, seconds: number): readonly string[] => {
      const bench = new Bench(load([{ name: "sla", when, limits }]));
      for (let second = 1; second <= seconds; second++) {
        const values = Array.from({ length: 10 }, (_, i) => (i < slowOfTen ? 0.04 : 0.01));
        bench.observe(second, observation("task_duration_seconds", values, { task: "users" }));
      }
      return bench.story;
    };
    expect(run(7, 60)).toEqual([]);
    expect(run(8, 9)).toEqual([]);
    expect(run(8, 10)).toEqual(["10s fired sla"]);
  });

  test("a rate that falls, even to nothing, is seen while the source goes on", () => {
    const when = {
      signal: "task_duration_seconds",
      labels: { task: "tick" },
      aggregate: "rate",
      below: 1,
      window: "5s",
    };
    const bench = new Bench(load([{ name: "stalled", when, limits }]));
    for (let second = 1; second <= 10; second++) {
      bench.observe(second, observation("task_duration_seconds", [0.001, 0.001], { task: "tick" }));
    }
    expect(bench.story).toEqual([]);
    for (let second = 11; second <= 20; second++) bench.observe(second, gauge("heap_live_bytes", 1));
    // Two a second for ten seconds, then none: below one a second with fewer than five in the last five.
    expect(bench.story[0]).toBe("13s fired stalled");
    expect(bench.decisions[0]).toMatchObject({ value: 0.8, threshold: 1, unit: "count/s" });
  });

  test("a counter's rate survives a restart of the service", () => {
    const when = { signal: "metric:errors_total", above: 5, window: "10s" };
    const bench = new Bench(load([{ name: "errors", when, limits }]));
    let total = 1000;
    for (let second = 1; second <= 30; second++) {
      if (second === 15) total = 0;
      bench.observe(second, gauge("metric:errors_total", (total += 4), { code: "500" }));
    }
    expect(bench.story).toEqual([]);
    for (let second = 31; second <= 50; second++) {
      bench.observe(second, gauge("metric:errors_total", (total += 7), { code: "500" }));
    }
    expect(bench.story[0]).toBe("34s fired errors");
  });

  test("a gauge's growth per second", () => {
    const when = { signal: "heap_live_bytes", aggregate: "rate", above: "10MiB/s", window: "5s" };
    const bench = new Bench(load([{ name: "growth", when, limits }]));
    for (let second = 1; second <= 10; second++)
      bench.observe(second, gauge("heap_live_bytes", second * 5 * 2 ** 20));
    expect(bench.story).toEqual([]);
    for (let second = 11; second <= 20; second++) {
      bench.observe(second, gauge("heap_live_bytes", 50 * 2 ** 20 + (second - 10) * 30 * 2 ** 20));
    }
    expect(bench.story[0]).toBe("11s fired growth");
    expect(bench.decisions[0]).toMatchObject({
      unit: "bytes/s",
      message: expect.stringMatching(
        /rate of heap_live_bytes over 5s was .*MiB\/s, above 10MiB\/s/,
      ) as string,
    });
  });
});

describe("time", () => {
  const heap = { signal: "heap_live_bytes", above: "1GiB" };
  const GiB = 2 ** 30;

  test("for: the condition has to hold without a break", () => {
    const bench = new Bench(load([{ name: "heap", when: heap, for: "5s", limits }]));
    for (const [second, value] of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].entries()) {
      bench.observe(value, gauge("heap_live_bytes", second === 4 ? 0.5 * GiB : 2 * GiB));
    }
    expect(bench.story).toEqual(["11s fired heap", "12s cooldown heap"]);
  });

  test("keep_firing_for bridges a dip: repeat: false then fires once for the whole episode", () => {
    const values = [2, 2, 0.5, 0.5, 2, 2, 2];
    const run = (keep: string): readonly string[] => {
      const rule = {
        name: "heap",
        when: heap,
        keep_firing_for: keep,
        repeat: false,
        limits: { cooldown: "0s" },
      };
      const bench = new Bench(load([rule]));
      for (const [i, value] of values.entries()) bench.observe(i + 1, gauge("heap_live_bytes", value * GiB));
      return bench.story;
    };
    expect(run("0s")).toEqual(["1s fired heap", "5s fired heap"]);
    expect(run("5s")).toEqual(["1s fired heap"]);
  });

  test("hysteresis: once true it stays so down to the lower level", () => {
    const when = { signal: "goroutines", labels: { state: "runnable" }, above: 100, clear_below: 50 };
    const bench = new Bench(load([{ name: "run", when, repeat: false, limits: { cooldown: "0s" } }]));
    for (const [i, value] of [90, 110, 60, 110, 60, 40, 60, 110].entries()) {
      bench.observe(i + 1, gauge("goroutines", value, { state: "runnable" }));
    }
    expect(bench.story).toEqual(["2s fired run", "8s fired run"]);
  });

  test("absence is noticed by the tick, from the target's start and from the last value on, once", () => {
    const when = { signal: "heap_live_bytes", absent_for: "30s" };
    const bench = new Bench(load([{ name: "silent", when, limits: { cooldown: "10s" } }]));
    bench.engine.addTarget("a", {}, at(0));
    const tickUntil = (from: number, to: number): void => {
      for (let second = from; second <= to; second++) bench.tick(second);
    };
    tickUntil(1, 60);
    expect(bench.story).toEqual(["30s fired silent"]);
    for (let second = 61; second <= 90; second++) {
      bench.observe(second, gauge("heap_live_bytes", 1));
      bench.tick(second);
    }
    tickUntil(91, 200);
    expect(bench.story).toEqual(["30s fired silent", "120s fired silent"]);
    expect(bench.decisions[1]?.message).toBe("heap_live_bytes was not seen for 30s");
  });
});

describe("against the past", () => {
  test("change: a level that passes the moving average by a quarter", () => {
    const when = {
      signal: "goroutines",
      labels: { state: "waiting" },
      change: { over: "1m", min: 100, by: "25%" },
    };
    const bench = new Bench(load([{ name: "leak", when, limits }]));
    let second = 0;
    const feed = (value: number, times: number): void => {
      for (let i = 0; i < times; i++)
        bench.observe(++second, gauge("goroutines", value, { state: "waiting" }));
    };
    feed(50, 10);
    feed(500, 1); // No average yet: it was seen for 10 s of 60.
    feed(50, 100);
    feed(90, 5); // 80 % more, but below min.
    feed(200, 30);
    feed(240, 30); // 20 % more.
    expect(bench.story).toEqual(["117s fired leak", "118s cooldown leak"]);
    expect(bench.decisions[0]?.value).toBe(200);
  });

  test("high-water mark: a new record fires, the same again does not, the mark sinks", () => {
    const when = { signal: "heap_live_bytes", high_water: { decay: "1h", min: "100MiB", by: "10%" } };
    const bench = new Bench(load([{ name: "peak", when, limits: { cooldown: "10s", max_per_hour: 100 } }]));
    const MiB = 2 ** 20;
    const feed = (from: number, to: number, value: number): void => {
      for (let second = from; second < to; second += 10)
        bench.observe(second, gauge("heap_live_bytes", value * MiB));
    };
    feed(10, 100, 90);
    feed(100, 200, 200);
    feed(200, 300, 205);
    feed(300, 400, 300);
    expect(bench.story).toEqual(["100s fired peak", "300s fired peak"]);
    // 300 MiB, with 10 % above it, sinks to 250 MiB in a quarter of its hour.
    feed(400, 2000, 250);
    expect(bench.story[2]).toBe("1180s fired peak");
  });
});

describe("trees and expressions", () => {
  const busy = { signal: "runnable_goroutines", above: 100 };
  const assists = { signal: "gc_assist_ratio", above: "20%" };
  const run = (when: object, runnable: number | undefined, assist: number | undefined): readonly string[] => {
    const bench = new Bench(load([{ name: "r", when, limits }]));
    const seen = [
      ...(runnable === undefined ? [] : [gauge("runnable_goroutines", runnable)]),
      ...(assist === undefined ? [] : [gauge("gc_assist_ratio", assist)]),
    ];
    bench.observe(1, ...seen);
    return bench.decisions.map((decision) => decision.kind);
  };

  test.each([
    [{ all: [busy, assists] }, 200, 0.3, 1],
    [{ all: [busy, assists] }, 200, 0.1, 0],
    [{ all: [busy, assists] }, 200, undefined, 0],
    [{ any: [busy, assists] }, 200, 0.1, 1],
    [{ any: [busy, assists] }, 50, 0.3, 1],
    [{ any: [busy, assists] }, 50, 0.1, 0],
    [{ any: [busy, assists] }, 200, undefined, 1],
    [{ all: [busy, { not: assists }] }, 200, 0.1, 1],
    [{ all: [busy, { not: assists }] }, 200, 0.3, 0],
    // What is not known is not "not so".
    [{ all: [busy, { not: assists }] }, 200, undefined, 0],
  ])("%j with %d runnable, assist %d", (when, runnable, assist, firings) => {
    expect(run(when, runnable, assist)).toHaveLength(firings);
  });

  test("by joins the leaves of one label set, and shares what has none", () => {
    const when = {
      all: [
        { signal: "task_duration_seconds", aggregate: "p50", above: "50ms" },
        { signal: "task_duration_seconds", aggregate: "count", above: 10 },
        busy,
      ],
    };
    const bench = new Bench(load([{ name: "r", when, by: ["task"], limits }]));
    const tasks = (task: string, count: number, value: number) =>
      observation(
        "task_duration_seconds",
        Array.from({ length: count }, () => value),
        { task },
      );
    bench.observe(
      1,
      tasks("slow-few", 3, 0.1),
      tasks("fast-many", 30, 0.01),
      tasks("both", 30, 0.1),
      gauge("runnable_goroutines", 200),
    );
    expect(bench.decisions.map((decision) => decision.seriesLabels)).toEqual([{ task: "both" }]);
  });

  test("a CEL expression over values, the series' labels and the target's", () => {
    const when = {
      let: {
        p99: { signal: "sched_latency_seconds", aggregate: "p99" },
        runnable: { signal: "runnable_goroutines", aggregate: "max" },
      },
      expr: "p99 > seconds_of('10ms') && runnable > 50 && target.service == 'checkout'",
    };
    const see = (latency: number, runnable: number): readonly string[] => {
      const bench = new Bench(load([{ name: "r", when, limits }]));
      bench.observe(
        1,
        observation("sched_latency_seconds", [latency]),
        gauge("runnable_goroutines", runnable),
      );
      return bench.decisions.map((decision) => decision.message);
    };
    expect(see(0.02, 60)).toEqual([`${when.expr} (p99 = 0.02, runnable = 60)`]);
    expect(see(0.02, 40)).toEqual([]);
    expect(see(0.002, 60)).toEqual([]);
  });

  test.each([
    ["p99 > 'x'", "no such overload: double > string"],
    ["p99 >", "Unexpected token"],
    ["p98 > 1.0", "Unknown variable: p98"],
    ["p99 + 1.0", "is a double, but has to say true or false"],
    ["p99 > seconds_of('10 apples')", '"10 apples" is no duration'],
  ])("%s is refused with the place", (expr, sentence) => {
    const when = { let: { p99: { signal: "sched_latency_seconds", aggregate: "p99" } }, expr };
    const [problem = ""] = problemsOf([{ name: "r", when }]);
    expect(problem).toContain("triggers.0.when.expr: ");
    expect(problem).toContain(sentence);
  });
});
