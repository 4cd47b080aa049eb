/**
 * The one table of events: number, name, typed arguments, since which header version, and what its row holds.
 * Decoder, dumper, builder, validator and the user interface read it. Figures from Go's internal/trace/tracev2.
 *
 * Argument names are Go's: `name_type`, or a type alone. Types: seq, pstatus, gstatus, g, m, p, string (id), stack (id),
 * value (uint64), task; anything else is a plain number.
 */

/** Kinds of Go's Event.Kind, by the names Go prints. */
export type EventKind =
  | "Sync"
  | "Metric"
  | "Label"
  | "StackSample"
  | "RangeBegin"
  | "RangeActive"
  | "RangeEnd"
  | "TaskBegin"
  | "TaskEnd"
  | "RegionBegin"
  | "RegionEnd"
  | "Log"
  | "StateTransition"
  | "Experimental";

/** What the columns `subject`, `arg0` and `arg1` of a row hold. A column that is not named is 0 in that row. */
export interface RowColumns {
  /** `g`, `p`: the resource of the transition or range. `task`; `n`: running number of the Sync; `id`: an experiment's id. */
  readonly subject?: "g" | "p" | "task" | "n" | "id";
  /** A `…String` or `…Stack` is an index into the generation's tables, 0 for none. */
  readonly arg0?: string;
  readonly arg1?: string;
}

export interface EventSpec {
  readonly type: number;
  readonly name: string;
  /** First header version (minor Go version) that writes it. */
  readonly since: number;
  /** All arguments on the wire, for a timed event beginning with `dt`. */
  readonly args: readonly string[];
  /** An event of a thread's stream: has a time and becomes a row. */
  readonly timed: boolean;
  /** Which of `args` are string ids. */
  readonly strings: readonly number[];
  /** Which of `args` are stack ids; the first is the stack of the event itself. */
  readonly stacks: readonly number[];
  /** Followed by a length and that many bytes. */
  readonly data: boolean;
  /** Followed by `nframes` groups of pc, func, file, line. */
  readonly frames: boolean;
  readonly experiment: string | undefined;
  readonly kind: EventKind | undefined;
  readonly row: RowColumns;
}

/** Event numbers. The wire's own, so a row's `type` can be looked up in the table. */
export const Ev = {
  EventBatch: 1,
  Stacks: 2,
  Stack: 3,
  Strings: 4,
  String: 5,
  CPUSamples: 6,
  /** As a row: a CPU profile sample. */
  CPUSample: 7,
  Frequency: 8,
  ProcsChange: 9,
  ProcStart: 10,
  ProcStop: 11,
  ProcSteal: 12,
  ProcStatus: 13,
  GoCreate: 14,
  GoCreateSyscall: 15,
  GoStart: 16,
  GoDestroy: 17,
  GoDestroySyscall: 18,
  GoStop: 19,
  GoBlock: 20,
  GoUnblock: 21,
  GoSyscallBegin: 22,
  GoSyscallEnd: 23,
  GoSyscallEndBlocked: 24,
  GoStatus: 25,
  STWBegin: 26,
  STWEnd: 27,
  GCActive: 28,
  GCBegin: 29,
  GCEnd: 30,
  GCSweepActive: 31,
  GCSweepBegin: 32,
  GCSweepEnd: 33,
  GCMarkAssistActive: 34,
  GCMarkAssistBegin: 35,
  GCMarkAssistEnd: 36,
  HeapAlloc: 37,
  HeapGoal: 38,
  GoLabel: 39,
  UserTaskBegin: 40,
  UserTaskEnd: 41,
  UserRegionBegin: 42,
  UserRegionEnd: 43,
  UserLog: 44,
  GoSwitch: 45,
  GoSwitchDestroy: 46,
  GoCreateBlocked: 47,
  GoStatusStack: 48,
  ExperimentalBatch: 49,
  /** As a row (of every version, also those whose wire has no Sync batch): a generation begins, or the trace ends. */
  Sync: 50,
  ClockSnapshot: 51,
  EndOfGeneration: 52,
  Span: 128,
  SpanAlloc: 129,
  SpanFree: 130,
  HeapObject: 131,
  HeapObjectAlloc: 132,
  HeapObjectFree: 133,
  GoroutineStack: 134,
  GoroutineStackAlloc: 135,
  GoroutineStackFree: 136,
} as const;

/** Goroutine states, as in the columns `from` and `to`; Go's numbers. */
export const GoState = {
  Undetermined: 0,
  NotExist: 1,
  Runnable: 2,
  Running: 3,
  Waiting: 4,
  Syscall: 5,
} as const;
/** Proc states, as in the columns `from` and `to`; Go's numbers. */
export const ProcState = { Undetermined: 0, NotExist: 1, Running: 2, Idle: 3 } as const;

