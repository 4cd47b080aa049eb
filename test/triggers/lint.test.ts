import { describe, expect, test } from "vitest";
import { milliseconds } from "../../src/base/units.ts";
import { lintStream, lintTriggers, type LintContext } from "../../src/triggers/lint.ts";
import { load, type RawRule } from "./support.ts";

const context: LintContext = {
  targets: [{ labels: { service: "checkout" }, minAge: milliseconds(10_000) }],
  sources: new Set(["trace", "target"]),
  interval: milliseconds(1000),
  uploadTime: undefined,
};

const lint = (rule: Partial<RawRule>, changed: Partial<LintContext> = {}): readonly (readonly string[])[] =>
  lintTriggers(load([{ name: "r", when: { signal: "heap_live_bytes", above: "1GiB" }, ...rule }]).rules, {
    ...context,
    ...changed,
  }).map(({ code, message }) => [code, message]);

describe("lints", () => {
  test("say nothing of a rule that is right", () => {
    expect(lint({})).toEqual([]);
    expect(lint({ when: { signal: "task_duration_seconds", above: "5s" } })).toEqual([]);
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
  ])("%s", (code, rule, changed, message) => {
    expect(lint(rule, changed)).toEqual([[code, message]]);
  });

  test("a stream longer than the server's write timeout", () => {
    expect(lintStream(30_000, 60_000)).toEqual([]);
    expect(lintStream(30_000, undefined)).toEqual([]);
    expect(lintStream(30_000, 30_000)).toMatchObject([{ code: "stream_exceeds_write_timeout" }]);
  });
});
