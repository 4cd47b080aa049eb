/** That nothing a rule can say is without an example that is loaded, and no signal without real input. */

import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { describe, expect, test } from "vitest";
import { SIGNALS } from "../../src/signals/catalog.ts";
import { SIMPLE_AGGREGATES } from "../../src/triggers/aggregate.ts";
import { leavesOf, queriesOf } from "../../src/triggers/leaf.ts";
import { ruleFileOptions, triggersOptions } from "../../src/triggers/options.ts";
import { expandTriggers } from "../../src/triggers/template.ts";
import { LIVE_CASES, TRACE_CASES } from "../signals/coverage.ts";
import { NOISE_MODELS } from "./noise-models.ts";
import { AGGREGATE_CASES, CONDITION_CASES, RULE_CASES } from "./condition-cases.ts";

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

  test("has a model of its noise, on which an anomaly condition has to keep quiet", () => {
    expect(Object.keys(NOISE_MODELS)).toEqual(expect.arrayContaining(SIGNALS.map(({ name }) => name)));
  });

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

/** Keys of a rule that do not say when it fires: they have tests of their own. */
const OTHER_RULE_KEYS = "name template description when severity labels annotations capture".split(" ");

/** The keys of the schema of conditions, with those of maps under them, but for conditions inside conditions. */
function conditionKeys(): readonly string[] {
  const { properties } = schemaOf("when");
  const own = Object.keys(properties);
  const inner = ["change", "high_water", "anomaly"].flatMap((key) =>
    Object.keys(properties[key]?.properties ?? {}).map((each) => `${key}.${each}`),
  );
  return [...own, ...inner];
}

interface Schema {
  readonly $ref?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** What the schema has of a rule, or of a rule's key. */
function schemaOf(key?: string): { readonly properties: Readonly<Record<string, Schema>> } {
  const root = z.toJSONSchema(triggersOptions, { io: "input", unrepresentable: "any" }) as Schema & {
    readonly $defs?: Readonly<Record<string, Schema>>;
  };
  const found = key === undefined ? root.items : root.items?.properties?.[key];
  const name = found?.$ref?.split("/").at(-1);
  const schema = name === undefined ? found : root.$defs?.[name];
  return { properties: schema?.properties ?? {} };
}

describe("every form of a condition has real input on which it fires, and on which it does not", () => {
  test("every key of a condition", () => {
    expect(Object.keys(CONDITION_CASES).toSorted()).toEqual(conditionKeys().toSorted());
  });

  test.each(Object.entries(CONDITION_CASES))("%s is in its own case, both ways", (key, { fires, quiet }) => {
    const last = key.split(".").at(-1);
    for (const rule of [fires, quiet]) expect(JSON.stringify(rule.when)).toContain(`"${last}":`);
  });

  test("every key of a rule that says when it fires", () => {
    const keys = Object.keys(schemaOf().properties).filter((key) => !OTHER_RULE_KEYS.includes(key));
    expect(Object.keys(RULE_CASES).toSorted()).toEqual(keys.toSorted());
    for (const [key, { fires, quiet }] of Object.entries(RULE_CASES))
      for (const rule of [fires, quiet]) expect(Object.keys(rule)).toContain(key);
  });

  test("every aggregate", () => {
    expect(Object.keys(AGGREGATE_CASES)).toEqual(expect.arrayContaining([...SIMPLE_AGGREGATES, "quantile"]));
  });
});

/** What a rule can say beside its condition. */
const OTHERS =
  "template match by for keep_firing_for repeat dry_run severity annotations also cooldown " +
  "max_per_hour max_per_day skip_probability warm_up";

describe("every form of a condition is in an example", () => {
  const written = texts.join("\n").replaceAll(/#.*/g, "");

  test.each([...conditionKeys(), ...OTHERS.split(" ")])("%s", (key) => {
    expect(new RegExp(`[ {]${key.split(".").at(-1)}:`).test(written)).toBe(true);
  });

  test.each([...SIMPLE_AGGREGATES, "quantile"])("aggregate: %s", (kind) => {
    expect(queries.map(({ aggregate }) => aggregate.kind)).toContain(kind);
  });
});
