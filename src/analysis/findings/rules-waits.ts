/** Rules about what slow tasks wait for. */

import { CONVOY_LENGTH } from "../causes/locks.ts";
import type { CausesResult } from "../causes/result.ts";
import type { UnitGroup } from "../causes/ledger.ts";
import { sitesOf, slowOnes, spent, waitStacks, worstOf } from "./rule.ts";
import type { Evidence, UnitRule } from "./rule.ts";
import { duration, percent, shortName } from "./text.ts";

const LOCKS = ["mutex", "rwmutex"];

/** Of the locks that slow tasks of the type wait for, the holder that had one longest meanwhile. */
function lockOf(unit: UnitGroup, causes: CausesResult): CausesResult["locks"]["rows"][number] | undefined {
  const waiters = new Set(sitesOf(unit, LOCKS).map((site) => site.function));
  const rows = causes.locks.rows.filter(({ waiter }) => waiters.has(waiter));
  return rows.toSorted((a, b) => b.held_ns - a.held_ns)[0];
}

/** A rule that is all said by a kind of wait. */
function waitRule(
  text: Omit<UnitRule, "kind" | "find" | "threshold">,
  kinds: readonly string[],
  least: number,
  say: (where: string, causes: CausesResult, unit: UnitGroup) => string,
): UnitRule {
  return {
    kind: "unit",
    ...text,
    threshold: `slow tasks spend at least ${percent(least)} of their time and 1 ms in: ${kinds.join(", ")}`,
    find(unit, causes): Evidence | undefined {
      const found = spent(unit, kinds, least);
      if (found === undefined) return undefined;
      const sites = sitesOf(unit, kinds);
      return {
        share: found.share,
        sentence: `${capital(slowOnes(unit))} spend ${duration(found.ns)} of ${duration(unit.slow.mean_ns)} (${percent(found.share)}) ${say(shortName(sites[0]?.function ?? ""), causes, unit)}.`,
        numbers: [
          { name: "slow tasks", value: found.ns, unit: "ns" },
          {
            name: "typical tasks",
            value: kinds.reduce((sum, kind) => sum + (unit.typical.by_kind[kind] ?? 0), 0),
            unit: "ns",
          },
          { name: "share of slow tasks' time", value: found.share, unit: "share" },
        ],
        stacks: waitStacks(sites),
        ...worstOf(unit),
      };
    },
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const mutexContention: UnitRule = {
  kind: "unit",
  id: "mutex-contention",
  title: "Waiting for a lock",
  threshold: "slow tasks spend at least 20 % of their time and 1 ms waiting for a mutex or rwmutex",
  advice:
    "Make the critical section shorter: no I/O, no allocation in bulk, no logging while the lock is held. Else shard the lock, or read a copy behind an atomic pointer.",
  find(unit, causes) {
    const found = spent(unit, LOCKS, 0.2);
    if (found === undefined) return undefined;
    const sites = sitesOf(unit, LOCKS);
    const lock = lockOf(unit, causes);
    const by = lock === undefined ? "" : `, mostly for one that ${shortName(lock.holder)} held`;
    return {
      share: found.share,
      sentence: `${capital(slowOnes(unit))} wait ${duration(found.ns)} of ${duration(unit.slow.mean_ns)} (${percent(found.share)}) for a lock in ${shortName(sites[0]?.function ?? "")}${by}.`,
      numbers: [
        { name: "slow tasks", value: found.ns, unit: "ns" },
        { name: "share of slow tasks' time", value: found.share, unit: "share" },
        ...(lock === undefined
          ? []
          : ([
              { name: "waits for this lock", value: lock.waits, unit: "count" },
              { name: "longest wait", value: lock.max_wait_ns, unit: "ns" },
              { name: "most that waited at once", value: lock.max_queue, unit: "count" },
            ] as const)),
      ],
      stacks: [
        ...waitStacks(sites),
        ...(lock === undefined
          ? []
          : [{ role: "the holder lets it go here", function: lock.holder, stack: lock.holder_stack }]),
      ],
      ...worstOf(unit),
    };
  },
};

const lockConvoy: UnitRule = {
  kind: "unit",
  id: "lock-convoy",
  title: "Lock convoy",
  threshold: `mutex-contention, and at least half of at least 20 waits for the lock end in a chain of ${CONVOY_LENGTH} or more handoffs from waiter to waiter`,
  advice:
    "Every goroutine takes turns at one lock, so they run one at a time. Take the lock less often (batch), split it by key, or let one goroutine own the data and be sent the work.",
  find(unit, causes) {
    const found = spent(unit, LOCKS, 0.2);
    const lock = lockOf(unit, causes);
    if (found === undefined || lock === undefined) return undefined;
    if (lock.waits < 20 || lock.convoy_waits < lock.waits / 2) return undefined;
    return {
      share: found.share,
      sentence: `Goroutines queue for the lock in ${shortName(lock.waiter)} and hand it from one to the next: ${lock.convoy_waits} of ${lock.waits} waits, the longest chain ${lock.longest_convoy}, up to ${lock.max_queue} waiting at once. The trace knows functions, not locks: two locks taken in one function look like one.`,
      numbers: [
        { name: "share of slow tasks' time", value: found.share, unit: "share" },
        { name: "waits in convoys", value: lock.convoy_waits, unit: "count" },
        { name: "longest chain", value: lock.longest_convoy, unit: "count" },
        { name: "most that waited at once", value: lock.max_queue, unit: "count" },
        { name: "mean wait", value: lock.wait_ns / lock.waits, unit: "ns" },
        { name: "held meanwhile, mean", value: lock.held_ns / lock.waits, unit: "ns" },
      ],
      stacks: [
        { role: "waits here", function: lock.waiter, stack: lock.wait_stack },
        { role: "the holder lets it go here", function: lock.holder, stack: lock.holder_stack },
      ],
      ...worstOf(unit),
    };
  },
};

const fanOutStraggler: UnitRule = {
  kind: "unit",
  id: "fan-out-straggler",
  title: "One of many parallel parts is late",
  threshold:
    "slow tasks spend at least 20 % of their time and 1 ms waiting for a WaitGroup, and at least half of the waits for goroutines they created (3 or more) is for the last one alone",
  advice:
    "Look at why that one part is slow (its critical path). Give it a deadline and answer without it, hedge it with a second attempt, or split the work more evenly.",
  find(unit, causes) {
    const found = spent(unit, ["waitgroup"], 0.2);
    // The rows with most time alone come first.
    const join = causes.joins.find(
      ({ joins, children, alone_ns, wait_ns }) => children / joins >= 3 && alone_ns >= wait_ns / 2,
    );
    if (found === undefined || join === undefined) return undefined;
    const [worst] = join.worst;
    return {
      share: (found.share * join.alone_ns) / join.wait_ns,
      sentence: `${capital(slowOnes(unit))} wait ${duration(found.ns)} of ${duration(unit.slow.mean_ns)} for ${shortName(join.child)} goroutines (${(join.children / join.joins).toFixed(0)} at a time); ${percent(join.alone_ns / join.wait_ns)} of that is for the last one alone.`,
      numbers: [
        { name: "joins", value: join.joins, unit: "count" },
        { name: "waiting for the last one alone, mean", value: join.alone_ns / join.joins, unit: "ns" },
        { name: "share of slow tasks' time", value: found.share, unit: "share" },
      ],
      stacks: waitStacks(sitesOf(unit, ["waitgroup"])),
      ...(worst === undefined
        ? {}
        : {
            range: { begin_at_ns: worst.begin_at_ns, end_at_ns: worst.begin_at_ns + worst.wait_ns },
            goroutines: join.worst.flatMap(({ goroutine, straggler }) => [goroutine, straggler]),
          }),
    };
  },
};

export const waitRules: readonly UnitRule[] = [
  mutexContention,
  lockConvoy,
  fanOutStraggler,
  waitRule(
    {
      id: "channel-backpressure",
      title: "Waiting to send on a full channel",
      advice:
        "Whoever receives does not keep up. Speed it up or add receivers; a larger buffer only helps against bursts. Or drop or refuse work while it is full.",
    },
    ["chan send"],
    0.2,
    (where) => `waiting in ${where} to send on a channel whose receiver does not keep up`,
  ),
  waitRule(
    {
      id: "network-dependency",
      title: "Waiting for the network",
      advice:
        "Look at the dependency named: its own latency, retries, connection pool. Set a deadline, run independent calls at the same time, cache what does not change.",
    },
    ["network"],
    0.2,
    (where) => `waiting in ${where} for an answer from the network`,
  ),
  waitRule(
    {
      id: "timer-sleep",
      title: "Sleeping",
      advice:
        "Wait for the event instead of polling for it; use shorter or growing intervals; check retry back-off and rate limits.",
    },
    ["sleep"],
    0.2,
    (where) => `asleep in ${where}`,
  ),
  waitRule(
    {
      id: "syscall-heavy",
      title: "In system calls",
      advice:
        "Look at what is called: file I/O (fsync, slow or network disk), DNS through cgo, blocking devices. Batch it, move it off the request's path, or bound how many do it at once.",
    },
    ["syscall", "syscall blocked"],
    0.2,
    (where) => `in system calls made by ${where}`,
  ),
  waitRule(
    {
      id: "waits-for-goroutine",
      title: "Waiting for other goroutines",
      info: true,
      advice: "The critical path says what those goroutines do meanwhile.",
    },
    ["chan receive", "select", "cond", "waitgroup"],
    0.5,
    (where) => `waiting in ${where} for other goroutines of the program`,
  ),
];
