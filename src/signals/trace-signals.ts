/**
 * The signals of one trace session: rows of consecutive generations go in, the observations of each come out.
 *
 *     const signals = new TraceSignals();
 *     for (const generation of generations) {
 *       for (const batch of decoder.decode(generation)) signals.add(batch);
 *       use(signals.finish(wallOf));
 *     }
 *
 * Tasks, regions, states and ranges are carried from one generation to the next, so that their times are exact. What
 * began before it could be seen (before the session, or in a gap) gives no duration; its age is counted from first sight.
 * Everything is bounded, see `TraceSignalOptions`.
 */

import { MAX_ROWS } from "../trace/kernel/layout.ts";
import type { EventColumns } from "../trace/columns.ts";
import type { DecodedGeneration } from "../trace/generation.ts";
import { Ev, GoState } from "../trace/spec.ts";
import { takeCensus } from "./census.ts";
import { advanceRequest, appear, disappear, locate } from "./goroutine-events.ts";
import { WORTH_A_LOOK_NS } from "./kernel/layout.ts";
import { addRare, endFirstSyscall, endRegion, readReason } from "./rare-events.ts";
import { copyRows, finishRun } from "./kernel/run.ts";
import { RequestMark } from "../analysis/requests.ts";
import { SessionState } from "./session-state.ts";
import type { Observation } from "./signal.ts";
import { DEFAULT_TRACE_SIGNAL_OPTIONS } from "./trace-signal-options.ts";
import type { DroppedCounts, TraceSignalOptions } from "./trace-signal-options.ts";

/** A heap goal above 1 PiB says that there is none: GOGC=off. */
const NO_GOAL = 2 ** 50;

// What an event is to the hot loop, so that one comparison or two find the way of nearly all of them.
const RARE = 0;
const TRANSITION = 1;
const PROC = 2;
const RANGE = 3;
const HEAP = 4;
const IGNORED = 5;
const REGION = 6;

const KIND = new Uint8Array(256).fill(RARE);
for (const [kind, types] of [
  [TRANSITION, [Ev.GoStart, Ev.GoStop, Ev.GoBlock, Ev.GoUnblock, Ev.GoSwitch, Ev.GoSwitchDestroy]],
  [TRANSITION, [Ev.GoSyscallBegin, Ev.GoSyscallEnd, Ev.GoSyscallEndBlocked, Ev.GoStatus, Ev.GoStatusStack]],
  [TRANSITION, [Ev.GoCreate, Ev.GoCreateBlocked, Ev.GoCreateSyscall, Ev.GoDestroy, Ev.GoDestroySyscall]],
  [PROC, [Ev.ProcStart, Ev.ProcStop, Ev.ProcSteal, Ev.ProcStatus]],
  [REGION, [Ev.UserRegionBegin, Ev.UserRegionEnd]],
  [RANGE, [Ev.GCMarkAssistActive, Ev.GCMarkAssistBegin, Ev.GCMarkAssistEnd]],
  [HEAP, [Ev.HeapAlloc, Ev.HeapGoal]],
  [IGNORED, [Ev.GCSweepActive, Ev.GCSweepBegin, Ev.GCSweepEnd, Ev.CPUSample]],
] as const) {
  for (const type of types) KIND[type] = kind;
}

export class TraceSignals {
  readonly #state: SessionState;

  /** @param plain row by row, without the kernel: for tests. */
  constructor(options: TraceSignalOptions = {}, plain = false) {
    this.#state = new SessionState({ ...DEFAULT_TRACE_SIGNAL_OPTIONS, ...options }, plain);
  }

  /** What the bounds have cost since the session began. */
  get dropped(): DroppedCounts {
    const s = this.#state;
    const { goroutinesDropped: goroutines } = s;
    return { ...s.series.dropped, goroutines, tasks: s.tasks.dropped, regions: s.regions.dropped };
  }

