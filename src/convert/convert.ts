import type { EventColumns } from "../trace/columns.ts";
import { ChromeSink } from "./chrome.ts";
import { PerfettoSink } from "./perfetto.ts";
import { Timeline } from "./timeline.ts";

export const conversions = ["perfetto", "chrome"] as const;
export type Conversion = (typeof conversions)[number];

/** Pieces of about this size are handed on. */
const PIECE = 1 << 18;

/** A trace's rows → a file for another viewer, piece by piece as the rows come. */
export async function* convertTrace(
  batches: AsyncIterable<EventColumns> | Iterable<EventColumns>,
  to: Conversion,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sink = to === "perfetto" ? new PerfettoSink() : new ChromeSink();
  const timeline = new Timeline(sink);
  for await (const batch of batches) {
    timeline.push(batch);
    if (sink.pending >= PIECE) yield sink.take();
  }
  timeline.finish();
  yield sink.take();
}
