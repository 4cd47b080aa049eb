/** Tasks, logs, stop-the-world, the collector, and the first of a kind: what is not worth a place in the hot loop. */

import type { EventColumns } from "../trace/columns.ts";
import { Ev } from "../trace/spec.ts";
import type { SessionState } from "./session-state.ts";

/** The runtime stops the world for one goroutine at a time; a few may be asking. */
const MAX_STOPS = 64;

/** An event that is no transition. `s.runnable` may be behind: `runnable` is the count. */
export function addRare(s: SessionState, batch: EventColumns, i: number, runnable: number): void {
  const time = batch.time[i]!;
  const { strings } = batch.generation;
  switch (batch.type[i]!) {
    case Ev.UserTaskBegin:
      s.sawTask = true;
      s.tasks.begin(batch.subject[i]!, taskName(s, batch.arg1[i]!), time);
      break;
    case Ev.UserTaskEnd:
      s.sawTask = true;
      endTask(s, batch.subject[i]!, batch.arg1[i]!, time);
      break;
    case Ev.UserLog:
      s.series.logs.push(s.logSeries.index(strings, batch.arg0[i]!, batch.arg1[i]!), 1, time);
      break;
    case Ev.STWBegin:
      if (s.stops.length >= MAX_STOPS) break;
      s.stops.push({ goroutine: batch.subject[i]!, began: time });
      s.processors.stopTheWorld(1, runnable, time);
      break;
    case Ev.STWEnd: {
      const at = s.stops.findIndex(({ goroutine }) => goroutine === batch.subject[i]);
      const [stop] = at < 0 ? [] : s.stops.splice(at, 1);
      if (stop === undefined) break;
      s.processors.stopTheWorld(-1, runnable, time);
      const { pauses } = s.series;
      pauses.push(pauses.index(s.label(strings.get(batch.arg0[i]!))), time - stop.began, time);
      break;
    }
    case Ev.GCBegin:
      s.markBegan = time;
      break;
    case Ev.GCEnd: {
      const { gcCycles } = s.series;
      if (!Number.isNaN(s.markBegan)) gcCycles.push(gcCycles.index(), time - s.markBegan, time);
      s.markBegan = Number.NaN;
      break;
    }
    case Ev.GoLabel:
      // A worker of the garbage collector: it is not preempted, so its silence proves nothing.
      s.processors.pauses(batch.p[i]!);
      break;
    case Ev.ProcsChange:
      s.processors.limit(batch.arg0[i]!, runnable, time);
      break;
    default:
      break;
  }
}

/** A region of a goroutine ends; `text` is the string index of its name. */
export function endRegion(s: SessionState, slot: number, text: number, time: number): void {
  const began = s.regions.end(slot);
  if (Number.isNaN(began)) return;
  const { regionDurations } = s.series;
  let series = text < s.regionSeries.length ? s.regionSeries[text]! : 0;
  if (series === 0) {
    series = regionDurations.index(s.label(s.generation!.strings.get(text))) + 1;
    if (text < s.regionSeries.length) s.regionSeries[text] = series;
  }
  regionDurations.push(series - 1, time - began, time);
}

/** A system call ends whose site has no series yet, or was made in an earlier generation. */
export function endFirstSyscall(s: SessionState, site: number, span: number, time: number): void {
  const { syscalls } = s.series;
  const series = syscalls.index(s.names.text(site >= 0 ? s.facts.site(site) : -1 - site));
  if (site >= 0) s.syscallSeries[site] = series + 1;
  syscalls.push(series, span, time);
}

/** Number of the reason with that string index. */
export function readReason(s: SessionState, text: number): number {
  const name = s.generation!.strings.get(text);
  const reason = name === "" ? 0 : s.reasons.id(name);
  if (text < s.reasonOf.length) s.reasonOf[text] = reason + 1;
  return reason;
}

/** Number of the name of tasks with that string index. */
function taskName(s: SessionState, text: number): number {
  const known = text < s.taskNameOf.length ? s.taskNameOf[text]! : 0;
  if (known !== 0) return known - 1;
  const name = s.names.id(s.generation!.strings.get(text));
  if (text < s.taskNameOf.length) s.taskNameOf[text] = name + 1;
  return name;
}

function endTask(s: SessionState, task: number, text: number, time: number): void {
  const began = s.tasks.end(task);
  if (Number.isNaN(began)) return;
  const { taskDurations } = s.series;
  let series = text < s.taskSeries.length ? s.taskSeries[text]! : 0;
  if (series === 0) {
    series = taskDurations.index(s.label(s.generation!.strings.get(text))) + 1;
    if (text < s.taskSeries.length) s.taskSeries[text] = series;
  }
  taskDurations.push(series - 1, time - began, time);
}
