import { describe, expect, test } from "vitest";
import { Bench, at, batch, load, observation } from "./support.ts";

const slow = { signal: "task_duration_seconds", above: "50ms", window: "1s" };
const task = (name: string, ...values: number[]) =>
  observation("task_duration_seconds", values, { task: name });

describe("limits", () => {
  test("the cooldown is per label set, the counts per target", () => {
    const bench = new Bench(
      load([{ name: "slow", when: slow, limits: { cooldown: "10s", max_per_hour: 3 } }]),
    );
    bench.observe(1, task("a", 0.1), task("b", 0.1));
    bench.observe(2, task("a", 0.1), task("b", 0.1));
    bench.observe(12, task("a", 0.1), task("b", 0.1));
    expect(
      bench.decisions.map(({ kind, seriesLabels, ...rest }) => [
        kind,
        seriesLabels?.["task"],
        "reason" in rest ? rest.reason : "",
      ]),
    ).toEqual([
      ["fired", "a", ""],
      ["fired", "b", ""],
      ["suppressed", "a", "cooldown"],
      ["suppressed", "b", "cooldown"],
      ["fired", "a", ""],
      ["suppressed", "b", "max_per_hour"],
    ]);
    expect(bench.decisions.at(-1)).toMatchObject({
      until: at(3601),
      detail: "3 captures in the last hour, max_per_hour is 3",
    });
  });

  test("all rules together: captures and bytes an hour; manual captures never count", () => {
    const bench = new Bench(
      load(
        [
          { name: "one", when: slow, limits: { cooldown: "0s" } },
          { name: "two", when: slow, limits: { cooldown: "0s" } },
        ],
        { max_captures_per_hour: 3, max_bytes_per_hour: "10MiB" },
      ),
    );
    for (let i = 0; i < 50; i++) bench.engine.manual("a", "asked", at(0));
    bench.observe(1, task("a", 0.1));
    bench.observe(2, task("a", 0.1));
    expect(bench.story).toEqual(["1s fired one", "1s fired two", "2s fired one", "2s budget two"]);
    bench.engine.recordBytes(10 * 2 ** 20, at(3000));
    bench.observe(3700, task("a", 0.1));
    expect(bench.story.slice(4)).toEqual(["3700s budget one"]);
    expect(bench.decisions.at(-1)).toMatchObject({
      detail: "10MiB captured by all rules in the last hour, max_bytes_per_hour is 10MiB",
    });
    expect(bench.engine.manual("a", "asked", at(3700))).toMatchObject({
      kind: "fired",
      rule: "manual",
      origin: "manual",
    });
  });

  test("self-protection: the agent's own CPU, memory and disk", () => {
    const protection = { max_agent_cpu: "50%", max_agent_memory: "300MiB", min_disk_free: "1GiB" };
    const bench = new Bench(load([{ name: "slow", when: slow, limits: { cooldown: "0s" } }], protection));
    const see = (second: number, health: object): string | undefined => {
      bench.engine.setHealth(health);
      const [decision] = bench.observe(second, task("a", 0.1));
      return decision?.kind === "suppressed" ? decision.detail : decision?.kind;
    };
    expect(see(1, { cpuRatio: 0.6 })).toBe("the agent uses 60% of a core, max_agent_cpu is 50%");
    expect(see(3, { cpuRatio: 0.4 })).toBe("fired");
    expect(see(5, { memoryBytes: 400 * 2 ** 20 })).toBe("the agent uses 400MiB, max_agent_memory is 300MiB");
    expect(see(7, {})).toBe("fired");
    expect(see(9, { diskFreeBytes: 2 ** 29 })).toBe("512MiB of disk are free, min_disk_free is 1GiB");
  });

  test("warm-up after the start and after a restart, but a crash is told at once", () => {
    const rules = [
      { name: "slow", when: slow, limits: { warm_up: "30s", cooldown: "0s" } },
      { name: "crash", when: { signal: "stream_lost" }, limits: { warm_up: "30s" } },
    ];
    const bench = new Bench(load(rules));
    bench.observe(1, task("a", 0.1));
    bench.observe(5, observation("stream_lost", [1], { reason: "reset" }));
    bench.observe(20, task("a", 0.1));
    bench.observe(40, task("a", 0.1));
    bench.observe(41, observation("target_restarted", [1]));
    bench.observe(50, task("a", 0.1));
    bench.observe(80, task("a", 0.1));
    expect(bench.story).toEqual([
      "1s warm_up slow",
      "5s fired crash",
      "40s fired slow",
      "50s warm_up slow",
      "80s fired slow",
    ]);
    expect(bench.decisions[1]?.message).toBe('stream_lost{reason="reset"} happened');
  });

  test("dry_run tells what would have been, with its cooldown, and does not use the budget", () => {
    const rules = [
      { name: "dry", when: slow, dry_run: true, limits: { cooldown: "10s" } },
      { name: "wet", when: slow, limits: { cooldown: "0s" } },
    ];
    const bench = new Bench(load(rules, { max_captures_per_hour: 1 }));
    for (const second of [1, 5, 12]) bench.observe(second, task("a", 0.1));
    expect(bench.story).toEqual([
      "1s dry_run dry",
      "1s fired wet",
      "5s cooldown dry",
      "5s budget wet",
      "12s dry_run dry",
    ]);
  });

  test("skip_probability leaves its share out", () => {
    let next = 0;
    const random = (): number => (next++ % 4) / 4;
    const bench = new Bench(
      load([{ name: "slow", when: slow, limits: { skip_probability: "50%", cooldown: "0s" } }]),
      random,
    );
    for (let second = 1; second <= 8; second++) bench.observe(second * 2, task("a", 0.1));
    expect(bench.story.map((line) => line.split(" ")[1])).toEqual([
      "skip",
      "skip",
      "fired",
      "fired",
      "skip",
      "skip",
      "fired",
      "fired",
    ]);
  });

  test("a wall clock that is set back does not stop the rules until it has come round", () => {
    const bench = new Bench(
      load([{ name: "slow", when: slow, limits: { cooldown: "1m", max_per_hour: 1 } }]),
    );
    bench.observe(10_000, task("a", 0.1));
    bench.observe(100, task("a", 0.1));
    bench.observe(3601, task("a", 0.1));
    bench.observe(3701, task("a", 0.1));
    expect(bench.story).toEqual([
      "10000s fired slow",
      "100s cooldown slow",
      "3601s max_per_hour slow",
      "3701s fired slow",
    ]);
  });
});