  /** Takes rows of one generation, in order; between those of two, `finish` is called. */
  add(batch: EventColumns): void {
    const s = this.#state;
    if (batch.generation !== s.generation) {
      // The Sync that ends a trace belongs to no generation.
      if (batch.length === 1 && batch.type[0] === Ev.Sync) return;
      s.enter(batch);
    }
    const { length } = batch;
    if (s.memory.run === undefined || length > MAX_ROWS) return this.#addRows(batch, 0, length);
    copyRows(s.memory, batch);
    for (let row = 0; row < length; row++) {
      s.lend();
      // Looked up each time: it is another one once the memory has grown.
      const { run } = s.memory;
      if (run !== undefined) {
        row = run(row, length);
        s.takeBack();
        finishRun(s, batch);
      }
      if (row < length) this.#addRows(batch, row, row + 1);
    }
  }

  /** Each row by itself: all of them where there is no kernel, else those it leaves. One long function on purpose. */
  #addRows(batch: EventColumns, from: number, until: number): void {
    const s = this.#state;
    const { time, type: types, g: gs, p: ps, stack: stacks, subject: subjects, from: froms } = batch;
    const { to: tos, arg0: arg0s } = batch;
    const { goroutines, processors, regions, facts, intervalStart, schedLatencies } = s;
    const { syscalls } = s.series;
    const { slots } = goroutines;
    // Views of the memory; they are others once it has grown.
    let { blockedNs, reasonOf, syscallSeries } = s;
    let { marks } = facts;
    let { state, since, exact, reason, site, start, assisting, requestSince, requestSeen } = goroutines;
    let { last, runnable, maxRunnable, runningNs, assistNs } = s;
    let requests = s.readsRequests;

