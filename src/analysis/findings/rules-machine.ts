/** Rules about processors, the garbage collector, stop-the-world, and what only grows. */

import type { CausesResult } from "../causes/result.ts";
import type { UnitGroup } from "../causes/ledger.ts";
import { slowOnes, spent, worstOf } from "./rule.ts";
import type { Analysed, Evidence, ProgramRule, Rule, UnitRule } from "./rule.ts";
import { duration, percent, shortName } from "./text.ts";

const SCHED_SHARE = 0.15;

/** The number of procs that was in force longest; 0 if the trace does not tell. */
function procsOf(result: Analysed): number {
  const { gomaxprocs } = result.scheduler;
  let procs = 0;
  let longest = -1;
  gomaxprocs.forEach((change, i) => {
    const lasted = (gomaxprocs[i + 1]?.at_ns ?? result.duration_ns) - change.at_ns;
    if (lasted > longest) [procs, longest] = [change.procs, lasted];
  });
  return procs;
}

/** Share of the time for which the procs were in use. */
function utilization(result: Analysed): number {
  const procs = procsOf(result) || result.scheduler.procs.length;
  const used = result.scheduler.procs.reduce((sum, proc) => sum + proc.running_ns, 0);
  return procs > 0 && result.duration_ns > 0 ? used / procs / result.duration_ns : 0;
}

function schedEvidence(
  unit: UnitGroup,
  causes: CausesResult,
  result: Analysed,
  why: (busy: string) => string,
): Evidence | undefined {
  const found = spent(unit, ["runnable"], SCHED_SHARE);
  if (found === undefined) return undefined;
  const top = causes.occupants.by_group.slice(0, 3);
  const busy = top.map(({ group, share }) => `${shortName(group)} (${percent(share)})`).join(", ");
  const ones = slowOnes(unit);
  return {
    share: found.share,
    sentence: `${ones.charAt(0).toUpperCase()}${ones.slice(1)} are ready to run but wait ${duration(found.ns)} of ${duration(unit.slow.mean_ns)} (${percent(found.share)}) for a processor${why(busy)}.`,
    numbers: [
      { name: "slow tasks", value: found.ns, unit: "ns" },
      { name: "share of slow tasks' time", value: found.share, unit: "share" },
      { name: "GOMAXPROCS", value: procsOf(result), unit: "count" },
      { name: "procs in use", value: utilization(result), unit: "share" },
      { name: "run queue, mean", value: result.scheduler.run_queue_mean, unit: "count" },
      ...top.map(({ group, share }) => ({
        name: `had a proc meanwhile: ${group}`,
        value: share,
        unit: "share" as const,
      })),
    ],
    ...worstOf(unit),
  };
}

const cpuSaturation: UnitRule = {
  kind: "unit",
  id: "cpu-saturation",
  title: "Not enough processors for the work",
  threshold:
    "slow tasks spend at least 15 % of their time and 1 ms runnable, procs are in use for at least 80 % of the time, and GOMAXPROCS is not 1",
  advice:
    "Give it more CPU (limit and GOMAXPROCS together) or more replicas, do less work per request (profile who had the processors), or bound how many goroutines compute at once.",
  find(unit, causes, result) {
    if (procsOf(result) === 1 || utilization(result) < 0.8) return undefined;
    return schedEvidence(unit, causes, result, (busy) => `; meanwhile they were held by ${busy}`);
  },
};

const oneProc: UnitRule = {
  kind: "unit",
  id: "few-procs",
  title: "GOMAXPROCS is 1",
  threshold:
    "GOMAXPROCS is 1 for most of the trace, and slow tasks spend at least 15 % of their time and 1 ms runnable",
  advice:
    "Raise GOMAXPROCS and the CPU limit: with one processor, goroutines and the collector take turns. Check GOMAXPROCS in the environment and, before Go 1.25, that it fits the container's limit.",
  find(unit, causes, result) {
    if (procsOf(result) !== 1) return undefined;
    return schedEvidence(
      unit,
      causes,
      result,
      (busy) => `, of which there is only one; meanwhile it was held by ${busy}`,
    );
  },
};

const slowWake: UnitRule = {
  kind: "unit",
  id: "slow-wakeup",
  title: "Ready to run, but no processor woke up",
  threshold:
    "slow tasks spend at least 15 % of their time and 1 ms runnable, while procs are in use for less than 80 % of the time",
  advice:
    "There were idle processors: the operating system was slow to run the program's threads. Look for CPU throttling, a busy host, and long stop-the-world pauses.",
  find(unit, causes, result) {
    if (utilization(result) >= 0.8) return undefined;
    return schedEvidence(
      unit,
      causes,
      result,
      (busy) => ` although processors were idle; they were held by ${busy}`,
    );
  },
};

