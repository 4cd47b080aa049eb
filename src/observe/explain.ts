/** A capture's trace → what it says: `summary.json`, `report.html`, and whether Go's tools would read it. */

import { Analysis } from "../analysis/analyse.ts";
import { summaryNumbers } from "../analysis/numbers.ts";
import type { AnalysisResult } from "../analysis/result.ts";
import { errorMessage } from "../base/errors.ts";
import type { SummaryNumbers } from "../base/summary.ts";
import { renderHtml } from "../report/html/page.ts";
import { TraceFormatError } from "../trace/error.ts";
import { TraceReader, type ReaderOptions } from "../trace/reader.ts";

export interface ExplainJob {
  readonly title: string;
  /** The trace, in pieces as they are at hand. */
  readonly chunks: readonly Uint8Array[];
}

export type Explanation =
  | {
      readonly kind: "explained";
      /** Whether a strict reader went through it without an error. */
      readonly parseable: boolean;
      readonly numbers: SummaryNumbers;
      readonly summary: Uint8Array;
      readonly report: Uint8Array;
    }
  | { readonly kind: "unexplained"; readonly parseable: boolean | undefined; readonly reason: string };

/** Goroutines, tasks and regions told one by one, of each group: a summary is looked at, or searched by a program. */
const WORST = 5;

/** Never throws: a trace that cannot be read is an answer too. */
export function explain({ title, chunks }: ExplainJob): Explanation {
  let parseable: boolean | undefined;
  try {
    const { result, strict } = analyseOnce(chunks);
    parseable = strict;
    const text = new TextEncoder();
    return {
      kind: "explained",
      parseable,
      numbers: summaryNumbers(result),
      summary: text.encode(`${JSON.stringify(result)}\n`),
      report: text.encode(renderHtml(result, { title })),
    };
  } catch (error) {
    return { kind: "unexplained", parseable, reason: errorMessage(error) };
  }
}

/** Strictly first, which says whether Go's tools would read it; what they would not is read as far as it goes. */
function analyseOnce(chunks: readonly Uint8Array[]): { result: AnalysisResult; strict: boolean } {
  try {
    return { result: analyseChunks(chunks, {}), strict: true };
  } catch (error) {
    if (!(error instanceof TraceFormatError)) throw error;
    return { result: analyseChunks(chunks, { mode: "tolerant" }), strict: false };
  }
}

function analyseChunks(chunks: readonly Uint8Array[], options: ReaderOptions): AnalysisResult {
  const reader = new TraceReader(options);
  const analysis = new Analysis({ worst: WORST });
  for (const chunk of chunks) for (const batch of reader.push(chunk)) analysis.push(batch);
  for (const batch of reader.end()) analysis.push(batch);
  return analysis.finish();
}
