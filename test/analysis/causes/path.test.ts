import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { analyse } from "../../../src/analysis/analyse.ts";
import { History, Mark, NO_RECORD } from "../../../src/analysis/causes/history.ts";
import { Kind } from "../../../src/analysis/causes/kinds.ts";
import { PathWalk } from "../../../src/analysis/causes/path.ts";
import type { CriticalPath } from "../../../src/analysis/causes/paths.ts";
import type { UnitGroup } from "../../../src/analysis/causes/ledger.ts";
import { readTrace } from "../../../src/trace/reader.ts";
import { buildTrace } from "../../support/trace-builder.ts";
import { sharedTrace, sharedTraces, skipShared } from "../traces.ts";

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

/** Rows meet, begin with the task, and sum to its latency. */
function expectWhole(path: CriticalPath): void {
  let at = path.begin_at_ns;
  for (const row of path.rows) {
    expect(row.begin_at_ns).toBe(at);
    expect(row.total_ns).toBeGreaterThan(0);
    at += row.total_ns;
  }
  expect(at).toBe(path.begin_at_ns + path.total_ns);
  expect(sum(path.causes.map((cause) => cause.total_ns)) + path.rest_ns).toBe(path.total_ns);
}

/** A band's kinds sum to its mean. */
function expectBudget(unit: UnitGroup): void {
  for (const band of [...unit.bands, unit.slow, unit.typical]) {
    expect(sum(Object.values(band.by_kind))).toBeCloseTo(band.mean_ns, 3);
  }
  expect(sum(unit.bands.map(({ tasks }) => tasks))).toBeCloseTo(unit.count, 6);
  expect(sum(unit.bands.map((band) => band.tasks * band.mean_ns))).toBeCloseTo(unit.total_ns, 0);
}

describe.skipIf(skipShared).each(sharedTraces)("causes of %s", (name) => {
  const result = analyse(readTrace(skipShared ? new Uint8Array() : sharedTrace(name)));

  test("paths and budgets sum to the latencies, and agree with the tasks", () => {
    const units = result.causes!.units;
    expect(sum(units.map(({ paths }) => paths.length))).toBeGreaterThan(0);
    for (const unit of units) {
      expectBudget(unit);
      unit.paths.forEach(expectWhole);
      if (unit.kind !== "task") continue;
      const task = result.tasks.find((group) => group.name === unit.name)!;
      expect(unit.count).toBe(task.complete);
      expect(unit.total_ns).toBe(task.total_ns);
      expect(unit.paths.map((path) => path.total_ns)).toEqual(
        task.worst.slice(0, unit.paths.length).map((row) => row.total_ns),
      );
      // Running is split finer than there, and nothing else of it.
      const share = (band: UnitGroup["slow"], kinds: readonly string[]): number =>
        sum(kinds.map((kind) => band.by_kind[kind] ?? 0)) * band.tasks;
      const running = ["running", "gc assist", "gc sweep"];
      const runnable = unit.bands.map((band) => share(band, ["runnable"]));
      expect(sum(unit.bands.map((band) => share(band, running)))).toBeCloseTo(task.split.exec_ns, 0);
      expect(sum(runnable)).toBeCloseTo(task.split.sched_wait_ns, 0);
    }
  });

  test("wakes and locks count what there is", () => {
    const { causes } = result;
    expect(causes!.wakes.every((edge) => edge.count > 0 && edge.delay_ns >= 0 && edge.wait_ns >= 0)).toBe(
      true,
    );
    for (const lock of causes!.locks.rows) expect(lock.held_ns).toBeLessThanOrEqual(lock.wait_ns);
    expect(sum(causes!.occupants_all.by_group.map(({ share }) => share))).toBeLessThanOrEqual(1.000_001);
  });
});

