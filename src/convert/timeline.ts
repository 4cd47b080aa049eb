/**
 * Events → what happened on each P, M, G and task. Holds what is open: its memory is bounded by what is alive at once.
 *
 * A goroutine's track has one slice a state. What may span states (regions, mark assists, stop-the-world) is on a track of
 * its own beside it, where it nests: a region is a call, an assist is inside one. A P and an M show who ran on them.
 */

import type { EventColumns } from "../trace/columns.ts";
import { rangeName } from "../trace/events.ts";
import type { Generation } from "../trace/generation.ts";
import { Ev, GoState, kindOf, ProcState } from "../trace/spec.ts";
import type { Detail, TimelineSink, Track, TrackKind } from "./sink.ts";

interface Goroutine {
  name: string;
  state: number;
  /** Where it runs, −1 for nowhere. */
  proc: number;
  thread: number;
  /** Arrow that ends where it runs next, 0 for none. */
  flow: number;
}

interface Lane {
  readonly track: Track;
  depth: number;
}

const IDS: readonly TrackKind[] = ["proc", "thread", "goroutine", "activity", "sweep", "task", "gc"];

export class Timeline {
  readonly #sink: TimelineSink;
  readonly #goroutines = new Map<number, Goroutine>();
  readonly #lanes = new Map<TrackKind, Map<number, Lane>>(IDS.map((kind) => [kind, new Map()]));
  /** Whose slice is open on a P's or an M's lane. */
  readonly #owners = new Map<Lane, Goroutine>();
  /** Ranges that are on: each generation tells them again. */
  readonly #ranges = new Map<Lane, Set<string>>();
  #generation: Generation | undefined;
  #flows = 0;
  #running = 0;
  #runnable = 0;
  #heap = NaN;
  #goal = NaN;
  #time = 0;

  constructor(sink: TimelineSink) {
    this.#sink = sink;
  }

