import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { milliseconds } from "../../src/base/units.ts";
import type { SignalSource } from "../../src/signals/signal.ts";
import {
  LINT_CODES,
  lintReceivers,
  lintStream,
  lintTriggers,
  type LintContext,
  type LintTarget,
} from "../../src/triggers/lint.ts";
import { load, type RawRule } from "./support.ts";

const target: LintTarget = {
  labels: { service: "checkout" },
  minAge: milliseconds(10_000),
  sources: new Set<SignalSource>(["trace"]),
  profiles: new Set(["goroutine", "heap"]),
  probes: [],
  writeTimeout: undefined,
};

const context: LintContext = {
  targets: [target],
  schedules: [],
  queries: [],
  interval: milliseconds(1000),
  uploadTime: undefined,
};

const tested = new Set<string>();

const lint = (rule: Partial<RawRule>, changed: Partial<LintContext> = {}): readonly (readonly string[])[] =>
  lintTriggers(load([{ name: "r", when: { signal: "heap_live_bytes", above: "1GiB" }, ...rule }]).rules, {
    ...context,
    ...changed,
  }).map(({ code, message }) => {
    tested.add(code);
    return [code, message];
  });

/** A target of which all this is read. */
const reading = (changed: Partial<LintTarget>): Partial<LintContext> => ({
  targets: [{ ...target, ...changed }],
});
const profiled = new Set<SignalSource>(["trace", "profile"]);

describe("lints", () => {
  afterAll(() => expect([...LINT_CODES].filter((code) => !tested.has(code))).toEqual([]));

  test("say nothing of a rule that is right", () => {
    expect(lint({})).toEqual([]);
    expect(lint({ when: { signal: "task_duration_seconds", above: "5s" } })).toEqual([]);
    expect(lint({ when: { signal: "stream_lost" } })).toEqual([]);
    expect(lint({ when: { signal: "alert" } })).toEqual([]);
    const nightly = { when: { signal: "schedule", labels: { schedule: "night*" } } };
    expect(lint(nightly, { schedules: ["hourly", "nightly"] })).toEqual([]);
    const mutex = { when: { signal: "mutex_delay_seconds", above: "1s" } };
    expect(lint(mutex, reading({ sources: profiled, profiles: new Set(["mutex"]) }))).toEqual([]);
    expect(
      lint({ capture: { profiles: [{ cpu: "5s" }] } }, reading({ writeTimeout: milliseconds(6000) })),
    ).toEqual([]);
    // What is still to be discovered may have any label.
    expect(lint({ match: { service: "billing" } }, reading({ labels: undefined }))).toEqual([]);
  });

  test.each<[string, Partial<RawRule>, Partial<LintContext>, string]>([
    [
      "min_age_too_short",
      { when: { signal: "task_duration_seconds", above: "8s" } },
      {},
      "the ring keeps 10s, less than twice the 8s that task_duration_seconds is to pass",
    ],
    [
      "before_exceeds_ring",
      { capture: { before: "20s" } },
      {},
      "capture.before is 20s, but the ring keeps only 10s for sure",
    ],
    [
      "cooldown_too_short",
      { capture: { profiles: [{ cpu: "30s" }] }, limits: { cooldown: "10s" } },
      {},
      "cooldown is 10s, shorter than the 30s that its capture takes",
    ],
    [
      "cooldown_too_short",
      {},
      { uploadTime: milliseconds(90_000) },
      "cooldown is 1m, shorter than the 1m30s that an upload takes",
    ],
    [
      "quantile_of_few",
      { when: { signal: "sched_latency_seconds", aggregate: "p99", above: "1s", min_samples: 20 } },
      {},
      "p99 of sched_latency_seconds may be of 20 values: of fewer than 100 it is just the extreme one",
    ],
    [
      "signal_not_fed",
      { when: { signal: "probe_success", below: 1 } },
      {},
      "nothing feeds probe_success: no probe source is configured",
    ],
    [
      "signal_not_fed",
      { when: { signal: "probe_success", labels: { probe: "home" }, below: 1 } },
      reading({ sources: new Set<SignalSource>(["probe"]), probes: ["front"] }),
      "nothing feeds probe_success: no probe is called as the rule's labels ask; there are front",
    ],
    [
      "signal_not_fed",
      { when: { signal: "schedule", labels: { schedule: "nightly" } } },
      {},
      "nothing feeds schedule: no schedule is called as the rule's labels ask; there is none",
    ],
    [
      "signal_not_fed",
      { when: { signal: "promql", labels: { query: "queue" }, above: 1 } },
      { queries: ["queues"] },
      "nothing feeds promql: no query is called as the rule's labels ask; there are queues",
    ],
    [
      "profile_not_read",
      { when: { signal: "mutex_delay_seconds", above: "1s" } },
      reading({ sources: profiled }),
      "mutex_delay_seconds is read from the mutex profile over a time, which its targets do not read",
    ],
    [
      "profile_not_read",
      { when: { signal: "threads_created", above: 1 } },
      {
        targets: [
          { ...target, sources: profiled },
          { ...target, sources: profiled, profiles: new Set(["threadcreate"]) },
        ],
      },
      "threads_created is read from the threadcreate profile, which 1 of its 2 targets do not read",
    ],
    ["no_target", { match: { service: "billing" } }, {}, "match (service) selects none of 1 targets"],
    [
      "unknown_profile",
      { capture: { profiles: ["gorutine"] } },
      {},
      "net/http/pprof has no profile gorutine",
    ],
    [
      "window_too_short",
      { when: { signal: "task_duration_seconds", above: "1s", window: "200ms" } },
      {},
      "window is 200ms, but news comes every 1s",
    ],
    ["for_too_short", { for: "300ms" }, {}, "for is 300ms, but the condition is looked at every 1s"],
    [
      "exceeds_write_timeout",
      { capture: { profiles: [{ cpu: "10s" }] } },
      reading({ writeTimeout: milliseconds(10_000) }),
      "the cpu profile takes 10s, but the server refuses what is not shorter than its WriteTimeout of 10s",
    ],
  ])("%s", (code, rule, changed, message) => {
    expect(lint(rule, changed)).toEqual([[code, message]]);
  });

  test("a stream longer than the server's write timeout", () => {
    const [limit, long] = [milliseconds(30_000), milliseconds(60_000)];
    expect(lintStream("shop", limit, long)).toEqual([]);
    expect(lintStream("shop", limit, undefined)).toEqual([]);
    expect(lintStream("shop", limit, limit)).toMatchObject([
      {
        code: "exceeds_write_timeout",
        message: expect.stringMatching(/^shop: the stream asks for 30s/) as string,
      },
    ]);
  });

  test("a notification of a rule that is not there", () => {
    const { rules } = load([{ name: "slow", when: { signal: "heap_live_bytes", above: "1GiB" } }]);
    expect(lintReceivers([{ rules: undefined }, { rules: ["slow", "manual"] }], rules)).toEqual([]);
    const warnings = lintReceivers([{ rules: ["slwo"] }], rules);
    for (const { code } of warnings) tested.add(code);
    expect(warnings).toMatchObject([{ code: "no_such_rule", hint: "the rules are manual, slow" }]);
  });

  test("are each described in docs/triggers.md", () => {
    const docs = readFileSync(new URL("../../docs/triggers.md", import.meta.url), "utf8");
    expect(LINT_CODES.filter((code) => !docs.includes(`| \`${code}\` |`))).toEqual([]);
  });
});