const GC_KINDS = ["gc assist", "gc sweep", "gc wait"];

const gcAssist: UnitRule = {
  kind: "unit",
  id: "gc-assist",
  title: "Tasks do the collector's work",
  threshold:
    "slow tasks spend at least 10 % of their time and 1 ms in mark assists, sweeping, or waiting for the collector",
  advice:
    "Allocate less (heap profile, -benchmem), reuse buffers. Give the collector room: a higher GOGC, or GOMEMLIMIT with GOGC as memory allows.",
  find(unit, _causes, result) {
    const found = spent(unit, GC_KINDS, 0.1);
    if (found === undefined) return undefined;
    const ones = slowOnes(unit);
    return {
      share: found.share,
      sentence: `${ones.charAt(0).toUpperCase()}${ones.slice(1)} spend ${duration(found.ns)} of ${duration(unit.slow.mean_ns)} (${percent(found.share)}) helping the garbage collector or waiting for it: they allocate faster than it collects.`,
      numbers: [
        ...GC_KINDS.map((kind) => ({ name: kind, value: unit.slow.by_kind[kind] ?? 0, unit: "ns" as const })),
        { name: "GC cycles", value: result.gc.cycle_count, unit: "count" },
        { name: "share of the trace with a mark phase on", value: result.gc.mark_share, unit: "share" },
      ],
      ...worstOf(unit),
    };
  },
};

const gcPressure: ProgramRule = {
  kind: "program",
  id: "gc-pressure",
  title: "The garbage collector hardly rests",
  threshold: "a mark phase is on for at least 40 % of the trace, in at least 5 cycles",
  advice:
    "Allocate less, or raise GOGC or set GOMEMLIMIT so that cycles are rarer; check that the live heap is not far larger than it need be.",
  find(_causes, result) {
    const { cycle_count: cycles, mark_share: share } = result.gc;
    if (share < 0.4 || cycles < 5) return undefined;
    return {
      share: null,
      sentence: `The garbage collector marks for ${percent(share)} of the time, in ${cycles} cycles within ${duration(result.duration_ns)}; meanwhile it takes a quarter of the processors.`,
      numbers: [
        { name: "GC cycles", value: cycles, unit: "count" },
        { name: "share of the trace with a mark phase on", value: share, unit: "share" },
        { name: "mark assists", value: result.gc.assist.sum_ns, unit: "ns" },
      ],
    };
  },
};

const longStop: ProgramRule = {
  kind: "program",
  id: "long-stw",
  title: "Stop-the-world takes long",
  threshold: "one stop-the-world lasts 10 ms or more, or all of them 5 % of the trace",
  advice:
    "If one goroutine was late to stop: break up its long copy, hash or assembly loop into chunks. If the kind is not the collector's: find who asks for it (goroutine profiles, ReadMemStats, GOMAXPROCS).",
  find(causes) {
    const { stops } = causes;
    const [worst] = stops.worst;
    if (worst === undefined) return undefined;
    const share = stops.total_ns / Math.max(1, causes.followed_ns);
    if (worst.total_ns < 10_000_000 && share < 0.05) return undefined;
    const late =
      worst.straggler !== null && worst.stopping_ns >= worst.total_ns / 2
        ? ` ${duration(worst.stopping_ns)} of it were waiting for goroutine ${worst.straggler.goroutine} (${shortName(worst.straggler.group)}), the last to stop.`
        : "";
    return {
      share: null,
      critical: worst.total_ns >= 100_000_000,
      sentence: `The whole program stood still for ${duration(worst.total_ns)} (${worst.kind}), ${duration(stops.total_ns)} in all.${late}`,
      numbers: [
        { name: "stops", value: stops.count, unit: "count" },
        { name: "all of them", value: stops.total_ns, unit: "ns" },
        { name: "longest", value: worst.total_ns, unit: "ns" },
        { name: "until all had stopped, in the longest", value: worst.stopping_ns, unit: "ns" },
        { name: "tasks and requests in progress in the longest", value: worst.units, unit: "count" },
      ],
      range: { begin_at_ns: worst.begin_at_ns, end_at_ns: worst.begin_at_ns + worst.total_ns },
      goroutines: [worst.goroutine, ...(worst.straggler === null ? [] : [worst.straggler.goroutine])],
      stacks:
        worst.straggler === null
          ? []
          : [{ role: "the last to stop", function: worst.straggler.function, stack: worst.straggler.stack }],
    };
  },
};

