/** Rules over what real programs of each Go version left in their traces, held against Go's own reader's summary. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { epochMilliseconds, milliseconds } from "../../src/base/units.ts";
import type { ObservationBatch } from "../../src/signals/signal.ts";
import type { Decision } from "../../src/triggers/decision.ts";
import { replay } from "../../src/triggers/replay.ts";
import { observeTrace } from "../signals/support.ts";
import { sharedTrace, v2Releases } from "../trace/support.ts";
import { load, START, type RawRule } from "./support.ts";

interface Reference {
  readonly tasks: readonly {
    readonly name: string;
    readonly count: number;
    readonly complete: number;
    readonly max_ns: number;
  }[];
}

describe.each(v2Releases)("a trace of Go %s", (release) => {
  const file = sharedTrace(release);
  const reference = JSON.parse(
    readFileSync(file.replace(/[.]trace$/, ".reference.json"), "utf8"),
  ) as Reference;
  const [task] = reference.tasks
    .filter(({ complete }) => complete > 0)
    .toSorted((a, b) => b.max_ns - a.max_ns);
  const observed = observeTrace(readFileSync(file));
  const batches = observed.generations.map(({ all }, i): ObservationBatch => ({
    target: "tour",
    targetLabels: { service: "tour" },
    source: "trace",
    at: epochMilliseconds(START + (i + 1) * 1000),
    interval: milliseconds(1000),
    observations: all,
  }));

  const fired = (when: object, more: Partial<RawRule> = {}): readonly Decision[] =>
    replay(load([{ name: "r", when, ...more }]), batches).decisions.filter(({ kind }) => kind === "fired");

  test("a task's longest run fires just below its length, and not above it", () => {
    if (task === undefined) throw new Error(`no task ended in ${file}`);
    const when = (share: number) => ({
      signal: "task_duration_seconds",
      labels: { task: task.name },
      above: `${Math.round(task.max_ns * share)}ns`,
    });
    expect(fired(when(0.99)).at(0)?.value).toBeCloseTo(task.max_ns / 1e9, 6);
    expect(fired(when(1.01))).toEqual([]);
  });

  test("gauges, quantiles, expressions and absence see the same trace", () => {
    const live = Math.max(...observed.generations.flatMap((each) => [...each.values("heap_live_bytes")]));
    const heap = (share: number) => ({ signal: "heap_live_bytes", above: `${Math.round(live * share)}B` });
    expect(fired(heap(0.99))).not.toEqual([]);
    expect(fired(heap(1.01))).toEqual([]);
    const latency = (level: string) => ({
      let: { p99: { signal: "sched_latency_seconds", aggregate: "p99" } },
      expr: `p99 > seconds_of("${level}")`,
    });
    expect(fired(latency("1ns"))).not.toEqual([]);
    expect(fired(latency("1h"))).toEqual([]);
    expect(fired({ all: [heap(0.5), { not: { signal: "stw_pause_seconds", above: "1h" } }] })).not.toEqual(
      [],
    );
    expect(fired({ signal: "heap_live_bytes", absent_for: "1h" })).toEqual([]);
  });
});
