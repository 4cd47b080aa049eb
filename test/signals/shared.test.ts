/** The signals of real traces against what Go's own reader and summarizer say of them, and against a plain second count. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SIGNALS } from "../../src/signals/catalog.ts";
import type { EventColumns } from "../../src/trace/columns.ts";
import { Ev, GoState } from "../../src/trace/spec.ts";
import { sharedTrace, v2Releases } from "../trace/support.ts";
import { observeTrace, sum } from "./support.ts";

interface Summary {
  readonly name: string;
  readonly count: number;
  readonly complete: number;
  readonly total_ns: number;
  readonly max_ns: number;
}

interface Reference {
  readonly goroutines: readonly {
    readonly block_ns: Readonly<Record<string, number>>;
    readonly sched_wait_ns: number;
  }[];
  readonly tasks: readonly Summary[];
  readonly regions: readonly Summary[];
  readonly range_begins: Readonly<Record<string, number>>;
}

const reference = (release: string): Reference =>
  JSON.parse(readFileSync(sharedTrace(release).replace(/\.trace$/, ".reference.json"), "utf8")) as Reference;

/** Counted a second time, in the plainest way there is. */
class PlainCount {
  /** Of each generation: share of the running time in mark assist. */
  readonly assistRatios: number[] = [];
  #running = 0;
  #assisting = 0;
  schedLatency = 0;
  maxRunnable = 0;
  #runnable = 0;
  readonly #state = new Map<number, { state: number; since: number; exact: boolean }>();
  readonly #assists = new Set<number>();
  #start = 0;
  #end = 0;