describe("counters", () => {
  test("count every suppressed firing, though decisions tell only the first in a row", () => {
    const bench = new Bench(load([{ name: "slow", when: slow, limits: { cooldown: "1m" } }]));
    for (let second = 1; second <= 10; second++) bench.observe(second, task("a", 0.1));
    expect(bench.story).toEqual(["1s fired slow", "2s cooldown slow"]);
    bench.engine.removeTarget("a");
    expect(bench.engine.counters).toMatchObject({
      firings: 1,
      suppressed: 9,
      rules: [{ rule: "slow", firings: 1, suppressed: { cooldown: 9 } }],
    });
  });

  test("staleness is how long a source has said nothing", () => {
    const bench = new Bench(
      load([
        { name: "slow", when: slow },
        { name: "up", when: { signal: "target_up", below: 1 } },
      ]),
    );
    bench.observe(1, task("a", 0.01));
    bench.observe(5, task("a", 0.01));
    expect(bench.engine.staleness(at(9))).toEqual([
      { target: "a", source: "trace", age: 4000 },
      { target: "a", source: "target", age: 8000 },
    ]);
  });
});

describe("bounds", () => {
  test("of label sets: who is seen stays, others wait, what is gone gives way", () => {
    const bench = new Bench(
      load([{ name: "slow", when: slow, limits: { max_label_sets: 3, cooldown: "0s" } }]),
    );
    bench.observe(1, ...["a", "b", "c", "d", "e"].map((name) => task(name, 0.1)));
    expect(bench.decisions.map((decision) => decision.seriesLabels?.["task"])).toEqual(["a", "b", "c"]);
    expect(bench.engine.counters.evicted).toBe(2);
    for (let second = 2; second <= 200; second++) bench.observe(second, task("a", 0.01), task("e", 0.01));
    const made = bench.observe(201, task("a", 0.1), task("e", 0.1));
    expect(made.map((decision) => decision.seriesLabels?.["task"])).toEqual(["a", "e"]);
  });

  test("a target's state goes with it", () => {
    const bench = new Bench(load([{ name: "slow", when: slow, limits: { cooldown: "1h" } }]));
    bench.observe(1, task("a", 0.1));
    bench.engine.removeTarget("a");
    expect(bench.engine.explain(at(2))[0]).toMatchObject({ targets: 0, instances: [] });
    expect(bench.observe(3, task("a", 0.1))).toHaveLength(1);
  });

  test("values that are no number are no evidence", () => {
    const bench = new Bench(load([{ name: "slow", when: { ...slow, aggregate: "max" } }]));
    bench.observe(1, task("a", Number.NaN, 0.01));
    bench.observe(2, task("a", Number.NaN));
    expect(bench.decisions).toEqual([]);
  });
});

