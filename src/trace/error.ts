/** The one error type of the trace engine: a trace that cannot be read, and exactly where. */

import { GorewindError } from "../base/errors.ts";
import type { ErrorOptions } from "../base/errors.ts";

/**
 * - `truncated`: the bytes end in the middle of something that was well formed so far.
 * - `corrupt`: the bytes break a rule of the format or of the scheduler's state machine.
 * - `unsupported-version`: a Go execution trace, of a version this reader does not know.
 * - `not-a-trace`: the header is not that of a Go execution trace.
 * - `limit`: well formed, but beyond a documented bound (a size, or an id no double can hold exactly).
 */
export type TraceFormatErrorKind = "truncated" | "corrupt" | "unsupported-version" | "not-a-trace" | "limit";

/** Where in a trace something was found; every field that is known. */
export interface TracePosition {
  /** Byte offset from the start of the stream (or of the generation, if only that was given). */
  readonly offset?: number | undefined;
  /** Generation number, as on the wire. */
  readonly generation?: number | undefined;
  /** Index of the batch in its generation, from 0. */
  readonly batch?: number | undefined;
  /** Minor Go version of the header: 22 for `go 1.22 trace`. */
  readonly version?: number | undefined;
  /** Thread (M) whose event it was; -1 for none. */
  readonly thread?: number | undefined;
  /** What the format requires at this place. */
  readonly expected?: string | undefined;
  /** Something is absent rather than wrong: at the end of a stream that means truncated. */
  readonly missing?: boolean | undefined;
}

const hints: Record<TraceFormatErrorKind, string> = {
  truncated:
    "The trace ends early: the program stopped or the connection was cut. Whole generations before it can be read.",
  corrupt: "The trace is damaged or was joined from two sessions. Tolerant mode skips the broken generation.",
  "unsupported-version": "A newer gorewind may read this trace.",
  "not-a-trace":
    "Check that the file or URL is a Go execution trace (/debug/pprof/trace), not a profile or an error page.",
  limit: "The trace exceeds a bound of the reader.",
};

/** A trace cannot be read (further). The message holds the numbers, the fields say where. */
export class TraceFormatError extends GorewindError {
  readonly kind: TraceFormatErrorKind;
  readonly offset: number | undefined;
  readonly generation: number | undefined;
  readonly batch: number | undefined;
  readonly version: number | undefined;
  readonly thread: number | undefined;
  readonly expected: string | undefined;
  readonly missing: boolean;
  /** What is wrong, without the place. */
  readonly detail: string;

  constructor(
    kind: TraceFormatErrorKind,
    detail: string,
    at: TracePosition = {},
    options: ErrorOptions = {},
  ) {
    super(`trace_${kind.replaceAll("-", "_")}`, detail + formatPosition(at), {
      hint: hints[kind],
      ...options,
    });
    this.kind = kind;
    this.detail = detail;
    this.offset = at.offset;
    this.generation = at.generation;
    this.batch = at.batch;
    this.version = at.version;
    this.thread = at.thread;
    this.expected = at.expected;
    this.missing = at.missing ?? false;
  }

  /** The same error as one of a stream that ended early. */
  asTruncated(): TraceFormatError {
    return new TraceFormatError("truncated", this.detail, this, { cause: this.cause });
  }

  /** The same error, its offset counted from further back. */
  movedBy(offset: number): TraceFormatError {
    if (this.offset === undefined) return this;
    const { kind, detail, generation, batch, version, thread, expected, missing } = this;
    const at = { offset: this.offset + offset, generation, batch, version, thread, expected, missing };
    return new TraceFormatError(kind, detail, at, { cause: this.cause });
  }

  /** The same error with more known about its place; what it already knew wins. */
  at(position: TracePosition): TraceFormatError {
    return new TraceFormatError(
      this.kind,
      this.detail,
      {
        offset: this.offset ?? position.offset,
        generation: this.generation ?? position.generation,
        batch: this.batch ?? position.batch,
        version: this.version ?? position.version,
        thread: this.thread ?? position.thread,
        expected: this.expected ?? position.expected,
        missing: this.missing,
      },
      { cause: this.cause },
    );
  }
}

function formatPosition(at: TracePosition): string {
  const parts: string[] = [];
  if (at.expected !== undefined) parts.push(`expected ${at.expected}`);
  if (at.generation !== undefined) parts.push(`generation ${at.generation}`);
  if (at.batch !== undefined) parts.push(`batch ${at.batch}`);
  if (at.thread !== undefined) parts.push(`thread ${at.thread}`);
  if (at.offset !== undefined) parts.push(`offset ${at.offset}`);
  if (at.version !== undefined) parts.push(`go 1.${at.version}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
