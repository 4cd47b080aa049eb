/** The goroutines at a generation's end: how many in which state, from which function, waiting for what and since when. */

import { GoState } from "../trace/spec.ts";
import { OTHER, type Names } from "./names.ts";
import { RequestSeen } from "./goroutine-columns.ts";
import type { SessionState } from "./session-state.ts";
import type { Observation } from "./signal.ts";

const STATES = [
  ["running", GoState.Running],
  ["runnable", GoState.Runnable],
  ["waiting", GoState.Waiting],
  ["syscall", GoState.Syscall],
] as const;

/**
 * Counts the goroutines, and what each is in the middle of up to `end`. Sites that are stacks of the ending generation
 * become names, since its tables go.
 */
export function takeCensus(s: SessionState, end: number, into: Observation[]): void {
  const { goroutines, names, reasons } = s;
  const { slots, state, since, start, site, reason, assisting } = goroutines;
  const byState = new Float64Array(8);
  const byFunction = new Float64Array(names.count);
  const byReason = new Float64Array(reasons.count);
  const ages = new BlockedAges(s, end);
  for (let slot = 0; slot < slots.used; slot++) {
    if (slots.ids[slot] === -1) continue;
    byState[state[slot]!]!++;
    byFunction[Math.max(0, start[slot]!)]!++;
    if (site[slot]! >= 0) site[slot] = -1 - s.facts.site(site[slot]!);
    if (goroutines.requestSeen[slot] !== RequestSeen.not) addRequestAge(s, slot, end);
    if (state[slot] === GoState.Waiting) {
      const why = reason[slot]!;
      byReason[why]!++;
      s.blockedNs[why]! += end - Math.max(since[slot]!, s.intervalStart);
      ages.add(why, -1 - site[slot]!, since[slot]!);
    } else if (state[slot] === GoState.Running) {
      const span = end - since[slot]!;
      s.runningNs += span;
      if (assisting[slot] === 1) s.assistNs += span;
      since[slot] = end;
    }
  }
  for (const [label, number] of STATES) {
    into.push({ signal: "goroutines", labels: { state: label }, values: [byState[number]!] });
  }
  const { labelSets } = s.options;
  pushLargest(into, "goroutines_by_function", names, byFunction, labelSets);
  pushLargest(into, "goroutines_created_minus_ended", names, s.balance, labelSets);
  for (let why = 0; why < byReason.length; why++) {
    // The reasons seen in this session have a value in each interval; the two that stand for others, only if needed.
    const labels = { reason: reasons.text(why) };
    if (why > 1 || byReason[why]! > 0)
      into.push({ signal: "blocked_goroutines", labels, values: [byReason[why]!] });
    const seconds = s.blockedNs[why]! / 1e9;
    if (why > 1 || seconds > 0) into.push({ signal: "blocked_seconds", labels, values: [seconds] });
  }
}

/** Few pairs of reason and function, many goroutines: the series is looked up once a pair. */
class BlockedAges {
  readonly #state: SessionState;
  readonly #end: number;
  readonly #series = new Map<number, number>();

  constructor(s: SessionState, end: number) {
    this.#state = s;
    this.#end = end;
  }

  add(reason: number, site: number, since: number): void {
    const { series, names, reasons } = this.#state;
    const pair = reason * 2 ** 32 + site;
    let index = this.#series.get(pair);
    if (index === undefined) {
      index = series.blockedAges.index(reasons.text(reason), names.text(site));
      this.#series.set(pair, index);
    }
    series.blockedAges.push(index, this.#end - since, this.#end);
  }
}

function addRequestAge(s: SessionState, slot: number, end: number): void {
  const { requestAges } = s.series;
  const { requestName, requestSince } = s.goroutines;
  const series = requestAges.index(s.names.text(Math.max(0, requestName[slot]!)));
  requestAges.push(series, end - requestSince[slot]!, end);
}

/** A gauge for each function with a value that is not 0: the `limit` largest by magnitude, the others' sum as `(other)`. */
function pushLargest(
  into: Observation[],
  signal: string,
  names: Names,
  byName: Float64Array,
  limit: number,
): void {
  const present: number[] = [];
  for (let name = 0; name < byName.length; name++) if (byName[name] !== 0) present.push(name);
  if (present.length > limit) present.sort((a, b) => Math.abs(byName[b]!) - Math.abs(byName[a]!));
  let rest = 0;
  let hasRest = false;
  for (const [rank, name] of present.entries()) {
    const text = names.text(name);
    if (rank < limit && text !== OTHER)
      into.push({ signal, labels: { function: text }, values: [byName[name]!] });
    else {
      rest += byName[name]!;
      hasRest = true;
    }
  }
  if (hasRest) into.push({ signal, labels: { function: OTHER }, values: [rest] });
}