const osStarvation: ProgramRule = {
  kind: "program",
  id: "os-starvation",
  title: "The operating system did not run the program",
  threshold:
    "at least 3 gaps of 25 ms or more without any event while goroutines were running, 5 % of the trace in all",
  advice:
    "Compare with the container's throttling counters (cpu.stat nr_throttled) and the host's load. Raise or remove the CPU limit, or let GOMAXPROCS fit it.",
  find(causes) {
    const { gaps } = causes;
    if (gaps.count < 3 || gaps.share < 0.05) return undefined;
    const quota =
      gaps.in_quota_step >= gaps.count / 2 ? " They come in step with 100 ms, as CPU quota does." : "";
    const [worst] = gaps.worst;
    return {
      share: null,
      sentence: `For ${percent(gaps.share)} of the time nothing happened on any thread although goroutines were running, in ${gaps.count} gaps.${quota}`,
      numbers: [
        { name: "gaps", value: gaps.count, unit: "count" },
        { name: "all of them", value: gaps.total_ns, unit: "ns" },
        { name: "in step with 100 ms", value: gaps.in_quota_step, unit: "count" },
      ],
      range:
        worst === undefined
          ? null
          : { begin_at_ns: worst.begin_at_ns, end_at_ns: worst.begin_at_ns + worst.total_ns },
    };
  },
};

const goroutineLeak: ProgramRule = {
  kind: "program",
  id: "goroutine-leak",
  title: "Goroutines are left behind",
  threshold:
    "one place creates at least 50 goroutines over at least half of the trace, and at least half of them have been waiting for 100 ms or more at its end, all in one function",
  advice:
    "Make sure that each goroutine can end: give its channel a buffer of one, select on the context's Done, close what it reads from.",
  find(causes) {
    const leak = causes.births.find(
      (row) =>
        row.created >= 50 &&
        row.stale >= row.created / 2 &&
        row.last_at_ns - row.first_at_ns >= causes.followed_ns / 2,
    );
    if (leak === undefined) return undefined;
    return {
      share: null,
      sentence: `${leak.stale} of ${leak.created} goroutines that ${shortName(leak.creator)} started within ${duration(causes.followed_ns)} wait in ${shortName(leak.stale_function)} and do not go on; ${leak.ended} ended.`,
      numbers: [
        { name: "created", value: leak.created, unit: "count" },
        { name: "ended", value: leak.ended, unit: "count" },
        { name: "waiting for at least 100 ms", value: leak.stale, unit: "count" },
      ],
      goroutines: leak.goroutines,
      stacks: [
        { role: "waits here", function: leak.stale_function, stack: leak.stale_stack },
        { role: "created here", function: leak.creator, stack: leak.create_stack },
      ],
    };
  },
};

const incomplete: ProgramRule = {
  kind: "program",
  id: "trace-incomplete",
  title: "Not all of it was looked at",
  info: true,
  threshold:
    "a gap in the trace, tasks that were not followed, or a trace too long to be followed to its end",
  advice:
    "Figures hold for what was recorded and followed. A larger ring or a shorter period of reading avoids gaps; a long trace can be cut to the time in question.",
  find(causes, result) {
    const missed = result.duration_ns - causes.followed_ns;
    if (result.gaps === 0 && causes.units_not_followed === 0 && missed <= 0) return undefined;
    const parts = [
      ...(result.gaps > 0 ? [`events are missing in ${result.gaps} places`] : []),
      ...(causes.units_not_followed > 0
        ? [`${causes.units_not_followed} tasks or requests were not followed`]
        : []),
      ...(missed > 0 ? [`causes were looked for in the first ${duration(causes.followed_ns)} only`] : []),
    ];
    return {
      share: null,
      sentence: `Of this trace, ${parts.join("; ")}.`,
      numbers: [
        { name: "gaps", value: result.gaps, unit: "count" },
        { name: "not followed", value: causes.units_not_followed, unit: "count" },
        { name: "time without causes", value: missed, unit: "ns" },
      ],
    };
  },
};

export const machineRules: readonly Rule[] = [
  cpuSaturation,
  oneProc,
  slowWake,
  gcAssist,
  gcPressure,
  longStop,
  osStarvation,
  goroutineLeak,
  incomplete,
];
