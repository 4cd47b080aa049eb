/**
 * Cuts a trace to a range of time. The header and any run of whole generations is a valid trace, since each generation
 * says the state of every live goroutine and proc again; so a cut keeps whole generations and decodes nothing.
 */

import { TraceFormatError } from "../error.ts";
import { Framing } from "../framing.ts";
import type { RawGeneration } from "../framing.ts";
import { headerBytes, isV2Version } from "../header.ts";
import { nanosecondsPerTick, ticksToNanoseconds } from "../time.ts";

/** ns from the start of the trace. A generation that overlaps the range is kept. */
export type CutRange =
  | { readonly kind: "between"; readonly from?: number; readonly to?: number }
  | { readonly kind: "last"; readonly duration: number };

export interface CutResult {
  readonly bytes: Uint8Array;
  /** Numbers of the generations kept. */
  readonly generations: readonly number[];
  /** What the kept generations span, ns from the start of the uncut trace. */
  readonly from: number;
  readonly to: number;
  /** Generations that are not in the result. */
  readonly dropped: number;
  /** Set if the trace ends inside a generation, which is left out. */
  readonly truncated: boolean;
}

interface Piece {
  readonly raw: RawGeneration;
  readonly from: number;
  to: number;
}

/** Cuts a v2 trace. Throws TraceFormatError on a v1 trace, on bytes that are none, and if nothing lies in the range. */
export function cutTrace(trace: Uint8Array, range: CutRange): CutResult {
  const { pieces, version, truncated } = split(trace);
  const end = pieces.at(-1)?.to ?? 0;
  const from = range.kind === "last" ? end - range.duration : (range.from ?? -Infinity);
  const to = range.kind === "last" ? Infinity : (range.to ?? Infinity);
  // A generation ends where the next begins; only the last is kept for its end alone.
  const kept = pieces.filter((piece, i) => {
    return piece.from <= to && (piece.to > from || (i === pieces.length - 1 && piece.to >= from));
  });
  if (kept.length === 0) {
    const what = `the trace spans ${end} ns in ${pieces.length} generations and none is in the range`;
    throw new TraceFormatError("limit", what, { version });
  }
  const parts = [headerBytes(version), ...kept.map(({ raw }) => raw.bytes)];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return {
    bytes,
    generations: kept.map(({ raw }) => raw.number),
    from: kept[0]!.from,
    to: kept.at(-1)!.to,
    dropped: pieces.length - kept.length,
    truncated,
  };
}

/** The whole generations of a trace, with the time each spans. */
function split(trace: Uint8Array): {
  readonly pieces: Piece[];
  readonly version: number;
  readonly truncated: boolean;
} {
  const framing = new Framing({ shareBytes: true });
  const pieces: Piece[] = [];
  let start: number | undefined;
  let truncated = false;
  const take = (raw: RawGeneration): void => {
    if (raw.cut !== undefined) truncated = true;
    if (raw.cut !== undefined || raw.sync === undefined) return;
    const nsPerTick = nanosecondsPerTick(raw.sync.ticksPerSecond);
    start ??= ticksToNanoseconds(raw.minTicks, nsPerTick);
    const from = ticksToNanoseconds(raw.minTicks, nsPerTick) - start;
    // A generation lasts until the next begins; the last, as far as its batches tell.
    const last = pieces.at(-1);
    if (last !== undefined) last.to = Math.max(last.to, from);
    pieces.push({ raw, from, to: ticksToNanoseconds(raw.maxTicks, nsPerTick) - start });
  };
  try {
    for (const raw of framing.pushWhole(trace)) take(raw);
    for (const raw of framing.end()) take(raw);
  } catch (error) {
    if (!(error instanceof TraceFormatError) || error.kind !== "truncated" || pieces.length === 0)
      throw error;
    truncated = true;
  }
  const { version } = framing;
  if (version === undefined || !isV2Version(version)) {
    throw new TraceFormatError("unsupported-version", "a v1 trace cannot be cut: its tables are at its end", {
      version,
    });
  }
  return { pieces, version, truncated };
}
