/** A friendly view on rows: one object an event, shaped like Go's Event API. For tools and tests, not for hot paths. */

import { assertNever } from "../base/errors.ts";
import type { EventColumns } from "./columns.ts";
import type { Generation } from "./generation.ts";
import { readTrace } from "./reader.ts";
import type { ReaderOptions } from "./reader.ts";
import { Ev, goStateNames, kindOf, procStateNames, specOf } from "./spec.ts";
import type { Frame } from "./tables/stacks.ts";
import type { ClockSnapshot } from "./tables/sync.ts";
import { absoluteNanoseconds } from "./time.ts";

export type GoStateName = (typeof goStateNames)[number];
export type ProcStateName = (typeof procStateNames)[number];

/** A goroutine, proc or thread; `none` has id −1. */
export interface Resource {
  readonly kind: "none" | "goroutine" | "proc" | "thread";
  readonly id: number;
}

/** A stack of a generation; frames are resolved when asked for. */
export class Stack {
  readonly #generation: Generation;
  readonly index: number;

  constructor(generation: Generation, index: number) {
    this.#generation = generation;
    this.index = index;
  }

  /** Frames, leaf first. */
  frames(): Frame[] {
    return this.#generation.stacks.resolve(this.index);
  }

  /** Name of the top (leaf) frame's function, "" if the stack is empty. */
  top(): string {
    const { stacks } = this.#generation;
    return stacks.func(stacks.topFrame(this.index));
  }
}

interface EventBase {
  /** ns relative to `generation.timeBase`. */
  readonly time: number;
  /** ns of the trace clock, what Go's Event.Time gives. */
  readonly absoluteTime: bigint;
  /** Context before the event; −1 for none. */
  readonly goroutine: number;
  readonly proc: number;
  readonly thread: number;
  readonly stack: Stack | undefined;
  readonly generation: Generation;
}

export interface GoTransition {
  readonly resource: { readonly kind: "goroutine"; readonly id: number };
  readonly from: GoStateName;
  readonly to: GoStateName;
  readonly reason: string;
  /** Stack of the resource itself: for a creation, of the new goroutine. */
  readonly stack: Stack | undefined;
}

export interface ProcTransition {
  readonly resource: { readonly kind: "proc"; readonly id: number };
  readonly from: ProcStateName;
  readonly to: ProcStateName;
  readonly reason: string;
  readonly stack: undefined;
}

export interface RangeDetails {
  readonly name: string;
  readonly scope: Resource;
  readonly attributes: readonly { readonly name: string; readonly value: number }[];
}

export interface TaskDetails {
  readonly id: number;
  /** −1 for none. */
  readonly parent: number;
  readonly name: string;
}

export type TraceEvent = EventBase &
  (
    | {
        readonly kind: "Sync";
        readonly n: number;
        /** Events are missing before (tolerant reading). */
        readonly gap: boolean;
        readonly clock: ClockSnapshot | undefined;
      }
    | { readonly kind: "Metric"; readonly name: string; readonly value: number }
    | { readonly kind: "Label"; readonly label: string; readonly resource: Resource }
    | { readonly kind: "StackSample" }
    | { readonly kind: "RangeBegin" | "RangeActive" | "RangeEnd"; readonly range: RangeDetails }
    | { readonly kind: "TaskBegin" | "TaskEnd"; readonly task: TaskDetails }
    | { readonly kind: "RegionBegin" | "RegionEnd"; readonly task: number; readonly name: string }
    | { readonly kind: "Log"; readonly task: number; readonly category: string; readonly message: string }
    | { readonly kind: "StateTransition"; readonly transition: GoTransition | ProcTransition }
    | {
        readonly kind: "Experimental";
        readonly name: string;
        readonly args: readonly (readonly [string, number])[];
      }
  );

const metricNames = new Map<number, string>([
  [Ev.ProcsChange, "/sched/gomaxprocs:threads"],
  [Ev.HeapAlloc, "/memory/classes/heap/objects:bytes"],
  [Ev.HeapGoal, "/gc/heap/goal:bytes"],
]);

/** Go's name of a metric row's metric. */
export function metricName(type: number): string {
  return metricNames.get(type) ?? "";
}

/** Whether a row is a transition of a proc (and not of a goroutine). */
export function isProcTransition(type: number): boolean {
  return type >= Ev.ProcStart && type <= Ev.ProcStatus;
}

