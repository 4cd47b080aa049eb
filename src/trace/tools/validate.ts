/** Reads a trace to its end and says whether Go's tools would, what it holds, and what is wrong with it. */

import type { TraceNotice } from "../decoder.ts";
import { TraceFormatError } from "../error.ts";
import { readTrace } from "../reader.ts";
import { Ev } from "../spec.ts";

export interface ValidationReport {
  /** Go's verdict: the trace reads to its end without an error. */
  readonly valid: boolean;
  readonly version: number | undefined;
  readonly generations: number;
  readonly events: number;
  /** ns from the first to the last event. */
  readonly duration: number;
  /** The first thing wrong, as a strict reader sees it. */
  readonly error: TraceFormatError | undefined;
  /** Everything a tolerant reader had to go past, and how many events it gets all the same. */
  readonly notices: readonly TraceNotice[];
  readonly readableEvents: number;
}

interface Totals {
  version: number | undefined;
  generations: number;
  events: number;
  first: number;
  last: number;
}

/** Validates a trace in memory. Never throws on bad bytes. */
export function validateTrace(trace: Uint8Array): ValidationReport {
  const strict = emptyTotals();
  const error = run(() => readTrace(trace), strict);
  const notices: TraceNotice[] = [];
  const tolerant = emptyTotals();
  if (error !== undefined) {
    run(() => readTrace(trace, { mode: "tolerant", onNotice: (notice) => notices.push(notice) }), tolerant);
  }
  const best = error === undefined ? strict : tolerant;
  return {
    valid: error === undefined,
    version: strict.version ?? error?.version,
    generations: best.generations,
    events: strict.events,
    duration: best.events === 0 ? 0 : best.last - best.first,
    error,
    notices,
    readableEvents: best.events,
  };
}

function emptyTotals(): Totals {
  return { version: undefined, generations: 0, events: 0, first: Number.NaN, last: Number.NaN };
}

function run(read: () => ReturnType<typeof readTrace>, totals: Totals): TraceFormatError | undefined {
  try {
    for (const batch of read()) {
      totals.version = batch.generation.version;
      if (batch.length > 0) {
        if (totals.events === 0) totals.first = batch.time[0]!;
        totals.last = batch.time[batch.length - 1]!;
        // Each generation begins with a Sync; so does the end, which has none.
        if (batch.type[0] === Ev.Sync && batch.generation.number !== 0) totals.generations++;
      }
      totals.events += batch.length;
    }
    return undefined;
  } catch (error) {
    if (error instanceof TraceFormatError) return error;
    throw error;
  }
}
