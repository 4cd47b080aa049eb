/** What happens to a goroutine beside its change of state: it appears, it says where it is, it serves a request, it ends. */

import type { EventColumns } from "../trace/columns.ts";
import { Ev, GoState } from "../trace/spec.ts";
import { RequestMark } from "../analysis/requests.ts";
import { RequestSeen } from "./goroutine-columns.ts";
import type { SessionState } from "./session-state.ts";

/** A goroutine seen for the first time. False if it is not followed. */
export function appear(s: SessionState, batch: EventColumns, i: number): boolean {
  const to = batch.to[i]!;
  if (to === GoState.NotExist) return false;
  const { goroutines } = s;
  const from = batch.from[i]!;
  const type = batch.type[i]!;
  const time = batch.time[i]!;
  // A first status tells the state since the generation began; Go counts it so, too.
  const since = from === GoState.Undetermined ? Math.min(time, batch.generation.startTime) : time;
  const slot = goroutines.insert(batch.subject[i]!, to, since, from === GoState.NotExist);
  if (slot < 0) {
    s.goroutinesDropped++;
    return false;
  }
  if (type === Ev.GoCreate || type === Ev.GoCreateBlocked) {
    const startStack = batch.arg0[i]!;
    const start = s.facts.root(startStack);
    goroutines.start[slot] = start;
    countGoroutine(s, start, 1);
    if (s.readsRequests) {
      const mark = s.facts.mark(startStack);
      if (mark === RequestMark.connection || mark === RequestMark.serving)
        goroutines.requestSince[slot] = time;
      if (mark === RequestMark.serving) goroutines.requestSeen[slot] = RequestSeen.whole;
    }
  } else if (type === Ev.GoStatus || type === Ev.GoStatusStack) locate(s, slot, batch.stack[i]!, to);
  else if (from === GoState.NotExist) countGoroutine(s, 0, 1);
  if (to === GoState.Running) s.processors.runs(batch.p[i]!, time);
  return true;
}

/** A status with a stack: where a goroutine is that did not say so itself. */
export function locate(s: SessionState, slot: number, stack: number, state: number): void {
  if (stack === 0) return;
  const { start, site } = s.goroutines;
  if (start[slot]! < 0) start[slot] = s.facts.root(stack);
  const isThere = state === GoState.Waiting || state === GoState.Syscall;
  if (isThere && (site[slot] === -1 || site[slot] === 0)) site[slot] = stack;
  if (s.readsRequests) findRequest(s, slot, stack);
}

/** It is in a handler that it entered unseen: its request is open, and as old at least as the trace. */
function findRequest(s: SessionState, slot: number, stack: number): void {
  const { since, requestSince, requestSeen, requestName } = s.goroutines;
  if (!Number.isNaN(requestSince[slot]!) || s.facts.mark(stack) !== RequestMark.handler) return;
  requestSince[slot] = since[slot]!;
  requestSeen[slot] = RequestSeen.late;
  requestName[slot] = s.facts.request(stack);
}

export function disappear(s: SessionState, slot: number, time: number): void {
  const { goroutines } = s;
  countGoroutine(s, Math.max(0, goroutines.start[slot]!), -1);
  if (goroutines.requestSeen[slot] !== RequestSeen.not) endRequest(s, slot, time);
  if (goroutines.region[slot]! >= 0) s.regions.drop(slot);
  goroutines.slots.remove(slot);
}

/** A goroutine's own stack bears a mark: its request goes on, or is over. */
export function advanceRequest(
  s: SessionState,
  slot: number,
  mark: number,
  stack: number,
  time: number,
): void {
  const { requestSince, requestSeen, requestName } = s.goroutines;
  if (mark === RequestMark.idle) {
    if (requestSeen[slot] !== RequestSeen.not) endRequest(s, slot, time);
    requestSince[slot] = time;
  } else if (!Number.isNaN(requestSince[slot]!)) {
    requestSeen[slot] ||= RequestSeen.whole;
    if (mark === RequestMark.handler && requestName[slot]! < 0) requestName[slot] = s.facts.request(stack);
  }
}

function endRequest(s: SessionState, slot: number, time: number): void {
  const { requestSince, requestSeen, requestName } = s.goroutines;
  if (requestSeen[slot] === RequestSeen.whole) {
    const durations = s.series.requestDurations;
    const series = durations.index(s.names.text(Math.max(0, requestName[slot]!)));
    durations.push(series, time - requestSince[slot]!, time);
  }
  requestSeen[slot] = RequestSeen.not;
  requestName[slot] = -1;
  requestSince[slot] = Number.NaN;
}

/** Of the function with that name: one more, or one less. */
export function countGoroutine(s: SessionState, name: number, change: number): void {
  if (name >= s.balance.length) {
    const balance = new Float64Array(name * 2);
    balance.set(s.balance);
    s.balance = balance;
  }
  s.balance[name]! += change;
}
