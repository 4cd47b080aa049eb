import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/base/errors.ts";
import { replay } from "../../src/triggers/replay.ts";
import { ruleTestsOptions } from "../../src/triggers/testing/options.ts";
import { formatResults, runRuleTests } from "../../src/triggers/testing/run.ts";
import { parseSeries } from "../../src/triggers/testing/series.ts";
import { at, batch, load, observation } from "./support.ts";

const rules = load([
  { name: "slow", when: { signal: "task_duration_seconds", above: "50ms" }, limits: { cooldown: "10s" } },
]);

describe("a series", () => {
  test.each([
    ["task_duration_seconds", "5ms 5ms,80ms _ 1s*2", [[0.005], [0.005, 0.08], [], [1], [1]]],
    ["heap_live_bytes", "1MiB+1MiB*3 3KiB-1KiB*2", [[1_048_576], [2_097_152], [3_145_728], [3072], [2048]]],
    ["gc_assist_ratio", "5% 0.5", [[0.05], [0.5]]],
    ["goroutines", "10-5*3 -2 _*2", [[10], [5], [0], [-2], [], []]],
  ])("of %s: %s", (signal, text, expected) => {
    expect(parseSeries(signal, text)).toEqual(expected);
  });

  test.each([
    ["task_duration_seconds", "5", '"5": "5" is no duration'],
    ["task_duration_seconds", "5ms*0", "after * stands how often"],
    ["task_duration_seconds", "5ms*x", "after * stands how often"],
    ["no_such_signal", "5", "there is no signal no_such_signal"],
  ])("of %s: %s is refused", (signal, text, message) => {
    expect(() => parseSeries(signal, text)).toThrow(ConfigError);
    expect(() => parseSeries(signal, text)).toThrow(message);
  });
});

describe("rule tests", () => {
  const run = (expected: readonly object[]): string => {
    const series = [
      { signal: "task_duration_seconds", labels: { task: "a" }, values: "5ms*5 80ms*2 5ms*20 90ms" },
    ];
    const { tests } = ruleTestsOptions.parse({ tests: [{ name: "bursts", series, expect: expected }] });
    return formatResults(runRuleTests(rules, tests));
  };

  test("pass when every firing is expected", () => {
    expect(
      run([
        { rule: "slow", at: "6s", value: "80ms" },
        { rule: "slow", at: "28s" },
      ]),
    ).toBe("ok    bursts\n1 passed");
  });

  test("fail with what is missing and what is too much, in order of time", () => {
    const expected = [
      { rule: "slow", at: "6s", value: "85ms" },
      { rule: "slow", at: "28s", labels: { task: "a" } },
      { rule: "slow", at: "40s" },
    ];
    expect(run(expected)).toBe(
      [
        "FAIL  bursts",
        '        + 6s slow on target{task="a"} 80ms',
        "        - 6s slow 85ms",
        '          28s slow on target{task="a"} 90ms',
        "        - 40s slow",
        "1 of 1 failed (- expected, + got)",
      ].join("\n"),
    );
  });

  test("suppressed firings count where a test names one", () => {
    const both = [
      { rule: "slow", at: "6s" },
      { rule: "slow", at: "7s", suppressed: "cooldown" },
      { rule: "slow", at: "28s" },
    ];
    expect(run(both)).toContain("1 passed");
  });
});

describe("replay", () => {
  const second = (i: number, duration: number, target = "a") =>
    batch(
      i,
      [
        observation("task_duration_seconds", [duration], { task: "t" }),
        observation("trace_bytes", [1000 + i]),
      ],
      target,
    );

  test("says when each rule would have fired, with what value, and what the captures would have held", () => {
    const values = [
      0.005, 0.08, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.09, 0.005,
    ];
    const batches = values.map((value, i) => second(i + 1, value)).toReversed();
    const short = load([
      {
        name: "slow",
        when: { signal: "task_duration_seconds", above: "50ms" },
        capture: { before: "2s", after: "1s" },
        limits: { cooldown: "5s" },
      },
    ]);
    const { decisions, captures, start, end } = replay(short, batches);
    expect([start, end]).toEqual([at(1), at(14)]);
    expect(
      decisions.filter(({ kind }) => kind === "fired").map((decision) => [decision.at, decision.value]),
    ).toEqual([
      [at(2), 0.08],
      [at(13), 0.09],
    ]);
    expect(captures).toEqual([
      // Generations 1 to 3, which lie in 0 s to 3 s; 12 to 14.
      { target: "a", rules: ["slow"], start: at(0), end: at(3), traceBytes: 1001 + 1002 + 1003 },
      { target: "a", rules: ["slow"], start: at(11), end: at(14), traceBytes: 1012 + 1013 + 1014 },
    ]);
  });

  test("overlapping firings make one capture, of one target", () => {
    const two = load([
      { name: "slow", when: { signal: "task_duration_seconds", above: "50ms" } },
      { name: "slower", when: { signal: "task_duration_seconds", above: "70ms" } },
    ]);
    const { captures } = replay(two, [
      second(1, 0.08),
      second(1, 0.06, "b"),
      second(2, 0.005),
      second(3, 0.005, "b"),
    ]);
    expect(captures.map(({ target, rules: of }) => [target, of])).toEqual([
      ["a", ["slow", "slower"]],
      ["b", ["slow"]],
    ]);
  });

  test("silence is ticked through", () => {
    const absent = load([{ name: "silent", when: { signal: "task_duration_seconds", absent_for: "30s" } }]);
    const { decisions } = replay(absent, [second(1, 0.005), second(100, 0.005)]);
    expect(decisions.map(({ rule, decidedAt }) => [rule, decidedAt])).toEqual([["silent", at(31)]]);
  });

  test("of nothing is nothing", () => {
    expect(replay(rules, [])).toEqual({
      decisions: [],
      captures: [],
      batches: 0,
      start: undefined,
      end: undefined,
    });
  });
});
