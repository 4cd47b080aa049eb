/** Every form of a condition over recordings of real services, with the firing and the not-firing case. */

import { describe, expect, test } from "vitest";
import { AGGREGATE_CASES, CONDITION_CASES, RULE_CASES } from "./condition-cases.ts";
import { firings, recordedExposition, recordedTide } from "./real-conditions.ts";

const inputs = { tide: recordedTide(), exposition: recordedExposition() };

describe.each([
  ["key of a condition", CONDITION_CASES],
  ["aggregate", AGGREGATE_CASES],
  ["key of a rule", RULE_CASES],
])("%s", (_, cases) => {
  test.each(Object.entries(cases))("%s", (_name, { input, fires, times = 1, quiet }) => {
    expect(firings(fires, inputs[input]), JSON.stringify(fires)).toBe(times);
    expect(firings(quiet, inputs[input]), JSON.stringify(quiet)).toBe(0);
  });
});