export const goStateNames = [
  "Undetermined",
  "NotExist",
  "Runnable",
  "Running",
  "Waiting",
  "Syscall",
] as const;
export const procStateNames = ["Undetermined", "NotExist", "Running", "Idle"] as const;

/** Goroutine statuses on the wire (`gstatus`). */
export const GoStatus = { Runnable: 1, Running: 2, Syscall: 3, Waiting: 4 } as const;
/** Proc statuses on the wire (`pstatus`). */
export const ProcStatus = { Running: 1, Idle: 2, Syscall: 3, SyscallAbandoned: 4 } as const;

/** The greatest batch payload: Go's tracev2.MaxBatchSize, 64 KiB. */
export const MAX_BATCH_BYTES = 65_536;
/** Go's tracev2.MaxFramesPerStack. */
export const MAX_FRAMES_PER_STACK = 128;
/** Go's tracev2.MaxEventTrailerDataSize: the longest string. */
export const MAX_STRING_BYTES = 1024;

const specs: (EventSpec | undefined)[] = [];

function add(type: number, since: number, args: string, options: Partial<EventSpec> = {}): void {
  const name = Object.entries(Ev).find(([, number]) => number === type)?.[0] ?? "";
  const list = args === "" ? [] : args.split(" ");
  const indexes = (suffix: string) => list.flatMap((arg, i) => (arg.split("_").at(-1) === suffix ? [i] : []));
  const stacks = indexes("stack");
  specs[type] = {
    type,
    name,
    since,
    args: list,
    timed: false,
    strings: indexes("string"),
    // The event's own stack is the last argument where there are two (GoCreate's is its creator's).
    stacks: stacks.toReversed(),
    data: false,
    frames: false,
    experiment: undefined,
    kind: undefined,
    row: {},
    ...options,
  };
}

function timed(
  type: number,
  since: number,
  args: string,
  kind: EventKind | undefined,
  row: RowColumns = {},
): void {
  add(type, since, args === "" ? "dt" : `dt ${args}`, { timed: true, kind, row });
}

function experimental(type: number, args: string, row: RowColumns): void {
  add(type, 23, `dt ${args}`, { timed: true, kind: "Experimental", experiment: "AllocFree", row });
}

