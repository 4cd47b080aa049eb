/** Where everything is in the memory that the tracker and its kernel share. Addresses and offsets in bytes. */

import { placeColumns } from "../../trace/kernel/layout.ts";

/** Addresses of the kernel's parameters, all i32: where the tables are, and what they are like. */
export const At = {
  /** Rows of the batch. */
  end: 0,
  // The table of goroutines' ids (slots.ts).
  buckets: 4,
  bucketMask: 8,
  shift: 12,
  ids: 16,
  // Columns by slot (goroutine-table.ts).
  state: 20,
  since: 24,
  reason: 28,
  beganBy: 32,
  beginStack: 36,
  ownStack: 40,
  group: 44,
  firstRun: 48,
  totals: 52,
  stride: 56,
  /** Numbers + 1 by index in the generation's tables. */
  stackIds: 60,
  reasonIds: 64,
  reasonIdCount: 68,
  forever: 72,
  /** Addresses of tallies by group and kind of time, or 0: intervals are not counted. */
  tallies: 76,
  tallyGroups: 80,
  /** When goroutines ended, by slot; and the slots of those that did in this batch. */
  ended: 84,
  deaths: 88,
  deathCount: 92,
} as const;

/** Tables by event type: rows so far (f64), what is to be done (`Way`), whether a pass takes it, whose stack it has. */
export const COUNTS = 128;
export const WAYS = COUNTS + 256 * 8;
export const TAKEN = WAYS + 256;
export const OWN = TAKEN + 256;
/** Addresses of tallies (i32) of the waits for a proc that began with a type of event. */
export const WAITS = OWN + 256;
/** Threads seen (f64), each where the low bits of its id say. */
export const THREADS = WAITS + 256 * 4;
export const THREAD_MASK = 511;
/** What the levels' kernel (levels.ts) goes on from and comes to, all f64. */
export const Level = {
  bucketEnd: 0,
  changed: 8,
  overloaded: 16,
  idleWhileRunnable: 24,
  procs: 32,
  idle: 40,
  /** Each: the level, level × time, the least and the greatest level. */
  runnable: 48,
  executing: 80,
  /** Of goroutines in syscalls but the level and its area: it does not change in the kernel. */
  inSyscall: 112,
} as const;
export const LEVELS = THREADS + (THREAD_MASK + 1) * 8;
const COLUMNS = LEVELS + 128;

/** What the kernel does with a type of event. */
export const Way = { none: 0, goroutine: 1, leave: 2 } as const;

/** Tallies of a group: as many as there are kinds of time, at most. */
export const TALLY_KINDS_BITS = 6;
/** A tally (tally.ts): what a `Sketch` is once it has buckets. */
export const Tally = { sum: 0, min: 8, max: 16, zeros: 24, counts: 32 } as const;

/** Bytes of a value of each column: those the tracker reads of a batch, then those it writes. */
const widths = {
  time: 8,
  subject: 8,
  m: 8,
  arg0: 8,
  stack: 4,
  type: 1,
  from: 1,
  to: 1,
  rowSlot: 4,
  rowSince: 8,
  rowProcLost: 8,
  rowBeginStack: 4,
  rowOwnStack: 4,
  rowReason: 1,
  rowBeganBy: 1,
} as const;

const placed = placeColumns(COLUMNS, widths);

/** Addresses of the columns. */
export const Column = placed.columns;

/** Where the tables begin that are allocated. */
export const TABLES = placed.tables;
