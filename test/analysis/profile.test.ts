import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { analyse } from "../../src/analysis/analyse.ts";
import { ProfilePass, profileOf } from "../../src/analysis/profile.ts";
import type { ProfileKind, ProfileOptions } from "../../src/analysis/profile.ts";
import type { AnalysisResult } from "../../src/analysis/result.ts";
import type { TimeSplit } from "../../src/analysis/split.ts";
import type { Profile } from "../../src/pprof/profile.ts";
import { GoroutineTracker } from "../../src/analysis/tracker.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { buildGo, goUnavailable } from "../support/go.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { sharedTrace, sharedTraces, skipShared } from "./traces.ts";

const skipGo = requireOrSkip("profiles of a program that queues", await goUnavailable());

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
const time = (profile: Profile): number => sum(profile.samples.map(({ values }) => values[1]!));
const count = (profile: Profile): number => sum(profile.samples.map(({ values }) => values[0]!));

/** Time in a state over all goroutines. */
function spent(result: AnalysisResult, kinds: readonly string[]): number {
  return sum(
    result.goroutines.flatMap((group) => kinds.map((kind) => group.per_goroutine[kind]?.sum_ns ?? 0)),
  );
}

/** Time of a split that a profile is about; waits that began before the trace have no reason. */
function splitOf(kind: ProfileKind, split: TimeSplit): number {
  if (kind === "sched") return split.sched_wait_ns;
  if (kind === "syscall") return split.syscall_ns + split.syscall_block_ns;
  const reasons = Object.entries(split.block_ns);
  const matches = (reason: string): boolean =>
    kind === "net" ? reason === "network" : /chan|sync|select/.test(reason);
  return sum(reasons.map(([reason, ns]) => (matches(reason) ? ns : 0)));
}

/** Profiles of all these options, in one walk. */
function profilesOf(bytes: Uint8Array, options: readonly ProfileOptions[]): Profile[] {
  const passes = options.map((each) => new ProfilePass(each));
  const tracker = new GoroutineTracker(passes);
  for (const batch of readTrace(bytes)) tracker.push(batch);
  tracker.finish();
  return passes.map((pass) => pass.result(tracker));
}

const blocking = ["net", "sync", "syscall", "sched"] as const;

/** A trace of each format and one with little idle time: what adds up in these adds up in all. */
const some = sharedTraces.filter((name) => /1\.(21|22|24|26)$/.test(name));

describe.skipIf(skipShared).each(some)("profiles of %s", (name) => {
  const bytes = skipShared ? new Uint8Array() : sharedTrace(name);
  const result = analyse(readTrace(bytes), { worst: 1000 });

  test("hold all the time that goroutines spend in the state", () => {
    const [sched, syscall, net] = profilesOf(bytes, [
      { kind: "sched" },
      { kind: "syscall" },
      { kind: "net" },
    ]).map(time);
    expect(sched).toBe(spent(result, ["sched_wait"]));
    expect(syscall).toBe(spent(result, ["syscall", "syscall_block"]));
    expect(net).toBeGreaterThanOrEqual(spent(result, ["block:network"]));
  });

  test("are parted by goroutine groups, by time, and by latency", () => {
    const cut = Math.floor(result.duration_ns / 3);
    for (const kind of [...blocking, "cpu"] as const) {
      const [whole, before, after, short, long, ...groups] = profilesOf(bytes, [
        { kind },
        { kind, toNs: cut },
        { kind, fromNs: cut },
        { kind, maxLatencyNs: 50_000 },
        { kind, minLatencyNs: 50_000 },
        ...result.goroutines.map(({ name: goroutine }) => ({ kind, goroutine })),
      ]);
      const outside = kind === "cpu" ? result.cpu_samples.without_goroutine * 1e7 : 0;
      expect(sum(groups.map(time)) + outside).toBe(time(whole!));
      expect(time(before!) + time(after!)).toBe(time(whole!));
      if (kind === "cpu") continue;
      expect([count(short!) + count(long!), time(short!) + time(long!)]).toEqual([
        count(whole!),
        time(whole!),
      ]);
      expect(time(short!)).toBeLessThan(count(short!) * 50_000 + 1);
    }
  });

  test("of a region hold what its goroutines spent in it", () => {
    // Regions of these names are whole in the trace, and only one is open at a time.
    for (const region of ["contention", "fetch-data", "garbage", "pipeline", "requests", "syscalls"]) {
      const group = result.regions.find((row) => row.name === region)!;
      expect(group.complete).toBe(group.count);
      const profiles = profilesOf(
        bytes,
        blocking.map((kind) => ({ kind, region })),
      );
      expect([region, profiles.map(time)]).toEqual([
        region,
        blocking.map((kind) => splitOf(kind, group.split)),
      ]);
    }
    const [sync, none] = profilesOf(bytes, [
      { kind: "sync", region: "requests" },
      { kind: "sync", region: "no such region" },
    ]);
    expect(time(sync!)).toBeGreaterThan(0);
    expect(none!.samples).toEqual([]);
  });

  test("of a task hold at least what the goroutine that began it spent in it", () => {
    const group = result.tasks.find((row) => row.name === "GET /item")!;
    expect(group.worst.length).toBe(36);
    const worst = group.worst[0]!;
    for (const kind of ["net", "syscall", "sched"] as const) {
      const [all, one, tour] = profilesOf(bytes, [
        { kind, task: "GET /item" },
        { kind, task: worst.id },
        { kind, task: "tour" },
      ]);
      expect(time(all!)).toBeGreaterThanOrEqual(splitOf(kind, group.split));
      expect(time(one!)).toBeGreaterThanOrEqual(splitOf(kind, worst));
      if (kind === "sched") expect(time(tour!)).toBeGreaterThan(0);
    }
  });
});

