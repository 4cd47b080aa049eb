/** Where everything is in the memory that the signals' kernel and the TypeScript around it share. Addresses in bytes. */

import { placeColumns } from "../../trace/kernel/layout.ts";

/** 2^32 over the golden ratio: Knuth's multiplicative hashing, of `IdSlots`. */
export const GOLDEN = 0x9e37_79b1;
/** A gap between two events is worth a look from here on. */
export const WORTH_A_LOOK_NS = 5e6;

/** Single values: f64 first, then i32. */
export const At = {
  last: 0,
  runningNs: 8,
  intervalStart: 16,
  runnable: 32,
  maxRunnable: 36,
  /** 1 while requests are read out of stacks; 1 while a P is idle, or was (`Processors.mayWait`). */
  requests: 40,
  mayWait: 44,
  /** Of `IdSlots`. */
  buckets: 48,
  bucketMask: 52,
  bucketShift: 56,
  ids: 60,
  /** Columns of goroutines. */
  state: 64,
  since: 68,
  exact: 72,
  reason: 76,
  site: 80,
  start: 84,
  assisting: 88,
  requestSince: 92,
  requestSeen: 96,
  /** Tables of the generation, by string or stack, and how many entries have a meaning. */
  reasonOf: 100,
  reasonCount: 104,
  marks: 108,
  stackCount: 112,
  syscallSeries: 116,
  /** Sums, and what runs on each P. */
  blockedNs: 120,
  runningSince: 124,
  procCount: 128,
  /** How many entries the lists have that a run has filled. */
  latencies: 132,
  syscalls: 136,
  later: 140,
  /** Of `IdSlots`: slots that were freed, a stack, and how many; how many ids there are. */
  free: 144,
  freeCount: 148,
  count: 152,
  /** More columns of goroutines, and the root of each stack: number of its name, plus one. */
  requestName: 156,
  region: 160,
  regionsMissed: 164,
  roots: 168,
} as const;

const widths = {
  // The rows, as far as the kernel reads them.
  time: 8,
  subject: 8,
  g: 8,
  arg0: 8,
  p: 4,
  stack: 4,
  type: 1,
  // Scheduler latencies: how long, and when; system calls: with their series.
  latency: 8,
  latencyAt: 8,
  syscall: 8,
  syscallAt: 8,
  syscallOf: 4,
  // Rows to be done when the run is over, in their order, each with its goroutine's slot.
  laterRow: 4,
  laterSlot: 4,
} as const;

const placed = placeColumns(192, widths);

/** Addresses of the columns. */
export const Column = placed.columns;

/** Where the tables begin. */
export const TABLES = placed.tables;
