/** Critical paths of the worst tasks of a type, as they are told: rows that sum to the latency. path.ts walks them. */

import type { StackPool } from "../stacks.ts";
import type { GoroutineTracker } from "../tracker.ts";
import type { Kinds } from "./kinds.ts";
import { PathKind } from "./path.ts";
import type { Step } from "./path.ts";
import type { Sites, ToldFrame } from "./sites.ts";
import { told } from "./sites.ts";

/** Rows with a step of their own; the shorter ones between two of them are one row. */
const MAX_ROWS = 100;
const MAX_SUMMARY = 20;

export interface PathRow {
  /** −1 in a row of several steps. */
  readonly goroutine: number;
  /** Its start function. */
  readonly group: string;
  /** A kind of time, or `not kept`: the history is too short; `not told`: more steps than are walked; `short steps`. */
  readonly state: string;
  readonly function: string;
  readonly begin_at_ns: number;
  readonly total_ns: number;
  /** Of the task's latency. */
  readonly share: number;
  /** How many wakes lie between the task's goroutine and this one: 0 is the task itself. */
  readonly hops: number;
  /** The goroutine that ended this wait, where its time is not told instead; null for none. */
  readonly woken_by: number | null;
  /** 1, but for `short steps`. */
  readonly steps: number;
  readonly stack: readonly ToldFrame[];
}

/** What the path consists of, however often. */
export interface PathCause {
  readonly state: string;
  readonly function: string;
  readonly group: string;
  /** Whether it is the task's own goroutine, or one it waits for. */
  readonly own: boolean;
  readonly total_ns: number;
  readonly share: number;
  readonly count: number;
}

export interface CriticalPath {
  /** Task id; null for a request. */
  readonly id: number | null;
  readonly name: string;
  /** The goroutine that began it. */
  readonly goroutine: number;
  readonly begin_at_ns: number;
  readonly total_ns: number;
  /** In time; they meet, and their `total_ns` sum to the task's. */
  readonly rows: readonly PathRow[];
  /** Greatest first. */
  readonly causes: readonly PathCause[];
  /** What is not in `causes`. */
  readonly rest_ns: number;
  /** ns that the history did not reach back to. */
  readonly not_kept_ns: number;
}

/** A path as it is kept until the end. */
export interface WalkedPath {
  readonly id: number;
  readonly isRequest: boolean;
  readonly owner: number;
  readonly begin: number;
  readonly end: number;
  readonly rows: readonly (Step & { readonly steps: number })[];
  readonly causes: readonly (Omit<PathCause, "state" | "function" | "group" | "share"> & {
    readonly kind: number;
    readonly site: number;
    readonly groupId: number;
  })[];
  readonly notKept: number;
}

/** Several short steps in one row. */
const SHORT_STEPS = 252;
const WORDS = new Map<number, string>([
  [PathKind.notKept, "not kept"],
  [PathKind.notWalked, "not told"],
  [SHORT_STEPS, "short steps"],
]);

/** Makes what is kept of a walk; `steps` has the latest first. */
export function keep(
  steps: readonly Step[],
  unit: Pick<WalkedPath, "id" | "isRequest" | "owner" | "begin" | "end">,
  sites: Sites,
  stacks: StackPool,
): WalkedPath {
  const causes = new Map<
    string,
    { own: boolean; kind: number; site: number; groupId: number; total_ns: number; count: number }
  >();
  let notKept = 0;
  for (const step of steps) {
    if (step.kind === PathKind.notKept) notKept += step.end - step.begin;
    const own = step.goroutine === unit.owner;
    const site = sites.of(step.stack, stacks);
    const key = `${step.kind} ${site} ${step.group} ${own}`;
    let cause = causes.get(key);
    if (cause === undefined) {
      cause = { own, kind: step.kind, site, groupId: step.group, total_ns: 0, count: 0 };
      causes.set(key, cause);
    }
    cause.total_ns += step.end - step.begin;
    cause.count++;
  }
  const greatest = [...causes.values()].sort((a, b) => b.total_ns - a.total_ns).slice(0, MAX_SUMMARY);
  return { ...unit, rows: shortened(steps), causes: greatest, notKept };
}

/** The steps in time, the longest as they are, those between them joined. */
function shortened(steps: readonly Step[]): (Step & { steps: number })[] {
  const least =
    steps.length <= MAX_ROWS
      ? 0
      : steps.map(({ begin, end }) => end - begin).sort((a, b) => b - a)[MAX_ROWS - 1]!;
  const rows: (Step & { steps: number })[] = [];
  let kept = 0;
  for (const step of steps.toReversed()) {
    if (step.end - step.begin >= least && kept < MAX_ROWS) {
      kept++;
      rows.push({ ...step, steps: 1 });
      continue;
    }
    const last = rows.at(-1);
    if (last?.kind === SHORT_STEPS) rows[rows.length - 1] = { ...last, end: step.end, steps: last.steps + 1 };
    else rows.push({ ...step, goroutine: -1, group: 0, kind: SHORT_STEPS, stack: 0, waker: -1, steps: 1 });
  }
  return rows;
}

export function tellPath(
  path: WalkedPath,
  name: string,
  kinds: Kinds,
  sites: Sites,
  tracker: GoroutineTracker,
): CriticalPath {
  const total = path.end - path.begin;
  const word = (kind: number): string => WORDS.get(kind) ?? kinds.names.text(kind);
  const share = (ns: number): number => (total > 0 ? ns / total : 0);
  return {
    id: path.isRequest ? null : path.id,
    name,
    goroutine: path.owner,
    begin_at_ns: path.begin - tracker.startTime,
    total_ns: total,
    rows: path.rows.map((row) => ({
      goroutine: row.goroutine,
      group: tracker.groups.text(row.group),
      state: word(row.kind),
      function: sites.names.text(sites.of(row.stack, tracker.stacks)),
      begin_at_ns: row.begin - tracker.startTime,
      total_ns: row.end - row.begin,
      share: share(row.end - row.begin),
      hops: row.hops,
      woken_by: row.waker === -1 ? null : row.waker,
      steps: row.steps,
      stack: told(row.stack, tracker.stacks),
    })),
    causes: path.causes.map(({ kind, site, groupId, own, total_ns, count }) => ({
      state: word(kind),
      function: sites.names.text(site),
      group: tracker.groups.text(groupId),
      own,
      total_ns,
      share: share(total_ns),
      count,
    })),
    rest_ns: total - path.causes.reduce((sum, cause) => sum + cause.total_ns, 0),
    not_kept_ns: path.notKept,
  };
}