add(Ev.EventBatch, 22, "gen m time size");
add(Ev.Stacks, 22, "");
add(Ev.Stack, 22, "id nframes", { frames: true });
add(Ev.Strings, 22, "");
add(Ev.String, 22, "id", { data: true });
add(Ev.CPUSamples, 22, "");
add(Ev.CPUSample, 22, "time m p g stack", { kind: "StackSample" });
add(Ev.Frequency, 22, "freq");
timed(Ev.ProcsChange, 22, "procs_value stack", "Metric", { arg0: "procs" });
timed(Ev.ProcStart, 22, "p p_seq", "StateTransition", { subject: "p" });
timed(Ev.ProcStop, 22, "", "StateTransition", { subject: "p" });
timed(Ev.ProcSteal, 22, "p p_seq m", "StateTransition", { subject: "p", arg0: "m" });
timed(Ev.ProcStatus, 22, "p pstatus", "StateTransition", { subject: "p", arg0: "pstatus" });
timed(Ev.GoCreate, 22, "new_g new_stack stack", "StateTransition", { subject: "g", arg0: "newStack" });
timed(Ev.GoCreateSyscall, 22, "new_g", "StateTransition", { subject: "g" });
timed(Ev.GoStart, 22, "g g_seq", "StateTransition", { subject: "g" });
timed(Ev.GoDestroy, 22, "", "StateTransition", { subject: "g" });
timed(Ev.GoDestroySyscall, 22, "", "StateTransition", { subject: "g" });
timed(Ev.GoStop, 22, "reason_string stack", "StateTransition", { subject: "g", arg0: "reasonString" });
timed(Ev.GoBlock, 22, "reason_string stack", "StateTransition", { subject: "g", arg0: "reasonString" });
timed(Ev.GoUnblock, 22, "g g_seq stack", "StateTransition", { subject: "g" });
timed(Ev.GoSyscallBegin, 22, "p_seq stack", "StateTransition", { subject: "g" });
timed(Ev.GoSyscallEnd, 22, "", "StateTransition", { subject: "g" });
timed(Ev.GoSyscallEndBlocked, 22, "", "StateTransition", { subject: "g" });
timed(Ev.GoStatus, 22, "g m gstatus", "StateTransition", { subject: "g", arg0: "m" });
timed(Ev.STWBegin, 22, "kind_string stack", "RangeBegin", { subject: "g", arg0: "kindString" });
timed(Ev.STWEnd, 22, "", "RangeEnd", { subject: "g", arg0: "kindString" });
timed(Ev.GCActive, 22, "gc_seq", "RangeActive", { arg0: "seq" });
timed(Ev.GCBegin, 22, "gc_seq stack", "RangeBegin", { arg0: "seq" });
timed(Ev.GCEnd, 22, "gc_seq", "RangeEnd", { arg0: "seq" });
timed(Ev.GCSweepActive, 22, "p", "RangeActive", { subject: "p" });
timed(Ev.GCSweepBegin, 22, "stack", "RangeBegin", { subject: "p" });
timed(Ev.GCSweepEnd, 22, "swept_value reclaimed_value", "RangeEnd", {
  subject: "p",
  arg0: "swept",
  arg1: "reclaimed",
});
timed(Ev.GCMarkAssistActive, 22, "g", "RangeActive", { subject: "g" });
timed(Ev.GCMarkAssistBegin, 22, "stack", "RangeBegin", { subject: "g" });
timed(Ev.GCMarkAssistEnd, 22, "", "RangeEnd", { subject: "g" });
timed(Ev.HeapAlloc, 22, "heapalloc_value", "Metric", { arg0: "bytes" });
timed(Ev.HeapGoal, 22, "heapgoal_value", "Metric", { arg0: "bytes" });
timed(Ev.GoLabel, 22, "label_string", "Label", { subject: "g", arg0: "labelString" });
timed(Ev.UserTaskBegin, 22, "task parent_task name_string stack", "TaskBegin", {
  subject: "task",
  arg0: "parent",
  arg1: "nameString",
});
timed(Ev.UserTaskEnd, 22, "task stack", "TaskEnd", { subject: "task", arg0: "parent", arg1: "nameString" });
timed(Ev.UserRegionBegin, 22, "task name_string stack", "RegionBegin", {
  subject: "task",
  arg0: "nameString",
});
timed(Ev.UserRegionEnd, 22, "task name_string stack", "RegionEnd", { subject: "task", arg0: "nameString" });
timed(Ev.UserLog, 22, "task key_string value_string stack", "Log", {
  subject: "task",
  arg0: "keyString",
  arg1: "valueString",
});
timed(Ev.GoSwitch, 23, "g g_seq", "StateTransition", { subject: "g" });
timed(Ev.GoSwitchDestroy, 23, "g g_seq", "StateTransition", { subject: "g" });
timed(Ev.GoCreateBlocked, 23, "new_g new_stack stack", "StateTransition", { subject: "g", arg0: "newStack" });
timed(Ev.GoStatusStack, 23, "g m gstatus stack", "StateTransition", { subject: "g", arg0: "m" });
add(Ev.ExperimentalBatch, 23, "exp gen m time", { data: true });
add(Ev.Sync, 25, "", { kind: "Sync", row: { subject: "n", arg0: "gap" } });
timed(Ev.ClockSnapshot, 25, "mono sec nsec", undefined);
add(Ev.EndOfGeneration, 26, "");
experimental(Ev.Span, "id npages_value kindclass", { subject: "id", arg0: "npages", arg1: "kindclass" });
experimental(Ev.SpanAlloc, "id npages_value kindclass", { subject: "id", arg0: "npages", arg1: "kindclass" });
experimental(Ev.SpanFree, "id", { subject: "id" });
experimental(Ev.HeapObject, "id type", { subject: "id", arg0: "type" });
experimental(Ev.HeapObjectAlloc, "id type", { subject: "id", arg0: "type" });
experimental(Ev.HeapObjectFree, "id", { subject: "id" });
experimental(Ev.GoroutineStack, "id order", { subject: "id", arg0: "order" });
experimental(Ev.GoroutineStackAlloc, "id order", { subject: "id", arg0: "order" });
experimental(Ev.GoroutineStackFree, "id", { subject: "id" });

/** The spec of an event number; undefined if no version has it. */
export function specOf(type: number): EventSpec | undefined {
  return specs[type];
}

/** All specs a header version may write, in order of their numbers. */
export function specsOf(version: number): readonly EventSpec[] {
  return specs.filter((spec): spec is EventSpec => spec !== undefined && spec.since <= version);
}

/** The event's name, or Go's `Invalid(n)`. */
export function eventName(type: number): string {
  return specs[type]?.name ?? `Invalid(${type})`;
}

/** Go's Event.Kind of a row. */
export function kindOf(type: number): EventKind {
  return specs[type]?.kind ?? "Sync";
}

/** An argument count that says: not an event of a thread's stream. */
export const NOT_TIMED = 255;
/** By event number: arguments after `dt` of a timed event, or `NOT_TIMED`. */
export const timedArgCount: Uint8Array = new Uint8Array(256).fill(NOT_TIMED);
for (const spec of specs) if (spec?.timed === true) timedArgCount[spec.type] = spec.args.length - 1;
