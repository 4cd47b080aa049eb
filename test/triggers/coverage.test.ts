/** That nothing a rule can say is without an example that is loaded, and no signal without real input. */

import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { SIGNALS } from "../../src/signals/catalog.ts";
import { leavesOf, queriesOf } from "../../src/triggers/leaf.ts";
import { ruleFileOptions } from "../../src/triggers/options.ts";
import { expandTriggers } from "../../src/triggers/template.ts";
import { LIVE_CASES, TRACE_CASES } from "../signals/coverage.ts";

const folder = new URL("../../config/", import.meta.url);
const files = readdirSync(folder).filter((file) => /^triggers-.*[.]yaml$/.test(file));
const texts = files.map((file) => readFileSync(new URL(file, folder), "utf8"));
const rules = texts.flatMap((text) => ruleFileOptions.parse(expandTriggers(parse(text))).rules);
const queries = rules.flatMap(({ when }) => leavesOf(when).flatMap(queriesOf));

describe("every signal of the catalogue", () => {
  test.each(SIGNALS)(
    "$name is in an example under config/, which examples.test.ts tries both ways",
    ({ name }) => {
      expect(queries.map(({ signal }) => signal.name)).toContain(name);
    },
  );

  test.each(SIGNALS)(
    "$name has real input on which it fires, and on which it does not",
    ({ name, source }) => {
      expect(Object.keys(source === "trace" ? TRACE_CASES : LIVE_CASES)).toContain(name);
    },
  );

  test("and the service's own metrics, counters, histograms and plain numbers", () => {
    const known = new Set(SIGNALS.map(({ name }) => name));
    const others = [...Object.keys(TRACE_CASES), ...Object.keys(LIVE_CASES)].filter(
      (name) => !known.has(name),
    );
    expect(others.every((name) => name.startsWith("metric:"))).toBe(true);
    expect(others.length).toBeGreaterThan(2);
    expect(queries.some(({ signal }) => signal.name.startsWith("metric:"))).toBe(true);
  });
});

/** What a rule can say, as the schema has it: keys of conditions, and of rules. */
const FORMS =
  "above below clear_above clear_below min_count breach_ratio min_samples window change high_water absent_for anomaly " +
  "all any not let expr labels across for keep_firing_for by repeat dry_run severity match template also cooldown " +
  "max_per_hour max_per_day skip_probability warm_up annotations";
const AGGREGATES = ["each", "last", "count", "rate", "sum", "mean", "min", "max", "quantile"];

describe("every form of a condition is in an example", () => {
  const written = texts.join("\n").replaceAll(/#.*/g, "");

  test.each(FORMS.split(" "))("%s", (key) => {
    expect(new RegExp(`[ {]${key}:`).test(written)).toBe(true);
  });

  test.each(AGGREGATES)("aggregate: %s", (kind) => {
    expect(queries.map(({ aggregate }) => aggregate.kind)).toContain(kind);
  });
});
