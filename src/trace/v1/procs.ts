/** Ids of Ps that stand for something else. Go's reader puts these events on them, and the ids show in its output. */
export const FAKE_PROC = {
  /** Unblocks by the timers' goroutines. */
  timers: 1_000_001,
  /** Unblocks of network waits. */
  network: 1_000_002,
  /** Exits from blocked syscalls. */
  syscalls: 1_000_003,
  /** The begin of a GC. */
  gc: 1_000_004,
} as const;