describe("explain", () => {
  test("why (not): state, value against threshold, what suppressed it, when it can fire next", () => {
    const bench = new Bench(
      load([
        { name: "slow", when: slow, limits: { cooldown: "1m" } },
        { name: "heap", when: { signal: "heap_live_bytes", above: "1GiB" }, for: "10s" },
        { name: "other", match: { service: "billing" }, when: slow },
      ]),
    );
    bench.observe(1, task("a", 0.01));
    bench.observe(2, task("a", 0.08), observation("heap_live_bytes", [2 ** 31]));
    bench.observe(3, task("a", 0.09));
    const [slowRule, heap, other] = bench.engine.explain(at(4));
    expect(slowRule).toMatchObject({
      rule: "slow",
      targets: 1,
      withoutData: [],
      instances: [
        {
          target: "a",
          labels: { task: "a" },
          state: "firing",
          suppressedBy: "cooldown",
          why: "the condition holds, but in cooldown for another 59s",
          nextPossible: at(62),
          lastFired: at(2),
          firings: 1,
          suppressed: 1,
          conditions: [
            {
              condition: "task_duration_seconds over 1s above 50ms",
              value: 0.09,
              threshold: 0.05,
              unit: "seconds",
            },
          ],
          evaluations: [
            { at: at(1), truth: "false", count: 1 },
            { at: at(3), truth: "true", count: 2 },
          ],
        },
      ],
    });
    expect(heap?.instances[0]).toMatchObject({
      state: "pending",
      why: "the condition holds, but not yet for 10s",
    });
    expect(other).toMatchObject({ targets: 0, instances: [] });
  });

  test("no data is told apart from not true", () => {
    const when = { signal: "sched_latency_seconds", aggregate: "p99", above: "10ms", min_samples: 100 };
    const bench = new Bench(load([{ name: "sched", when }]));
    bench.engine.addTarget("a", {}, at(0));
    expect(bench.engine.explain(at(1))[0]).toMatchObject({ targets: 1, withoutData: ["a"], instances: [] });
    expect(bench.engine.explain(at(1))[0]?.signals).toEqual(["sched_latency_seconds"]);
    bench.observe(2, observation("sched_latency_seconds", [0.001]));
    expect(bench.engine.explain(at(2))[0]?.instances[0]).toMatchObject({
      state: "no_data",
      why: "too little data: p99 of sched_latency_seconds over 10s above 10ms (1 of the 100 values that are needed, last 1ms)",
    });
  });
});

describe("reload", () => {
  test("a rule that stays the same keeps its window, cooldown and counts; a changed one starts anew", () => {
    const rules = (above: string) => [
      { name: "same", when: { ...slow, min_count: 3, window: "10s" }, limits: { cooldown: "1h" } },
      { name: "changed", when: { ...slow, above }, limits: { cooldown: "1h" } },
    ];
    const bench = new Bench(load(rules("50ms")));
    bench.observe(1, task("a", 0.1, 0.1));
    bench.engine.reload(load(rules("60ms")), at(2));
    bench.observe(2, task("a", 0.1));
    bench.engine.reload(load(rules("60ms")), at(3));
    bench.observe(3, task("a", 0.1));
    expect(bench.story.filter((line) => line.includes("fired"))).toEqual([
      "1s fired changed",
      "2s fired same",
      "2s fired changed",
    ]);
  });

  test("a counter goes on where it was", () => {
    const rule = { name: "errors", when: { signal: "metric:errors_total", above: 5, window: "1s" } };
    const bench = new Bench(load([rule]));
    bench.engine.observe(batch(1, [observation("metric:errors_total", [100])]), at(1));
    bench.engine.reload(load([{ ...rule, description: "new words" }]), at(1));
    bench.observe(2, observation("metric:errors_total", [120]));
    expect(bench.story).toEqual(["2s fired errors"]);
  });
});