/** g1 has a task and waits for a lock that g2 holds while it sleeps. */
function lockTrace(): Uint8Array {
  const trace = buildTrace(26);
  const m = trace.generation().thread(7);
  const wait = ["sync.runtime_SemacquireMutex", "sync.(*Mutex).Lock", "main.lookUp", "main.main"];
  m.emit("ProcStatus", { dt: 0, p: 0, pstatus: "Running" });
  m.emit("GoStatus", { g: 1, m: 7, gstatus: "Running" });
  m.emit("GoStatus", { g: 2, m: -1, gstatus: "Waiting" });
  m.emit("UserTaskBegin", { dt: 97, task: 1, parent_task: 0, name_string: "t", stack: ["main.main"] });
  m.emit("GoBlock", { dt: 100, reason_string: "sync", stack: wait });
  m.emit("GoUnblock", { dt: 300, g: 2, g_seq: 1 });
  m.emit("GoStart", { dt: 50, g: 2, g_seq: 2 });
  m.emit("GoUnblock", { dt: 200, g: 1, g_seq: 1, stack: ["sync.(*Mutex).Unlock", "main.hold"] });
  m.emit("GoBlock", { dt: 10, reason_string: "sleep", stack: ["time.Sleep", "main.hold"] });
  m.emit("GoStart", { dt: 40, g: 1, g_seq: 2 });
  m.emit("UserTaskEnd", { dt: 60, task: 1, stack: ["main.main"] });
  return trace.bytes();
}

test("a wait for a lock is its holder's time, as far back as the wait", () => {
  const result = analyse(readTrace(lockTrace()));
  const path = result.causes!.units[0]!.paths[0]!;
  expectWhole(path);
  expect(path.rows.map((row) => [row.goroutine, row.state, row.total_ns, row.hops])).toEqual([
    [1, "running", 100, 0],
    [2, "wait", 300, 1],
    [2, "runnable", 50, 1],
    [2, "running", 200, 1],
    [1, "runnable", 50, 0],
    [1, "running", 60, 0],
  ]);
  expect(result.causes!.units[0]!.slow.by_kind).toEqual({ running: 160, runnable: 50, mutex: 550 });
  expect(result.causes!.locks.rows).toMatchObject([
    { waiter: "main.lookUp", holder: "main.hold", waits: 1, wait_ns: 550, max_queue: 1 },
  ]);
});

/** A step of a made-up past: which goroutine does what for how long. */
const moves = fc.array(
  fc.record({
    goroutine: fc.integer({ min: 0, max: 4 }),
    waker: fc.integer({ min: -1, max: 4 }),
    kind: fc.constantFrom(Kind.running, Kind.runnable, Kind.firstWait),
    ns: fc.integer({ min: 0, max: 50 }),
  }),
  { maxLength: 200 },
);

test("whatever the past was, steps meet and cover the task", () => {
  fc.assert(
    fc.property(moves, fc.integer({ min: 0, max: 3000 }), fc.boolean(), (past, age, found) => {
      const history = new History();
      const since = new Float64Array(5);
      const last = new Float64Array(5).fill(NO_RECORD);
      let now = 0;
      for (const { goroutine, waker, kind, ns } of past) {
        now += ns;
        const isMark = found && last[goroutine] === NO_RECORD;
        const begin = isMark ? now : since[goroutine]!;
        const what = isMark ? Mark.found : kind;
        const at = history.push(goroutine, 0, what, begin, now, 1, last[goroutine]!);
        if (kind === Kind.firstWait && waker >= 0 && waker !== goroutine)
          history.wakenBy(at, waker, 0, last[waker]!, 2);
        last[goroutine] = history.head - 1;
        since[goroutine] = now;
      }
      now += 5;
      const begin = Math.max(0, now - age);
      const walk = new PathWalk(history, () => false);
      const end = { goroutine: 0, group: 0, past: last[0]!, kind: Kind.running, stack: 0, end: now };
      for (const owner of [0, 1]) {
        const steps = walk.walk(end, begin, owner).toReversed();
        let at = begin;
        for (const step of steps) {
          expect(step.begin).toBe(at);
          expect(step.end).toBeGreaterThan(step.begin);
          at = step.end;
        }
        expect(at).toBe(now);
      }
    }),
  );
});

test("beyond what is kept, a path says so", () => {
  const history = new History(1 << 12);
  let last = NO_RECORD;
  for (let i = 0; i < 10_000; i++) {
    history.push(1, 0, i % 2 === 0 ? Kind.running : Kind.runnable, i * 10, i * 10 + 10, 0, last);
    last = history.head - 1;
  }
  const end = { goroutine: 1, group: 0, past: last, kind: Kind.running, stack: 0, end: 100_000 };
  const steps = new PathWalk(history, () => false).walk(end, 0, 1);
  expect(sum(steps.map((step) => step.end - step.begin))).toBe(100_000);
  expect(steps).toHaveLength(4097);
  expect(steps.at(-1)).toMatchObject({ kind: 250, begin: 0, end: (10_000 - 4096) * 10 });
});
