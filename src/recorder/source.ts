import type { EpochMilliseconds, Milliseconds } from "../base/units.ts";
import type { RecordedSession } from "../ring/recording.ts";
import type { Target } from "../scraper/target.ts";

/** How a target's trace comes: see `trace.mode`. */
export type SourceMode = "stream" | "poll" | "snapshot" | "file" | "off";

/**
 * Where a source stands; `since` is wall clock.
 *
 * - `connecting`: a trace was asked for.
 * - `recording`: bytes flow.
 * - `waiting`: between tries, or between two windows, snapshots or files.
 * - `yielded`: somebody asked for the tracer, until `until`.
 * - `paused`: recording cost the target more than its budget allows, until `until`.
 * - `stopped`: it records no more, or never did.
 */
export interface RecorderState {
  readonly kind: "connecting" | "recording" | "waiting" | "yielded" | "paused" | "stopped";
  readonly since: EpochMilliseconds;
  /** For people: why it is so. */
  readonly reason: string;
  readonly mode: SourceMode;
  readonly format: string | undefined;
  /** When a `yielded` or `paused` source goes on by itself. */
  readonly until?: EpochMilliseconds;
}

/** Leave the target's tracer alone for a time. */
export interface Hold {
  readonly kind: "yielded" | "paused";
  readonly duration: Milliseconds;
  /** For people: who asked, or what it cost. */
  readonly reason: string;
}

/** One target's execution trace, however it comes: what the rest of the agent knows of a recorder. */
export interface TraceSource {
  readonly target: Target;
  readonly state: RecorderState;
  /** What is held, oldest session first. Costs nothing and does not change afterwards. */
  sessions(): readonly RecordedSession[];
  /** Records until `signal` is aborted. Never throws: every failure is an event and another try. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Waits until what is held reaches `until`, or `limit` has passed, or nothing more will come. Returns whether it was
   * reached.
   */
  reaches(until: EpochMilliseconds, limit: Milliseconds, signal: AbortSignal): Promise<boolean>;
  /** Lets the tracer go for a time; resolves when it is free. A hold in force is replaced. */
  hold(hold: Hold): Promise<void>;
  /** Ends a hold before its time. */
  resume(): void;
}
