import { describe, expect, test } from "vitest";
import { MAX_SAMPLES, SchedTraceParser, parseSchedTrace } from "../../src/analysis/schedtrace/parse.ts";
import { goroutineStateName, procStateName } from "../../src/analysis/schedtrace/spec.ts";
import { buildGo, goUnavailable } from "../support/go.ts";
import type { GoChoice } from "../support/go.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";

const versions: readonly GoChoice[] = ["1.21", "1.22", "1.24", "1.26", "1.27"];
const unavailable = await Promise.all(versions.map(goUnavailable));

async function traced(version: GoChoice, debug: string): Promise<string> {
  const binary = await buildGo("test/analysis/busy", { version });
  const { exitCode, stderr } = await run(binary, [], {
    env: { ...process.env, GODEBUG: debug, GOMAXPROCS: "2" },
  });
  expect(exitCode).toBe(0);
  return stderr;
}

describe.each(versions.map((version, i) => [version, unavailable[i]] as const))(
  "Go %s",
  (version, reason) => {
    const skip = requireOrSkip(`schedtrace of Go ${version}`, reason);

    test.skipIf(skip)("schedtrace: four spinners on two procs", async () => {
      const output = await traced(version, "schedtrace=50");
      const { samples, last, other_lines: other } = parseSchedTrace(output);
      expect(samples.length).toBe(output.split("\n").filter((line) => line.startsWith("SCHED")).length);
      expect(samples.length).toBeGreaterThan(2);
      expect(other).toBe(0);
      expect(last).toBeNull();
      for (const sample of samples) {
        expect(sample.gomaxprocs).toBe(2);
        expect(sample.local_run_queues).toHaveLength(2);
        expect(sample.need_spinning).not.toBeNull();
        expect(sample.threads).toBeGreaterThanOrEqual(sample.idle_threads);
        expect(sample.goroutines).toBeNull();
      }
      // Two of the four spinners run, two queue: seen in at least one snapshot in the middle.
      expect(Math.max(...samples.map((sample) => sample.runnable))).toBeGreaterThanOrEqual(2);
      expect(samples.map((sample) => sample.at_ms)).toEqual(
        samples.map((sample) => sample.at_ms).toSorted((a, b) => a - b),
      );
      const hasTicks = samples.every((sample) => sample.sched_ticks?.length === 2);
      expect(hasTicks).toBe(version === "1.26" || version === "1.27");
    });

    test.skipIf(skip)("scheddetail: who waits for what", async () => {
      const output = await traced(version, "schedtrace=20,scheddetail=1");
      const { samples, last, other_lines: other } = parseSchedTrace(output);
      expect(other).toBe(0);
      // A snapshot is not taken at one instant: in most of them, not in all, everything adds up.
      const settled = samples.find(
        ({ waiting, goroutines, runnable }) =>
          waiting!["sleep"] === 20 &&
          waiting!["IO wait"] === 1 &&
          goroutines!["running"] === 2 &&
          // What is in the queues is what is runnable.
          goroutines!["runnable"] === runnable,
      );
      expect(settled).toMatchObject({ gomaxprocs: 2, gc_waiting: false });
      expect(last!.procs).toHaveLength(2);
      expect(last!.procs.every(({ state }) => state === "running" || state === "idle")).toBe(true);
      const locked = last!.threads.filter((thread) => thread.locked_goroutine !== null);
      expect(locked).toHaveLength(1);
      const goroutine = last!.goroutines.find(({ id }) => id === locked[0]!.locked_goroutine);
      expect(goroutine).toMatchObject({
        state: "waiting",
        wait_reason: "chan receive",
        locked_thread: locked[0]!.id,
      });
    });
  },
);

describe("schedtrace output", () => {
  test("of Go before 1.19: numbers for booleans, −1 for none, no needspinning", () => {
    const { samples, last } = parseSchedTrace(
      [
        "SCHED 2003ms: gomaxprocs=2 idleprocs=1 threads=5 spinningthreads=0 idlethreads=2 runqueue=0 gcwaiting=0 nmidlelocked=0 stopwait=0 sysmonwait=0",
        "  P0: status=1 schedtick=42 syscalltick=7 m=3 runqsize=4 gfreecnt=0 timerslen=0",
        "  P1: status=0 schedtick=8 syscalltick=0 m=-1 runqsize=0 gfreecnt=0 timerslen=1",
        "  M3: p=0 curg=18 mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=false lockedg=-1",
        "  G18: status=2(GC worker (idle)) m=3 lockedm=-1",
        "  G2: status=4100(force gc (idle)) m=-1 lockedm=-1",
        "",
      ].join("\n"),
    );
    expect(samples).toEqual([
      {
        at_ms: 2003,
        gomaxprocs: 2,
        idle_procs: 1,
        threads: 5,
        spinning_threads: 0,
        need_spinning: null,
        idle_threads: 2,
        run_queue: 0,
        local_run_queues: [4, 0],
        runnable: 4,
        sched_ticks: [42, 8],
        gc_waiting: false,
        stop_wait: 0,
        goroutines: { running: 1, "waiting (scan)": 1 },
        waiting: { "force gc (idle)": 1 },
      },
    ]);
    expect(last!.procs[1]).toMatchObject({ state: "idle", thread: null, timers: 1 });
    expect(last!.threads[0]).toMatchObject({ proc: 0, goroutine: 18, locked_goroutine: null });
    expect(last!.goroutines[0]).toMatchObject({ state: "running", wait_reason: "", thread: 3 });
  });

  test("among a program's own lines", () => {
    const { samples, other_lines: other } = parseSchedTrace(
      "starting\n  P0: not yet\nSCHED 0ms: gomaxprocs=1 idleprocs=0 threads=2 spinningthreads=0 idlethreads=0 runqueue=3 [5]\nGET / 200\r\n",
    );
    expect(samples.map(({ runnable }) => runnable)).toEqual([8]);
    expect(other).toBe(3);
  });

  test("is bounded: the newest snapshots stay", () => {
    const parser = new SchedTraceParser();
    for (let i = 0; i < MAX_SAMPLES + 5; i++) {
      parser.line(
        `SCHED ${i}ms: gomaxprocs=1 idleprocs=0 threads=1 spinningthreads=0 idlethreads=0 runqueue=0 [0]`,
      );
    }
    const { samples, dropped_samples: dropped } = parser.finish();
    expect(samples).toHaveLength(MAX_SAMPLES);
    expect(dropped).toBe(5);
    expect([samples[0]!.at_ms, samples.at(-1)!.at_ms]).toEqual([5, MAX_SAMPLES + 4]);
  });

  test("names the runtime's state codes", () => {
    expect([0, 1, 2, 3, 4, 6, 8, 9].map(goroutineStateName)).toEqual([
      "idle",
      "runnable",
      "running",
      "syscall",
      "waiting",
      "dead",
      "copystack",
      "preempted",
    ]);
    expect(goroutineStateName(0x1002)).toBe("running (scan)");
    expect(goroutineStateName(99)).toBe("state 99");
    expect([0, 1, 2, 3, 4].map(procStateName)).toEqual(["idle", "running", "syscall", "gcstop", "dead"]);
  });
});