describe.skipIf(skipGo)("what go tool trace loses", () => {
  let folder = "";
  let bytes = new Uint8Array();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gorewind-queue-"));
    const file = join(folder, "queue.trace");
    const binary = await buildGo("test/analysis/queue");
    const { exitCode, stderr } = await run(binary, [file], { env: { ...process.env, GOMAXPROCS: "1" } });
    expect([exitCode, stderr]).toEqual([0, ""]);
    bytes = new Uint8Array(await readFile(file));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("the wait from creation to the first run, with the stack of who waits", () => {
    const options = { kind: "sched", goroutine: "main.queued" } as const;
    const compat = profileOf(readTrace(bytes), { ...options, compat: true });
    const right = profileOf(readTrace(bytes), options);
    expect(count(right)).toBeGreaterThanOrEqual(20);
    // Twenty goroutines wait behind 5 ms of main and behind each other.
    expect(time(right)).toBeGreaterThan(20 * 5e6);
    expect(time(compat)).toBeLessThan(time(right) / 3);
    const first = right.samples[0]!;
    expect(first.stack.at(-1)!.func).toBe("main.queued");
    expect(first.values[0]).toBeGreaterThanOrEqual(19);
  });

  test("waits that are not over when the trace ends", () => {
    const options = { kind: "sync", goroutine: "main.stuckInside" } as const;
    expect(profileOf(readTrace(bytes), { ...options, compat: true }).samples).toEqual([]);
    const right = profileOf(readTrace(bytes), options);
    expect(count(right)).toBe(3);
    expect(right.samples[0]!.stack.map(({ func }) => func)).toContain("main.stuckInside");
    expect(time(right)).toBeGreaterThan(3 * 20e6);
  });

  test("waits that began before the trace, and who has waited all along", () => {
    const options = { kind: "sync", goroutine: "main.stuckBefore" } as const;
    expect(profileOf(readTrace(bytes), { ...options, compat: true }).samples).toEqual([]);
    const result = analyse(readTrace(bytes));
    const right = profileOf(readTrace(bytes), options);
    expect([count(right), time(right)]).toEqual([7, 7 * result.duration_ns]);
    const row = result.stuck.rows.find(({ group }) => group === "main.stuckBefore")!;
    expect(row).toMatchObject({ state: "waiting", count: 7 });
    expect(row.goroutines).toHaveLength(7);
    expect(row.stack.map(({ func }) => func)).toEqual(
      expect.arrayContaining(["runtime.chanrecv1", "main.stuckBefore"]),
    );
    expect(result.stuck.rows.map(({ group }) => group)).not.toContain("main.stuckInside");
  });

  test("how long the run queue was", () => {
    const { scheduler } = analyse(readTrace(bytes));
    expect(scheduler.gomaxprocs.map(({ procs }) => procs)).toEqual([1]);
    expect(scheduler.run_queue_max).toBeGreaterThanOrEqual(20);
    expect(scheduler.overloaded_ns).toBeGreaterThan(5e6);
    expect(scheduler.by_cause["created"]!.count).toBeGreaterThanOrEqual(20);
    expect(scheduler.procs).toHaveLength(1);
    expect(scheduler.procs[0]!.utilization).toBeGreaterThan(0.5);
  });
});
