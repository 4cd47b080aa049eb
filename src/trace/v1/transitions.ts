/**
 * What each event does to a goroutine: the state it starts from and the one it leaves, by v1 type.
 * Facts from Go's internal/trace/internal/tracev1/order.go.
 */

import { V1, V1_TYPES } from "./spec.ts";

/** Statuses of a goroutine. */
export const DEAD = 0;
export const RUNNABLE = 1;
export const RUNNING = 2;
export const WAITING = 3;

/** Whose state an event changes: nobody's, that of the goroutine it is on, that of the one it names, the GC's. */
export const OF_NONE = 0;
export const OF_SELF = 1;
export const OF_NAMED = 2;
export const OF_GC = 3;

/** What the sequence number must be before: 0 or 1 exactly, the one the event gives, or any. */
export const GIVEN = 2;
export const ANY = 3;

/** The state of a goroutine is one number: its sequence number times this, plus its status. */
export const STATUSES = 4;

/** How an event says which goroutine it is on: it starts one on the P, takes it off, or names one; else the P's. */
export const STARTS = 1;
export const ENDS = 2;
export const NAMES = 3;

export const subjectOf = new Uint8Array(V1_TYPES);
export const statusBefore = new Uint8Array(V1_TYPES);
export const seqBefore = new Uint8Array(V1_TYPES);
/** What an event adds to the state of its goroutine. */
export const stateStep = new Int8Array(V1_TYPES);
export const contextOf = new Uint8Array(V1_TYPES);
/** The Local types only differ in having no sequence number: once in order they go by the other name. */
export const orderedType = new Uint8Array(V1_TYPES).map((_, type) => type);

interface Transition {
  readonly of: number;
  readonly seq: number;
  readonly from: number;
  readonly to: number;
  /** Added to the sequence number, 1 unless given. */
  readonly step?: number;
  readonly context?: number;
  readonly orderedAs?: number;
}

function transition(types: readonly number[], rule: Transition): void {
  for (const type of types) {
    subjectOf[type] = rule.of;
    statusBefore[type] = rule.from;
    seqBefore[type] = rule.seq;
    stateStep[type] = STATUSES * (rule.step ?? 1) + rule.to - rule.from;
    contextOf[type] = rule.context ?? 0;
    orderedType[type] = rule.orderedAs ?? type;
  }
}

transition([V1.GoCreate], { of: OF_NAMED, seq: 0, from: DEAD, to: RUNNABLE });
transition([V1.GoWaiting, V1.GoInSyscall], {
  of: OF_SELF,
  seq: 1,
  from: RUNNABLE,
  to: WAITING,
  context: NAMES,
});
transition([V1.GoStart, V1.GoStartLabel], {
  of: OF_SELF,
  seq: GIVEN,
  from: RUNNABLE,
  to: RUNNING,
  context: STARTS,
});
transition([V1.GoStartLocal], {
  of: OF_SELF,
  seq: ANY,
  from: RUNNABLE,
  to: RUNNING,
  context: STARTS,
  orderedAs: V1.GoStart,
});
transition(
  [
    V1.GoBlock,
    V1.GoBlockSend,
    V1.GoBlockRecv,
    V1.GoBlockSelect,
    V1.GoBlockSync,
    V1.GoBlockCond,
    V1.GoBlockNet,
    V1.GoBlockGC,
    V1.GoSleep,
    V1.GoSysBlock,
  ],
  { of: OF_SELF, seq: ANY, from: RUNNING, to: WAITING, step: 0, context: ENDS },
);
transition([V1.GoSched, V1.GoPreempt], {
  of: OF_SELF,
  seq: ANY,
  from: RUNNING,
  to: RUNNABLE,
  step: 0,
  context: ENDS,
});
transition([V1.GoUnblock], { of: OF_NAMED, seq: GIVEN, from: WAITING, to: RUNNABLE });
transition([V1.GoUnblockLocal], {
  of: OF_NAMED,
  seq: ANY,
  from: WAITING,
  to: RUNNABLE,
  orderedAs: V1.GoUnblock,
});
transition([V1.GoSysExit], { of: OF_NAMED, seq: GIVEN, from: WAITING, to: RUNNABLE, context: NAMES });
// The reference takes the local exit, which no runtime writes, to be on the P's goroutine.
transition([V1.GoSysExitLocal], {
  of: OF_NAMED,
  seq: ANY,
  from: WAITING,
  to: RUNNABLE,
  orderedAs: V1.GoSysExit,
});
transition([V1.GCStart], { of: OF_GC, seq: GIVEN, from: DEAD, to: DEAD });
// Ends of a goroutine need no order: none of its events can follow.
for (const type of [V1.GoEnd, V1.GoStop]) contextOf[type] = ENDS;
