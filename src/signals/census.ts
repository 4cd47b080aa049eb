/** The goroutines at a generation's end: how many in which state, from which function, waiting for what and since when. */

import { GoState } from "../trace/spec.ts";
import type { GoroutineColumns } from "./goroutine-columns.ts";
import { OTHER, type Names } from "./names.ts";
import type { Observation } from "./signal.ts";
import type { SeriesSet } from "./series-set.ts";
import type { StackFacts } from "./stack-facts.ts";

const STATES = [
  ["running", GoState.Running],
  ["runnable", GoState.Runnable],
  ["waiting", GoState.Waiting],
  ["syscall", GoState.Syscall],
] as const;

export interface CensusInput {
  readonly goroutines: GoroutineColumns;
  readonly names: Names;
  readonly reasons: Names;
  readonly facts: StackFacts;
  /** Ages of waits, by reason and function. */
  readonly blockedAges: SeriesSet;
  /** Ages of requests in progress. */
  readonly requestAges: SeriesSet;
  readonly end: number;
  /** Series per signal. */
  readonly limit: number;
}

/**
 * Counts the goroutines. Sites that are stacks of the ending generation become names, since its tables go.
 */
export function takeCensus(input: CensusInput, into: Observation[]): void {
  const { goroutines, names, reasons, facts, blockedAges, requestAges, end } = input;
  const { slots, state, since, site, start, reason, requestSince, requestSeen, requestName } = goroutines;
  const byState = new Float64Array(8);
  const byFunction = new Float64Array(names.count + 1);
  const byReason = new Float64Array(reasons.count);
  // Few pairs of reason and function, many goroutines: the series is looked up once a pair.
  const ageSeries = new Map<number, number>();
  for (let slot = 0; slot < slots.used; slot++) {
    if (slots.ids[slot] === -1) continue;
    byState[state[slot]!]!++;
    byFunction[Math.max(0, start[slot]!)]!++;
    if (site[slot]! >= 0) site[slot] = -1 - (site[slot] === 0 ? 0 : facts.site(site[slot]!));
    if (requestSeen[slot] === 1) {
      const name = requestName[slot]!;
      requestAges.push(requestAges.index(names.text(Math.max(0, name))), end - requestSince[slot]!, end);
    }
    if (state[slot] !== GoState.Waiting) continue;
    byReason[reason[slot]!]!++;
    const where = -1 - site[slot]!;
    const pair = reason[slot]! * 2 ** 32 + where;
    let series = ageSeries.get(pair);
    if (series === undefined) {
      series = blockedAges.index(reasons.text(reason[slot]!), names.text(where));
      ageSeries.set(pair, series);
    }
    blockedAges.push(series, end - since[slot]!, end);
  }
  for (const [label, number] of STATES) {
    into.push({ signal: "goroutines", labels: { state: label }, values: [byState[number]!] });
  }
  pushLargest(into, "goroutines_by_function", names, byFunction, input.limit);
  for (let i = 0; i < byReason.length; i++) {
    if (i > 1 || byReason[i] !== 0) {
      into.push({
        signal: "blocked_goroutines",
        labels: { reason: reasons.text(i) },
        values: [byReason[i]!],
      });
    }
  }
}

/** A gauge for each function with a value that is not 0: the `limit` largest by magnitude, the others' sum as `(other)`. */
export function pushLargest(
  into: Observation[],
  signal: string,
  names: Names,
  byName: Float64Array,
  limit: number,
): void {
  const present: number[] = [];
  for (let i = 0; i < byName.length; i++) if (byName[i] !== 0) present.push(i);
  if (present.length > limit) present.sort((a, b) => Math.abs(byName[b]!) - Math.abs(byName[a]!));
  let rest = 0;
  let others = false;
  for (const [rank, name] of present.entries()) {
    if (rank < limit && names.text(name) !== OTHER) {
      into.push({ signal, labels: { function: names.text(name) }, values: [byName[name]!] });
    } else {
      rest += byName[name]!;
      others = true;
    }
  }
  if (others) into.push({ signal, labels: { function: OTHER }, values: [rest] });
}
