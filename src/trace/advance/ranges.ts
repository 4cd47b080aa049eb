/** Ranges of the garbage collector and of stop-the-world, and metrics. From Go's order.go. */

import { Mark } from "../kernel/layout.ts";
import { GcPhase } from "../scheduler.ts";
import type { ActiveRange, Scheduler } from "../scheduler.ts";
import { Ev, eventName } from "../spec.ts";

/** GCActive, GCBegin, GCEnd. False: not this cycle's turn yet. */
export function advanceGc(s: Scheduler, seq: number, stackId: number): boolean {
  if (s.type === Ev.GCActive && s.initial) {
    if (s.gcPhase !== GcPhase.undetermined)
      throw s.fail("GCActive in the first generation isn't first GC event");
    return move(s, seq, GcPhase.running, 0, false);
  }
  if (s.type === Ev.GCBegin && s.gcPhase === GcPhase.undetermined)
    return move(s, seq, GcPhase.running, stackId, false);
  if (seq !== s.gcSeq + 1) return false;
  switch (s.type) {
    case Ev.GCActive:
      if (s.gcPhase !== GcPhase.running) throw s.fail("encountered GCActive while GC was not in progress");
      return move(s, seq, GcPhase.running, 0, true);
    case Ev.GCBegin:
      if (s.gcPhase === GcPhase.running) throw s.fail("encountered GCBegin while GC was already in progress");
      return move(s, seq, GcPhase.running, stackId, true);
    default:
      if (s.gcPhase === GcPhase.notRunning) throw s.fail("encountered GCEnd when GC was not in progress");
      if (s.gcPhase === GcPhase.undetermined) {
        throw s.fail("encountered GCEnd when GC was in an undetermined state");
      }
      return move(s, seq, GcPhase.notRunning, 0, true);
  }
}

function move(s: Scheduler, seq: number, phase: number, stackId: number, user: boolean): true {
  s.gcSeq = seq;
  s.gcPhase = phase;
  if (user) s.requireUser();
  s.emit(s.type, -1, 0, 0, seq, 0, s.stack(stackId));
  return true;
}

/** GCSweepBegin, GCSweepActive, GCSweepEnd: ranges of a proc. */
export function advanceSweep(s: Scheduler, a: number, b: number): void {
  const { procs } = s;
  switch (s.type) {
    case Ev.GCSweepBegin:
      s.requireProc();
      if (procs.sweeping(s.p))
        throw s.fail("discovered event already in-flight when starting event GCSweepBegin");
      procs.setSweeping(s.p, true);
      s.emit(s.type, s.p, 0, 0, 0, 0, s.stack(a));
      return;
    case Ev.GCSweepActive:
      if (!procs.known(a)) throw s.fail(`encountered GCSweepActive for unknown proc ${a}`);
      if (s.initial) {
        if (procs.sweeping(a)) throw s.fail("found named active range already in first gen");
        procs.setSweeping(a, true);
      } else if (!procs.sweeping(a)) throw s.fail("resource is missing active range: GCSweepBegin");
      s.emit(s.type, a, 0, 0, 0, 0, 0);
      return;
    default:
      s.requireProc();
      if (!procs.sweeping(s.p)) throw s.fail("tried to end event GCSweepBegin, but not in-flight");
      procs.setSweeping(s.p, false);
      s.emit(s.type, s.p, 0, 0, a, b, 0);
  }
}

/** The list of a goroutine's ranges; the mark assist in its record goes to it. */
function rangesOf(s: Scheduler, g: number, slot: number): ActiveRange[] | undefined {
  const { goroutines } = s;
  if (goroutines.marked(slot, Mark.assist)) {
    goroutines.clearMark(slot, Mark.assist);
    goroutines.setMark(slot, Mark.ranges);
    s.ranges.set(g, [{ begin: Ev.GCMarkAssistBegin, kind: "" }]);
  }
  return s.ranges.get(g);
}

/** STWBegin and GCMarkAssistBegin: a range of the current goroutine begins. */
export function advanceGoRangeBegin(s: Scheduler, kindId: number, stackId: number): void {
  s.requireUser();
  const kind = s.string(kindId);
  const text = s.generation!.strings.get(kind);
  const slot = s.goroutines.find(s.g);
  if (slot === 0) throw unknownGoroutine(s);
  const list = rangesOf(s, s.g, slot);
  if (list?.some((range) => range.begin === s.type && range.kind === text) === true) {
    throw s.fail(`discovered event already in-flight when starting event ${eventName(s.type)}`);
  }
  s.goroutines.setMark(slot, Mark.ranges);
  const range = { begin: s.type, kind: text };
  if (list === undefined) s.ranges.set(s.g, [range]);
  else list.push(range);
  s.emit(s.type, s.g, 0, 0, kind, 0, s.stack(stackId));
}

/** GCMarkAssistActive: a range that began before; of any goroutine. */
export function advanceAssistActive(s: Scheduler, g: number): void {
  const slot = s.goroutines.find(g);
  if (slot === 0) throw s.fail(`uninitialized goroutine ${g} found during ${eventName(s.type)}`);
  const list = rangesOf(s, g, slot);
  const active = list?.some((range) => range.begin === Ev.GCMarkAssistBegin) === true;
  if (s.initial) {
    if (active) throw s.fail("found named active range already in first gen");
    s.goroutines.setMark(slot, Mark.ranges);
    const range = { begin: Ev.GCMarkAssistBegin, kind: "" };
    if (list === undefined) s.ranges.set(g, [range]);
    else list.push(range);
  } else if (!active) throw s.fail("resource is missing active range: GCMarkAssistBegin");
  s.emit(s.type, g, 0, 0, 0, 0, 0);
}

/** STWEnd and GCMarkAssistEnd. */
export function advanceGoRangeEnd(s: Scheduler): void {
  s.requireUser();
  const slot = s.goroutines.find(s.g);
  if (slot === 0) throw unknownGoroutine(s);
  const begin = s.type === Ev.STWEnd ? Ev.STWBegin : Ev.GCMarkAssistBegin;
  const list = rangesOf(s, s.g, slot);
  const at = list?.findIndex((range) => range.begin === begin) ?? -1;
  if (list === undefined || at < 0) throw s.fail(`tried to end event ${eventName(begin)}, but not in-flight`);
  const { kind } = list[at]!;
  // The last takes the place of the ended one, as in Go, which matters if two of one kind are in flight.
  list[at] = list.at(-1)!;
  list.pop();
  if (list.length === 0) {
    s.ranges.delete(s.g);
    s.goroutines.clearMark(slot, Mark.ranges);
  }
  s.emit(s.type, s.g, 0, 0, textIndex(s, kind), 0, 0);
}

/** Index of a text in the current generation, which may know it by no id. */
export function textIndex(s: Scheduler, text: string): number {
  return s.generation!.strings.intern(text);
}

function unknownGoroutine(s: Scheduler): Error {
  return s.fail(`encountered event of type ${s.type} without known state for current goroutine ${s.g}`);
}
