/** The shared traces of eight Go releases: the same events, kinds, times and ranges as Go's reader and Summarizer say. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { rangeName } from "../../src/trace/events.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { kindOf } from "../../src/trace/spec.ts";
import { reference, sharedTrace, v2Releases } from "./support.ts";

describe("the shared traces", () => {
  it.each(["1.19", "1.21", ...v2Releases])("Go %s", (release) => {
    const kinds: Record<string, number> = {};
    const ranges: Record<string, number> = {};
    let events = 0;
    let first: bigint | undefined;
    let last = 0n;
    for (const batch of readTrace(new Uint8Array(readFileSync(sharedTrace(release))))) {
      for (let i = 0; i < batch.length; i++) {
        const kind = kindOf(batch.type[i]!);
        kinds[kind] = (kinds[kind] ?? 0) + 1;
        if (kind === "RangeBegin") {
          const name = rangeName(batch, i);
          ranges[name] = (ranges[name] ?? 0) + 1;
        }
        last = BigInt(batch.generation.timeBase) + BigInt(batch.time[i]!);
        first ??= last;
      }
      events += batch.length;
    }
    const want = reference(release);
    expect({ events, kinds, ranges, first, last }).toEqual({
      events: want.events,
      kinds: want.kinds,
      ranges: want.range_begins,
      first: BigInt(want.start_ns),
      last: BigInt(want.end_ns),
    });
  });
});
