import { describe, expect, test } from "vitest";
import { analyse } from "../../src/analysis/analyse.ts";
import { readTrace, type ReaderOptions } from "../../src/trace/reader.ts";
import { crowd } from "../trace/crowd.ts";
import { sharedTrace, sharedTraces, skipShared } from "./traces.ts";

// Which of equal goroutines is told first depends on where batches end: the same size for both.
const sizes: readonly ReaderOptions[] = [{}, { batchRows: 16 }, { batchRows: 333, freshBatches: true }];

describe.skipIf(skipShared)("the kernels come to what is computed without", () => {
  test.each(sharedTraces)("on %s", (name) => {
    const bytes = sharedTrace(name);
    for (const options of sizes) {
      const plain = analyse(readTrace(bytes, options), { plain: true });
      expect(analyse(readTrace(bytes, options))).toEqual(plain);
    }
  });
});

test("the kernels' memory grows with the goroutines, and what is in it stays", () => {
  const result = analyse(crowd(50_000));
  expect(result.goroutines[0]).toMatchObject({ count: 50_000, alive: 16_666 });
  expect(result.scheduler.latency.count).toBe(100_000);
  expect(result).toEqual(analyse(crowd(50_000), { plain: true }));
});