  push(columns: EventColumns): void {
    if (columns.generation !== this.#generation) this.#enter(columns.generation);
    const { timeBase } = columns.generation;
    for (let i = 0; i < columns.length; i++) {
      const time = timeBase + columns.time[i]!;
      this.#time = Math.max(this.#time, time);
      this.#row(columns, i, time);
    }
  }

  /** The trace is over: what is open ends here. */
  finish(): void {
    for (const lanes of this.#lanes.values())
      for (const lane of lanes.values()) this.#close(lane, this.#time);
    this.#sink.finish();
  }

  #enter(generation: Generation): void {
    this.#generation = generation;
    const { clock, clockTime, timeBase } = generation;
    if (clock === undefined || clockTime === undefined) return;
    const wall = BigInt(clock.seconds) * 1_000_000_000n + BigInt(clock.nanoseconds);
    this.#sink.clock(timeBase + clockTime, wall);
  }

  #row(columns: EventColumns, i: number, time: number): void {
    const type = columns.type[i]!;
    switch (kindOf(type)) {
      case "StateTransition":
        if (isProc(type)) this.#proc(columns, i, time);
        else this.#transition(columns, i, time);
        break;
      case "RangeBegin":
      case "RangeActive":
        this.#rangeBegan(columns, i, time);
        break;
      case "RangeEnd": {
        const lane = this.#rangeLane(columns, i);
        if (this.#ranges.get(lane)?.delete(rangeName(columns, i)) === true) this.#closeOne(lane, time);
        break;
      }
      case "RegionBegin":
        this.#open(
          this.#activity(columns.g[i]!),
          time,
          this.#text(columns.arg0[i]!),
          "region",
          stackOf(columns, i),
        );
        break;
      case "RegionEnd":
        this.#closeOne(this.#activity(columns.g[i]!), time);
        break;
      case "TaskBegin":
      case "TaskEnd":
        this.#task(columns, i, time);
        break;
      case "Log":
        this.#log(columns, i, time);
        break;
      case "StackSample":
        if (columns.g[i]! >= 0)
          this.#sink.instant(
            this.#goroutineLane(columns.g[i]!).track,
            time,
            "CPU profile sample",
            "sample",
            stackOf(columns, i),
          );
        break;
      case "Metric":
        this.#metric(type, columns.arg0[i]!, time);
        break;
      default:
    }
  }

  #rangeBegan(columns: EventColumns, i: number, time: number): void {
    const lane = this.#rangeLane(columns, i);
    const name = rangeName(columns, i);
    const open = this.#ranges.get(lane) ?? new Set();
    if (open.has(name)) return;
    this.#ranges.set(lane, open.add(name));
    this.#open(lane, time, name, "range", stackOf(columns, i));
  }

  #proc(columns: EventColumns, i: number, time: number): void {
    const to = columns.to[i]!;
    if (to === ProcState.Running) return;
    this.#close(
      this.#lane("proc", columns.subject[i]!, (id) => `P${id}`),
      time,
    );
  }

  #transition(columns: EventColumns, i: number, time: number): void {
    const id = columns.subject[i]!;
    const to = columns.to[i]!;
    const goroutine = this.#goroutine(columns, i, id);
    const before = goroutine.state;
    // Each generation tells the states again.
    if (before === to) return;
    const lane = this.#goroutineLane(id);
    this.#count(before, -1);
    this.#count(to, 1);
    goroutine.state = to;
    this.#close(lane, time);
    const waker = columns.g[i]!;
    const type = columns.type[i]!;
    if (to === GoState.Runnable && waker >= 0 && waker !== id) this.#wake(columns, i, time, goroutine, waker);
    if (to === GoState.Running || to === GoState.Syscall) this.#run(columns, i, time, id, goroutine, before);
    else this.#leave(goroutine, time);
    if (to === GoState.NotExist) {
      this.#close(this.#activity(id), time);
      this.#forgetGoroutine(id);
    } else {
      const reason = type === Ev.GoBlock || type === Ev.GoStop ? this.#text(columns.arg0[i]!) : "";
      const own = waker === id || waker < 0 ? stackOf(columns, i) : {};
      const flow = to === GoState.Running && goroutine.flow > 0 ? { flowTo: goroutine.flow } : {};
      if (to === GoState.Running) goroutine.flow = 0;
      this.#open(lane, time, stateName(to, reason), stateCategories[to] ?? "state", { ...own, ...flow });
    }
    this.#sink.counter("Goroutines", time, { Running: this.#running, Runnable: this.#runnable });
  }

  /** An arrow from whoever woke or made it to where it runs next. */
  #wake(columns: EventColumns, i: number, time: number, woken: Goroutine, waker: number): void {
    const created = columns.from[i] === GoState.NotExist;
    woken.flow = ++this.#flows;
    this.#sink.instant(
      this.#goroutineLane(waker).track,
      time,
      created ? `go ${woken.name}` : `unblock ${woken.name}`,
      created ? "create" : "unblock",
      { ...stackOf(columns, i), flowFrom: woken.flow },
    );
  }

  /** On a P and an M; a syscall is inside of what ran there. */
  #run(
    columns: EventColumns,
    i: number,
    time: number,
    id: number,
    goroutine: Goroutine,
    before: number,
  ): void {
    const onProc = columns.p[i]!;
    const onThread = columns.m[i]!;
    const inSyscall = goroutine.state === GoState.Syscall;
    const lanes = [
      onProc < 0 ? undefined : this.#lane("proc", onProc, (p) => `P${p}`),
      onThread < 0 ? undefined : this.#lane("thread", onThread, (m) => `M${m}`),
    ];
    for (const lane of lanes) {
      if (lane === undefined) continue;
      if (before === GoState.Syscall && lane.depth === 2) this.#closeOne(lane, time);
      else if (!(before === GoState.Running && inSyscall && lane.depth === 1)) {
        this.#close(lane, time);
        this.#open(lane, time, goroutine.name, "running", { args: { goroutine: id } });
      }
      if (inSyscall) this.#open(lane, time, "syscall", "syscall", stackOf(columns, i));
    }
    goroutine.proc = onProc;
    goroutine.thread = onThread;
  }

  #leave(goroutine: Goroutine, time: number): void {
    const { proc, thread } = goroutine;
    // The P may run another by now: a syscall can lose it.
    const p = proc < 0 ? undefined : this.#lanes.get("proc")?.get(proc);
    if (p !== undefined && this.#owners.get(p) === goroutine) this.#close(p, time);
    const m = thread < 0 ? undefined : this.#lanes.get("thread")?.get(thread);
    if (m !== undefined && this.#owners.get(m) === goroutine) this.#close(m, time);
    goroutine.proc = -1;
    goroutine.thread = -1;
  }

  #task(columns: EventColumns, i: number, time: number): void {
    const id = columns.subject[i]!;
    const name = this.#text(columns.arg1[i]!);
    const lane = this.#lane("task", id, () => `${name} (task ${id})`);
    if (kindOf(columns.type[i]!) === "TaskBegin") {
      const parent = columns.arg0[i]!;
      // Perfetto keeps "task" for itself.
      const args = { task_id: id, goroutine: columns.g[i]!, ...(parent > 0 && { parent }) };
      this.#open(lane, time, name, "task", { ...stackOf(columns, i), args });
      return;
    }
    this.#close(lane, time);
    this.#sink.forget(lane.track);
    this.#lanes.get("task")?.delete(id);
  }

  #log(columns: EventColumns, i: number, time: number): void {
    const goroutine = columns.g[i]!;
    if (goroutine < 0) return;
    const category = this.#text(columns.arg0[i]!);
    const message = this.#text(columns.arg1[i]!);
    const text = category === "" ? message : `[${category}] ${message}`;
    this.#sink.instant(this.#goroutineLane(goroutine).track, time, text, "log", {
      ...stackOf(columns, i),
      args: { task_id: columns.subject[i]! },
    });
  }

  #metric(type: number, value: number, time: number): void {
    if (type === Ev.ProcsChange) this.#sink.counter("GOMAXPROCS", time, { GOMAXPROCS: value });
    if (type === Ev.HeapAlloc) this.#heap = value;
    // Without a limit the goal is as good as infinite: a plot of it would show nothing else.
    else if (type === Ev.HeapGoal) this.#goal = value > 2 ** 50 ? NaN : value;
    else return;
    this.#sink.counter("Heap", time, {
      ...(this.#heap === this.#heap && { Allocated: this.#heap }),
      ...(this.#goal === this.#goal && { Goal: this.#goal }),
    });
  }

  #goroutine(columns: EventColumns, i: number, id: number): Goroutine {
    const known = this.#goroutines.get(id);
    if (known !== undefined) return known;
    const type = columns.type[i]!;
    const made = type === Ev.GoCreate || type === Ev.GoCreateBlocked;
    const stack = made ? columns.arg0[i]! : columns.g[i] === id || columns.g[i]! < 0 ? columns.stack[i]! : 0;
    const start = startFunction(columns.generation, stack);
    const fresh: Goroutine = {
      name: start === "" ? `G${id}` : `G${id} ${start}`,
      state: GoState.NotExist,
      proc: -1,
      thread: -1,
      flow: 0,
    };
    this.#goroutines.set(id, fresh);
    return fresh;
  }

  #forgetGoroutine(id: number): void {
    this.#goroutines.delete(id);
    for (const kind of ["goroutine", "activity"] as const) {
      const lane = this.#lanes.get(kind)?.get(id);
      if (lane !== undefined) this.#sink.forget(lane.track);
      this.#lanes.get(kind)?.delete(id);
    }
  }

  #count(state: number, by: number): void {
    if (state === GoState.Running) this.#running += by;
    else if (state === GoState.Runnable) this.#runnable += by;
  }

  #rangeLane(columns: EventColumns, i: number): Lane {
    const type = columns.type[i]!;
    const subject = columns.subject[i]!;
    if (type === Ev.GCBegin || type === Ev.GCActive || type === Ev.GCEnd)
      return this.#lane("gc", 0, () => "GC");
    if (type === Ev.GCSweepBegin || type === Ev.GCSweepActive || type === Ev.GCSweepEnd)
      return this.#lane("sweep", subject, (id) => `P${id} sweep`);
    return this.#activity(subject);
  }

  #goroutineLane(id: number): Lane {
    return this.#lane("goroutine", id, () => this.#goroutines.get(id)?.name ?? `G${id}`);
  }

  #activity(id: number): Lane {
    return this.#lane("activity", id, () => `${this.#goroutines.get(id)?.name ?? `G${id}`}: regions`);
  }

  #lane(kind: TrackKind, id: number, name: (id: number) => string): Lane {
    const lanes = this.#lanes.get(kind)!;
    let lane = lanes.get(id);
    if (lane === undefined) lanes.set(id, (lane = { track: { kind, id, name: name(id) }, depth: 0 }));
    return lane;
  }

  #open(lane: Lane, time: number, name: string, category: string, detail: Detail): void {
    lane.depth++;
    const of = detail.args?.["goroutine"];
    if (category === "running" && typeof of === "number") this.#owners.set(lane, this.#goroutines.get(of)!);
    this.#sink.begin(lane.track, time, name, category, detail);
  }

  #closeOne(lane: Lane, time: number): void {
    // An end whose begin came before the trace.
    if (lane.depth === 0) return;
    lane.depth--;
    this.#sink.end(lane.track, time);
  }

  #close(lane: Lane, time: number): void {
    while (lane.depth > 0) this.#closeOne(lane, time);
    this.#owners.delete(lane);
    this.#ranges.delete(lane);
  }

  #text(index: number): string {
    return this.#generation?.strings.get(index) ?? "";
  }
}

const PROC_EVENTS: readonly number[] = [Ev.ProcStart, Ev.ProcStop, Ev.ProcSteal, Ev.ProcStatus];
const isProc = (type: number): boolean => PROC_EVENTS.includes(type);

function stateName(state: number, reason: string): string {
  if (state === GoState.Waiting) return reason === "" ? "blocked" : `blocked: ${reason}`;
  if (state === GoState.Runnable) return reason === "" ? "runnable" : `runnable: ${reason}`;
  return state === GoState.Running ? "running" : "syscall";
}

const stateCategories: Readonly<Record<number, string>> = {
  [GoState.Waiting]: "blocked",
  [GoState.Runnable]: "runnable",
  [GoState.Running]: "running",
  [GoState.Syscall]: "syscall",
};

function stackOf(columns: EventColumns, i: number): Detail {
  const index = columns.stack[i]!;
  return index === 0 ? {} : { stack: { generation: columns.generation, index } };
}

/** The outermost frame of a stack: what the goroutine began with. */
function startFunction({ stacks }: Generation, index: number): string {
  if (index <= 0) return "";
  const last = stacks.frames(index).at(-1);
  return last === undefined ? "" : stacks.func(last);
}
