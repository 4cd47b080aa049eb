import type { EpochMilliseconds } from "../base/units.ts";
import type { Ringable } from "./ring.ts";

/** A sealed generation: all of its bytes as they came, and where it lies in time. */
export interface RecordedGeneration extends Ringable {
  /** The runtime's generation number. It goes on rising over the sessions of one process. */
  readonly number: number;
  /**
   * All of it, from its first batch header on; the session's header is not part of it. Whoever asks for it may keep it.
   * To be asked for while the generation is held: what nobody asked for by the time it is evicted is used again.
   */
  readonly bytes: Uint8Array;
  /** Writes all of it to `into` from `at` on: for whoever wants a copy. */
  copyTo(into: Uint8Array, at: number): void;
  readonly wallStart: EpochMilliseconds;
  readonly wallEnd: EpochMilliseconds;
}

/** How trace time was put on the wall clock: the trace's own snapshot (Go 1.25+), or when the bytes arrived. */
export type WallClockSource = "snapshot" | "arrival";

/**
 * What is held of one connection to a target. Sessions are never joined: goroutine states do not line up from one to
 * the next, even where generation numbers do.
 */
export interface RecordedSession {
  readonly id: string;
  /** The trace's first 16 bytes. */
  readonly header: Uint8Array;
  /** The header's version: "1.22", "1.23", "1.25", "1.26", or an older one, which only ever has one generation. */
  readonly format: string;
  readonly clock: WallClockSource;
  /** False once the connection is gone: nothing will be added. */
  readonly live: boolean;
  /** Bytes that came after the last whole generation, once the connection is gone: they are in no trace. */
  readonly tornBytes: number;
  /** Oldest first; never empty. */
  readonly generations: readonly RecordedGeneration[];
}
