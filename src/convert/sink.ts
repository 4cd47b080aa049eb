/** What a viewer shows, whatever its format: slices and moments on tracks, arrows between them, levels over time. */

import type { Generation } from "../trace/generation.ts";

export type TrackKind = "proc" | "thread" | "goroutine" | "activity" | "sweep" | "task" | "gc";

/** A line of the viewer. Slices of a track nest. */
export interface Track {
  readonly kind: TrackKind;
  /** Of the P, M, G or task; 0 for `gc`. */
  readonly id: number;
  readonly name: string;
}

/** A stack of a generation. */
export interface StackRef {
  readonly generation: Generation;
  readonly index: number;
}

export interface Detail {
  readonly stack?: StackRef;
  /** Number of the arrow that begins here, or ends here. */
  readonly flowFrom?: number;
  readonly flowTo?: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

export type CounterName = "Goroutines" | "Heap" | "GOMAXPROCS";

/** Levels that are drawn together, with their unit. */
export const counterUnits: Readonly<Record<CounterName, "count" | "bytes">> = {
  Goroutines: "count",
  Heap: "bytes",
  GOMAXPROCS: "count",
};

/** Takes what happens in the order of time (absolute ns of the trace clock) and writes it. */
export interface TimelineSink {
  /** `wall`: ns since the Unix epoch at `time`. */
  clock(time: number, wall: bigint): void;
  begin(track: Track, time: number, name: string, category: string, detail?: Detail): void;
  /** Ends the innermost slice of the track. */
  end(track: Track, time: number): void;
  instant(track: Track, time: number, name: string, category: string, detail?: Detail): void;
  counter(name: CounterName, time: number, values: Readonly<Record<string, number>>): void;
  /** No more will come of the track. */
  forget(track: Track): void;
  finish(): void;
  /** What was written since it was last asked for. */
  take(): Uint8Array;
}
