/**
 * The event table of the v1 format (Go 1.11 to 1.21): what each event carries and how it is used.
 *
 * On the wire an event is one byte (6 bits type, 2 bits argument count) and unsigned LEB128 arguments: first the
 * time since the previous event of the same P in ticks, then `args`, then a stack id if `stack`.
 * Source: runtime/trace.go of Go 1.21.
 */

import type { V1Version } from "../header.ts";

export const V1 = {
  None: 0,
  Batch: 1,
  Frequency: 2,
  Stack: 3,
  Gomaxprocs: 4,
  ProcStart: 5,
  ProcStop: 6,
  GCStart: 7,
  GCDone: 8,
  STWStart: 9,
  STWDone: 10,
  GCSweepStart: 11,
  GCSweepDone: 12,
  GoCreate: 13,
  GoStart: 14,
  GoEnd: 15,
  GoStop: 16,
  GoSched: 17,
  GoPreempt: 18,
  GoSleep: 19,
  GoBlock: 20,
  GoUnblock: 21,
  GoBlockSend: 22,
  GoBlockRecv: 23,
  GoBlockSelect: 24,
  GoBlockSync: 25,
  GoBlockCond: 26,
  GoBlockNet: 27,
  GoSysCall: 28,
  GoSysExit: 29,
  GoSysBlock: 30,
  GoWaiting: 31,
  GoInSyscall: 32,
  HeapAlloc: 33,
  HeapGoal: 34,
  TimerGoroutine: 35,
  FutileWakeup: 36,
  String: 37,
  GoStartLocal: 38,
  GoUnblockLocal: 39,
  GoSysExitLocal: 40,
  GoStartLabel: 41,
  GoBlockGC: 42,
  GCMarkAssistStart: 43,
  GCMarkAssistDone: 44,
  UserTaskCreate: 45,
  UserTaskEnd: 46,
  UserRegion: 47,
  UserLog: 48,
  CPUSample: 49,
} as const;

export interface V1Spec {
  readonly type: number;
  readonly name: string;
  /** The arguments after the time, without the stack. */
  readonly args: readonly string[];
  /** The last argument is a stack id. */
  readonly stack: boolean;
  /** The first version that has the event. */
  readonly since: V1Version;
}

const STACK = true;

/** The timed events: those that happen on a P at a time. CPU samples carry their own time and P. */
export const v1Specs: readonly V1Spec[] = [
  event("Gomaxprocs", ["procs"], STACK),
  event("ProcStart", ["thread"]),
  event("ProcStop", []),
  event("GCStart", ["seq"], STACK),
  event("GCDone", []),
  event("STWStart", ["kind"]),
  event("STWDone", []),
  event("GCSweepStart", [], STACK),
  event("GCSweepDone", ["swept", "reclaimed"]),
  event("GoCreate", ["g", "stack"], STACK),
  event("GoStart", ["g", "seq"]),
  event("GoEnd", []),
  event("GoStop", [], STACK),
  event("GoSched", [], STACK),
  event("GoPreempt", [], STACK),
  event("GoSleep", [], STACK),
  event("GoBlock", [], STACK),
  event("GoUnblock", ["g", "seq"], STACK),
  event("GoBlockSend", [], STACK),
  event("GoBlockRecv", [], STACK),
  event("GoBlockSelect", [], STACK),
  event("GoBlockSync", [], STACK),
  event("GoBlockCond", [], STACK),
  event("GoBlockNet", [], STACK),
  event("GoSysCall", [], STACK),
  event("GoSysExit", ["g", "seq", "ts"]),
  event("GoSysBlock", []),
  event("GoWaiting", ["g"]),
  event("GoInSyscall", ["g"]),
  event("HeapAlloc", ["mem"]),
  event("HeapGoal", ["mem"]),
  event("FutileWakeup", []),
  event("GoStartLocal", ["g"]),
  event("GoUnblockLocal", ["g"], STACK),
  event("GoSysExitLocal", ["g", "ts"]),
  event("GoStartLabel", ["g", "seq", "label"]),
  event("GoBlockGC", [], STACK),
  event("GCMarkAssistStart", [], STACK),
  event("GCMarkAssistDone", []),
  event("UserTaskCreate", ["task", "parent", "name"], STACK),
  event("UserTaskEnd", ["task"], STACK),
  event("UserRegion", ["task", "mode", "name"], STACK),
  event("UserLog", ["task", "key"], STACK),
  event("CPUSample", ["ts", "p", "g"], STACK, 19),
];

function event(name: keyof typeof V1, args: readonly string[], stack = false, since: V1Version = 11): V1Spec {
  return { type: V1[name], name, args, stack, since };
}

/** Number of event types: every smaller one but 0 is known. */
export const V1_TYPES = 50;

/** By type: how many arguments are on the wire, the time and the stack among them; 0 for what is not a timed event. */
export const wireArgs = new Uint8Array(V1_TYPES);
/** By type: 1 if the last argument is a stack id. */
export const hasStack = new Uint8Array(V1_TYPES);
/** By type: the first version that has the event. */
export const sinceVersion = new Uint8Array(V1_TYPES);
/** By type: its name in messages. */
export const v1Names: readonly string[] = Object.keys(V1);

for (const spec of v1Specs) {
  wireArgs[spec.type] = 1 + spec.args.length + (spec.stack ? 1 : 0);
  hasStack[spec.type] = spec.stack ? 1 : 0;
  sinceVersion[spec.type] = spec.since;
}
