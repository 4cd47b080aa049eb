import { describe, expect, test } from "vitest";
import { analyse } from "../../src/analysis/analyse.ts";
import { EventColumns } from "../../src/trace/columns.ts";
import { emptyGeneration } from "../../src/trace/generation.ts";
import { readTrace, type ReaderOptions } from "../../src/trace/reader.ts";
import { Ev, GoState } from "../../src/trace/spec.ts";
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

/** Goroutines that live all at once: each is created, runs, is preempted, runs again and, but for some, ends. */
function* crowd(goroutines: number): Generator<EventColumns> {
  const generation = emptyGeneration(26, 0);
  let columns = new EventColumns(generation);
  let time = 0;
  const row = (type: number, subject: number, from: number, to: number, arg0 = 0): void => {
    time += 1 + ((time * 7919) % 1000);
    columns.push({ time, type, g: -1, p: 0, m: 1 + (time % 700), subject, from, to, arg0 });
  };
  const steps = [
    [Ev.GoCreate, GoState.NotExist, GoState.Runnable],
    [Ev.GoStart, GoState.Runnable, GoState.Running],
    [Ev.GoStop, GoState.Running, GoState.Runnable],
    [Ev.GoStart, GoState.Runnable, GoState.Running],
    [Ev.GoDestroy, GoState.Running, GoState.NotExist],
  ] as const;
  row(Ev.Sync, 1, 0, 0);
  row(Ev.ProcsChange, -1, 0, 0, 4);
  for (const [type, from, to] of steps) {
    for (let id = 1; id <= goroutines; id++) {
      if (type === Ev.GoDestroy && id % 3 === 0) continue;
      row(type, id, from, to);
      if (columns.length < columns.capacity) continue;
      yield columns;
      columns = new EventColumns(generation);
    }
  }
  yield columns;
}

test("the kernels' memory grows with the goroutines, and what is in it stays", () => {
  const result = analyse(crowd(50_000));
  expect(result.goroutines[0]).toMatchObject({ count: 50_000, alive: 16_666 });
  expect(result.scheduler.latency.count).toBe(100_000);
  expect(result).toEqual(analyse(crowd(50_000), { plain: true }));
});