/** Go's name of a range row's range. */
export function rangeName(batch: EventColumns, i: number): string {
  switch (batch.type[i]) {
    case Ev.STWBegin:
    case Ev.STWEnd:
      return `stop-the-world (${batch.generation.strings.get(batch.arg0[i]!)})`;
    case Ev.GCBegin:
    case Ev.GCActive:
    case Ev.GCEnd:
      return "GC concurrent mark phase";
    case Ev.GCSweepBegin:
    case Ev.GCSweepActive:
    case Ev.GCSweepEnd:
      return "GC incremental sweep";
    default:
      return "GC mark assist";
  }
}

/** What a range row's range is of. */
function rangeScope(batch: EventColumns, i: number): Resource {
  const { subject } = specOf(batch.type[i]!)!.row;
  if (subject === undefined) return { kind: "none", id: -1 };
  return { kind: subject === "p" ? "proc" : "goroutine", id: batch.subject[i]! };
}

function transitionOf(batch: EventColumns, i: number, own: Stack | undefined): GoTransition | ProcTransition {
  const type = batch.type[i]!;
  const id = batch.subject[i]!;
  if (isProcTransition(type)) {
    const from = procStateNames[batch.from[i]!]!;
    const to = procStateNames[batch.to[i]!]!;
    return { resource: { kind: "proc", id }, from, to, reason: "", stack: undefined };
  }
  let reason = "";
  let stack: Stack | undefined;
  if (type === Ev.GoStop || type === Ev.GoBlock) {
    reason = batch.generation.strings.get(batch.arg0[i]!);
    stack = own;
  } else if (type === Ev.GoSyscallBegin || type === Ev.GoStatus || type === Ev.GoStatusStack) stack = own;
  else if (type === Ev.GoCreate || type === Ev.GoCreateBlocked) stack = stackOf(batch, batch.arg0[i]!);
  const from = goStateNames[batch.from[i]!]!;
  const to = goStateNames[batch.to[i]!]!;
  return { resource: { kind: "goroutine", id }, from, to, reason, stack };
}

function stackOf(batch: EventColumns, index: number): Stack | undefined {
  return index === 0 ? undefined : new Stack(batch.generation, index);
}

/** Row i of a batch as an event object. It stays valid when the batch is filled again. */
export function eventAt(batch: EventColumns, i: number): TraceEvent {
  const { generation } = batch;
  const { strings } = generation;
  const type = batch.type[i]!;
  const subject = batch.subject[i]!;
  const arg0 = batch.arg0[i]!;
  const arg1 = batch.arg1[i]!;
  const stack = stackOf(batch, batch.stack[i]!);
  const base: EventBase = {
    time: batch.time[i]!,
    absoluteTime: absoluteNanoseconds(generation.timeBase, batch.time[i]!),
    goroutine: batch.g[i]!,
    proc: batch.p[i]!,
    thread: batch.m[i]!,
    stack,
    generation,
  };
  const kind = kindOf(type);
  switch (kind) {
    case "Sync":
      return { ...base, kind, n: subject, gap: arg0 === 1, clock: generation.clock };
    case "Metric":
      return { ...base, kind, name: metricName(type), value: arg0 };
    case "Label":
      return { ...base, kind, label: strings.get(arg0), resource: { kind: "goroutine", id: subject } };
    case "StackSample":
      return { ...base, kind };
    case "RangeBegin":
    case "RangeActive":
    case "RangeEnd": {
      const attributes =
        type === Ev.GCSweepEnd
          ? [
              { name: "bytes swept", value: arg0 },
              { name: "bytes reclaimed", value: arg1 },
            ]
          : [];
      return { ...base, kind, range: { name: rangeName(batch, i), scope: rangeScope(batch, i), attributes } };
    }
    case "TaskBegin":
    case "TaskEnd":
      return { ...base, kind, task: { id: subject, parent: arg0, name: strings.get(arg1) } };
    case "RegionBegin":
    case "RegionEnd":
      return { ...base, kind, task: subject, name: strings.get(arg0) };
    case "Log":
      return { ...base, kind, task: subject, category: strings.get(arg0), message: strings.get(arg1) };
    case "StateTransition":
      return { ...base, kind, transition: transitionOf(batch, i, stack) };
    case "Experimental": {
      const values = [subject, arg0, arg1];
      const args = specOf(type)!.args.slice(1);
      return {
        ...base,
        kind,
        name: specOf(type)!.name,
        args: args.map((name, at) => [name, values[at]!] as const),
      };
    }
    default:
      return assertNever(kind);
  }
}

/** Every event of a trace in memory, in order. Throws TraceFormatError as `readTrace` does. */
export function* readEvents(
  bytes: Uint8Array,
  options: ReaderOptions = {},
): Generator<TraceEvent, void, undefined> {
  for (const batch of readTrace(bytes, options)) {
    for (let i = 0; i < batch.length; i++) yield eventAt(batch, i);
  }
}
