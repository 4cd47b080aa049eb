/** Bounds of what is kept of a trace session. What happens at each is said beside it; all of it is counted. */
export interface TraceSignalOptions {
  /** Values kept per series and generation. Beyond: a uniform sample with the exact top (see `ValueSample`). */
  readonly valuesPerSeries?: number;
  /** Label sets per signal and generation. Beyond: under `(other)`. Gauges by function keep the largest. */
  readonly labelSets?: number;
  /** Goroutines followed at once. Beyond: the newest are not followed. */
  readonly goroutines?: number;
  /** Tasks followed at once. Beyond: the newest are not followed, since the oldest are those that hang. */
  readonly openTasks?: number;
  /** Regions followed at once. Beyond: as with tasks. */
  readonly openRegions?: number;
  /** Names of functions and tasks remembered. Beyond: `(other)`, until those no longer in use are forgotten. */
  readonly names?: number;
  /** UTF-16 units of a label's value. Longer ones are cut, with `…`. */
  readonly labelLength?: number;
  /** Whether requests are read out of stacks: `auto` while the session has shown no task. */
  readonly requests?: "auto" | "always" | "never";
}

export const DEFAULT_TRACE_SIGNAL_OPTIONS = {
  valuesPerSeries: 8192,
  labelSets: 256,
  goroutines: 1 << 20,
  openTasks: 1 << 16,
  openRegions: 1 << 16,
  names: 1 << 16,
  labelLength: 128,
  requests: "auto",
} as const satisfies Required<TraceSignalOptions>;

/** What the bounds cost, since the session began. */
export interface DroppedCounts {
  /** Values that were counted in an observation's `total` but not kept. */
  readonly values: number;
  /** Lookups of a label set that were answered with `(other)`. */
  readonly labelSets: number;
  readonly goroutines: number;
  readonly tasks: number;
  readonly regions: number;
}