  add(batch: EventColumns): void {
    for (let i = 0; i < batch.length; i++) {
      const row = batch.row(i);
      if (row.type === Ev.Sync) {
        if (this.#end === 0) this.#start = batch.generation.startTime;
        else this.#endGeneration();
        continue;
      }
      this.#end = row.time;
      const known = this.#state.get(row.subject);
      if (row.type >= Ev.GCMarkAssistActive && row.type <= Ev.GCMarkAssistEnd) {
        this.#leave(row.subject, row.time);
        if (row.type === Ev.GCMarkAssistEnd) this.#assists.delete(row.subject);
        else this.#assists.add(row.subject);
        continue;
      }
      const isGoroutine = row.to !== 0 && (row.type < Ev.ProcStart || row.type > Ev.ProcStatus);
      if (!isGoroutine || known?.state === row.to) continue;
      this.#leave(row.subject, row.time);
      if (known?.state === GoState.Runnable) {
        this.#runnable--;
        if (row.to === GoState.Running && known.exact) this.schedLatency += row.time - known.since;
      }
      if (row.to === GoState.Runnable) this.maxRunnable = Math.max(this.maxRunnable, ++this.#runnable);
      const isFirst = row.from === GoState.Undetermined;
      if (row.to === GoState.NotExist) this.#state.delete(row.subject);
      else {
        const since = isFirst ? this.#start : row.time;
        this.#state.set(row.subject, { state: row.to, since, exact: !isFirst });
      }
    }
  }

  #endGeneration(): void {
    for (const id of this.#state.keys()) this.#leave(id, this.#end);
    this.assistRatios.push(this.#assisting / this.#running);
    this.#running = 0;
    this.#assisting = 0;
  }

  /** Counts a running goroutine's time so far. */
  #leave(id: number, time: number): void {
    const known = this.#state.get(id);
    if (known?.state !== GoState.Running) return;
    this.#running += time - known.since;
    if (this.#assists.has(id)) this.#assisting += time - known.since;
    known.since = time;
  }
}

describe.each(v2Releases)("the signals of a trace by Go %s", (release) => {
  const bytes = readFileSync(sharedTrace(release));
  const known = reference(release);
  const plain = new PlainCount();
  const { generations, whole, dropped } = observeTrace(bytes, {
    valuesPerSeries: 1 << 20,
    requests: "always",
    onBatch: (batch) => plain.add(batch),
  });

  it("drop nothing and are all in the catalogue, with its labels", () => {
    expect(dropped).toEqual({ values: 0, labelSets: 0, goroutines: 0, tasks: 0, regions: 0 });
    for (const { signal, labels } of whole.all) {
      const definition = SIGNALS.find(({ name }) => name === signal);
      expect(definition?.source, signal).toBe("trace");
      expect(Object.keys(labels).sort()).toEqual([...(definition?.labels ?? [])].sort());
    }
  });

  it("have the durations of tasks to the nanosecond", () => {
    for (const task of known.tasks.filter(({ complete }) => complete > 0)) {
      const values = whole.values("task_duration_seconds", { task: task.name });
      expect(values).toHaveLength(task.complete);
      expect(sum(values) * 1e9).toBeCloseTo(task.total_ns, 2);
      expect(Math.max(...values) * 1e9).toBeCloseTo(task.max_ns, 3);
    }
  });

  it("have the durations of regions to the nanosecond", () => {
    // The one without a name is what Go's summarizer lets goroutines inherit.
    for (const region of known.regions.filter(({ name, complete }) => name !== "" && complete > 0)) {
      const values = whole.values("region_duration_seconds", { region: region.name });
      expect(values).toHaveLength(region.complete);
      expect(sum(values) * 1e9).toBeCloseTo(region.total_ns, 2);
    }
    expect(whole.labels("region_duration_seconds", "region")).not.toContain("never-ended");
  });

  it("have every stop of the world by its kind, and every collection", () => {
    for (const [name, begins] of Object.entries(known.range_begins)) {
      const kind = /^stop-the-world \((.*)\)$/.exec(name)?.[1];
      if (kind !== undefined) {
        const pauses = whole.values("stw_pause_seconds", { kind });
        expect(pauses.length, kind).toBeGreaterThanOrEqual(begins - 1);
        expect(pauses.length, kind).toBeLessThanOrEqual(begins);
        expect(Math.min(...pauses)).toBeGreaterThan(0);
      } else if (name === "GC concurrent mark phase") {
        expect(whole.values("gc_cycle_seconds")).toHaveLength(begins);
      }
    }
  });

  it("have the time blocked by reason", () => {
    const blocked = new Map<string, number>();
    for (const { block_ns: byReason } of known.goroutines) {
      for (const [reason, ns] of Object.entries(byReason)) {
        const name = reason === "" ? "unknown" : reason;
        blocked.set(name, (blocked.get(name) ?? 0) + ns);
      }
    }
    for (const [reason, ns] of blocked) {
      // To the trace's last event here, to its closing Sync in the reference: some ns for each goroutine.
      const seconds = sum(whole.values("blocked_seconds", { reason }));
      expect(Math.abs(seconds * 1e9 - ns), reason).toBeLessThan(200);
    }
  });

  it("have scheduler latency, mark assist and the run queue as a plain count has them", () => {
    expect(sum(whole.values("sched_latency_seconds")) * 1e9).toBeCloseTo(plain.schedLatency, 1);
    const summed = sum(known.goroutines.map(({ sched_wait_ns: ns }) => ns));
    // Go's includes waits that were not over at the end, or had begun before the trace.
    expect(plain.schedLatency).toBeLessThanOrEqual(summed);
    expect(plain.schedLatency).toBeGreaterThan(summed * 0.9);
    expect(Math.max(...whole.values("runnable_goroutines"))).toBe(plain.maxRunnable);
    const ratios = whole.values("gc_assist_ratio");
    expect(ratios).toHaveLength(plain.assistRatios.length);
    for (const [i, ratio] of ratios.entries()) expect(ratio).toBeCloseTo(plain.assistRatios[i]!, 12);
    expect(Math.max(...ratios)).toBeGreaterThan(0.01);
  });

  it("have times that fit: each value ends in its generation, in order of the values", () => {
    let from = 0;
    for (const generation of generations) {
      const ends = generation.all.flatMap(({ times }) => [...(times ?? [])]);
      expect(Math.min(...ends)).toBeGreaterThanOrEqual(from);
      from = Math.max(...ends) - 1000;
      for (const { values, times } of generation.all)
        if (times !== undefined) expect(times).toHaveLength(values.length);
    }
  });

  it("have the tour's requests although it has tasks, when asked for", () => {
    // 36 requests: each waits in its handler, of which 7 wait 80 ms.
    const requests = whole.values("request_duration_seconds");
    expect(requests.length).toBe(36);
    expect(requests.filter((seconds) => seconds > 0.08)).toHaveLength(
      whole.values("task_duration_seconds", { task: "GET /item" }).filter((seconds) => seconds > 0.08).length,
    );
  });
});