    for (let i = from; i < until; i++) {
      const t = time[i]!;
      const type = types[i]!;
      if (t - last >= WORTH_A_LOOK_NS) addGap(s, last, t);
      last = t;
      const kind = KIND[type]!;
      switch (kind) {
        case TRANSITION: {
          const to = tos[i]!;
          const slot = slots.find(subjects[i]!);
          if (slot < 0) {
            const isFollowed = appear(s, batch, i);
            ({ state, since, exact, reason, site, start, assisting } = goroutines);
            ({ requestSince, requestSeen } = goroutines);
            ({ blockedNs, reasonOf, syscallSeries } = s);
            ({ marks } = facts);
            if (isFollowed && to === GoState.Runnable) {
              runnable++;
              if (runnable > maxRunnable) maxRunnable = runnable;
              if (runnable === 1) processors.settle(1, t);
            }
            break;
          }
          const old = state[slot]!;
          if (type === Ev.GoStatusStack) locate(s, slot, stacks[i]!, to);
          // The status of a goroutine that is known says nothing new.
          if (old === to) break;
          const before = since[slot]!;
          switch (old) {
            case GoState.Running: {
              const span = t - before;
              runningNs += span;
              if (assisting[slot] === 1) assistNs += span;
              processors.pauses(ps[i]!);
              break;
            }
            case GoState.Runnable:
              runnable--;
              if (runnable === 0) processors.settle(0, t);
              if (to === GoState.Running && exact[slot] === 1) schedLatencies.push(t - before, t);
              break;
            case GoState.Waiting:
              blockedNs[reason[slot]!]! += t - (before > intervalStart ? before : intervalStart);
              if (requests && requestSeen[slot] === 0) {
                // Woken from waiting for a request, or before one: it begins now, if it is one.
                const began = requestSince[slot]!;
                if (!Number.isNaN(began)) requestSince[slot] = t;
              }
              break;
            case GoState.Syscall:
              if (exact[slot] === 1) {
                const place = site[slot]!;
                const series = place >= 0 ? syscallSeries[place]! : 0;
                if (series > 0) syscalls.push(series - 1, t - before, t);
                else endFirstSyscall(s, place, t - before, t);
              }
              break;
            default:
              break;
          }
          if (to === GoState.NotExist) {
            disappear(s, slot, t);
            break;
          }
          state[slot] = to;
          since[slot] = t;
          exact[slot] = 1;
          switch (to) {
            case GoState.Running:
              processors.runs(ps[i]!, t);
              break;
            case GoState.Runnable:
              runnable++;
              if (runnable > maxRunnable) maxRunnable = runnable;
              if (runnable === 1) processors.settle(1, t);
              break;
            case GoState.Waiting: {
              const text = arg0s[i]!;
              const why = text < reasonOf.length ? reasonOf[text]! : 0;
              reason[slot] = why > 0 ? why - 1 : readReason(s, text);
              site[slot] = stacks[i]!;
              break;
            }
            case GoState.Syscall:
              site[slot] = stacks[i]!;
              break;
            default:
              break;
          }
          // Only of a goroutine that ran is the stack its own; that of an unblock is the waker's.
          const stack = stacks[i]!;
          if (old !== GoState.Running || stack === 0) break;
          if (start[slot]! < 0) start[slot] = facts.root(stack);
          if (requests) {
            const known = marks[stack]!;
            const mark = known === RequestMark.unread ? facts.mark(stack) : known;
            if (mark !== RequestMark.none) advanceRequest(s, slot, mark, stack, t);
          }
          break;
        }
        case PROC:
          if (froms[i] !== tos[i]) processors.transition(subjects[i]!, tos[i]!, runnable, t);
          break;
        case IGNORED:
          break;
        case REGION: {
          const slot = slots.find(gs[i]!);
          if (slot < 0) break;
          if (type === Ev.UserRegionBegin) regions.begin(slot, t);
          else endRegion(s, slot, arg0s[i]!, t);
          break;
        }
        case RANGE: {
          const slot = slots.find(subjects[i]!);
          if (slot < 0) break;
          const assists = type === Ev.GCMarkAssistEnd ? 0 : 1;
          if (state[slot] === GoState.Running && assisting[slot] !== assists) {
            // Split the run here, so that its parts are counted as what they are.
            const span = t - since[slot]!;
            runningNs += span;
            if (assists === 0) assistNs += span;
            since[slot] = t;
          }
          assisting[slot] = assists;
          break;
        }
        case HEAP:
          if (type === Ev.HeapAlloc) s.heapLive = arg0s[i]!;
          else s.heapGoal = arg0s[i]!;
          break;
        default:
          addRare(s, batch, i, runnable);
          ({ state, since, exact, reason, site, start, assisting } = goroutines);
          ({ requestSince, requestSeen } = goroutines);
          ({ blockedNs, reasonOf, syscallSeries } = s);
          ({ marks } = facts);
          // The first task shows that requests are told by tasks.
          if (requests) requests = s.readsRequests;
          break;
      }
    }
    s.last = last;
    s.runnable = runnable;
    s.maxRunnable = maxRunnable;
    s.runningNs = runningNs;
    s.assistNs = assistNs;
  }

  /**
   * Ends the generation.
   * @param wallOf wall clock, in epoch milliseconds, of a row's time.
   */
  finish(wallOf: (relativeNs: number) => number): readonly Observation[] {
    const s = this.#state;
    const { generation, last: end } = s;
    if (generation === undefined || Number.isNaN(end)) return [];
    const into: Observation[] = [];
    const interval = Math.max(1, end - s.intervalStart);
    takeCensus(s, end, into);
    const { taskAges } = s.series;
    s.tasks.forEach((name, began) => taskAges.push(taskAges.index(s.names.text(name)), end - began, end));

    const gauge = (signal: string, value: number): void =>
      void into.push({ signal, labels: {}, values: [value] });
    gauge("runnable_goroutines", s.maxRunnable);
    gauge("idle_procs_while_runnable_ratio", s.processors.takeIdleWhileRunnable(end) / interval);
    if (s.runningNs > 0) gauge("gc_assist_ratio", s.assistNs / s.runningNs);
    if (!Number.isNaN(s.heapLive)) gauge("heap_live_bytes", s.heapLive);
    if (s.heapGoal < NO_GOAL) gauge("heap_goal_bytes", s.heapGoal);
    gauge("cpu_gap_ratio", s.gapNs / interval);
    const bytes = (generation as Partial<DecodedGeneration>).raw?.bytes.length;
    if (bytes !== undefined) gauge("trace_bytes", bytes);
    s.series.drain(into, s.readsRequests, wallOf);
    s.leave(end);
    return into;
  }

  /**
   * After a gap: states do not line up, and what ended meanwhile was not seen. So nothing is carried over, open tasks
   * neither: one that ended in the gap would look like a hang for ever.
   */
  reset(): void {
    this.#state.reset();
  }
}

function addGap(s: SessionState, from: number, to: number): void {
  if (!s.processors.isStarved(from, to)) return;
  const { gaps } = s.series;
  s.gapNs += to - Math.max(from, s.intervalStart);
  gaps.push(gaps.index(), to - from, to);
}
