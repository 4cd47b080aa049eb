/** The same on a trace that is made now: whatever Go and machine this is. */

import { beforeAll, describe, expect, test } from "vitest";
import type { ObservationBatch } from "../../src/signals/signal.ts";
import { traceOf } from "../signals/support.ts";
import { goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { AGGREGATE_CASES, CONDITION_CASES, RULE_CASES } from "./condition-cases.ts";
import { firings, tideBatches } from "./real-conditions.ts";

const skip = requireOrSkip("conditions on the trace of a Go program", await goUnavailable());
const cases = Object.entries({ ...CONDITION_CASES, ...AGGREGATE_CASES, ...RULE_CASES }).filter(
  ([, { input }]) => input === "tide",
);

describe.skipIf(skip)("on a trace made now", () => {
  let batches: readonly ObservationBatch[] = [];
  beforeAll(async () => {
    batches = tideBatches(await traceOf("tide"));
  });

  test("each step is one interval", () => {
    expect(batches.length).toBe(60);
  });

  test.each(cases)("%s", (_name, { fires, times = 1, quiet }) => {
    expect(firings(fires, batches), JSON.stringify(fires)).toBe(times);
    expect(firings(quiet, batches), JSON.stringify(quiet)).toBe(0);
  });
});
