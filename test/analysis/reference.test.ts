import { describe, expect, test } from "vitest";
import { analyse, analyseStream } from "../../src/analysis/analyse.ts";
import type { AnalysisResult } from "../../src/analysis/result.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { referenceOf, sharedTrace, sharedTraces, skipShared } from "./traces.ts";
import type { Reference } from "./traces.ts";

/** The fields of a result that the reference has, row by row only those its rows have. */
function like(result: AnalysisResult, reference: Reference): unknown {
  const fields = (rows: readonly object[], model: readonly object[]): object[] => {
    const keys = Object.keys(model[0] ?? {});
    return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([key]) => keys.includes(key))));
  };
  return {
    events: result.events,
    kinds: result.kinds,
    start_ns: result.start_ns,
    end_ns: result.end_ns,
    goroutines: fields(result.goroutines, reference.goroutines),
    tasks: fields(result.tasks, reference.tasks),
    regions: fields(result.regions, reference.regions),
    range_begins: result.range_begins,
  };
}

describe.skipIf(skipShared)("what Go's Reader and Summarizer give", () => {
  test.each(sharedTraces)("%s", (name) => {
    const reference = referenceOf(name);
    expect(reference.goroutines.length).toBeGreaterThan(10);
    expect(like(analyse(readTrace(sharedTrace(name))), reference)).toEqual(reference);
  });

  test("and for rows that come asynchronously", async () => {
    const rows = async function* () {
      yield* readTrace(sharedTrace("tour-go1.25"));
    };
    const reference = referenceOf("tour-go1.25");
    expect(like(await analyseStream(rows()), reference)).toEqual(reference);
  });

  test("whatever the size of the batches", () => {
    const bytes = sharedTrace("tour-go1.23");
    const whole = analyse(readTrace(bytes));
    expect(analyse(readTrace(bytes, { batchRows: 17 }))).toEqual(whole);
  });
});
