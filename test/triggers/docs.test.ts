import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { formatSignalTable } from "../../src/signals/catalog-table.ts";
import { findSignal, SIGNALS, signalNames } from "../../src/signals/catalog.ts";
import { ruleFileOptions } from "../../src/triggers/options.ts";
import { expandTriggers } from "../../src/triggers/template.ts";

const docs = readFileSync(new URL("../../docs/triggers.md", import.meta.url), "utf8");

describe("docs/triggers.md", () => {
  test("has the signal table as the code has it: node scripts/gen-signal-table.mjs writes it anew", () => {
    const table = /<!-- signals: begin -->\n\n([\s\S]*)\n\n<!-- signals: end -->/.exec(docs)?.[1];
    expect(table).toBe(formatSignalTable(SIGNALS));
  });

  test("shows rules that load", () => {
    const blocks = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
    const rules = blocks.filter((text) => text.includes("triggers:"));
    expect(rules.length).toBeGreaterThan(1);
    for (const text of rules)
      expect(ruleFileOptions.safeParse(expandTriggers(parse(text))).error).toBeUndefined();
  });
});

describe("the catalogue", () => {
  test("names are unique, and say their unit", () => {
    expect(new Set(signalNames()).size).toBe(SIGNALS.length);
    for (const { name, unit } of SIGNALS) {
      const suffix = /_(seconds|bytes|ratio)$/.exec(name)?.[1] ?? "count";
      expect([name, unit]).toEqual([name, suffix]);
    }
  });

  test.each([
    ["metric:http_requests_total", "counter", "count"],
    ["metric:process_cpu_seconds_total", "counter", "seconds"],
    ["metric:process_resident_memory_bytes", "gauge", "bytes"],
    ["metric:http_request_duration_seconds_bucket", "counter", "count"],
    ["metric:cache_hit_ratio", "gauge", "ratio"],
    ["metric:memstats.HeapInuse", "gauge", "count"],
  ])("%s is a %s of %s", (name, kind, unit) => {
    expect(findSignal(name)).toMatchObject({ name, kind, unit, source: "metrics", openLabels: true });
  });

  test("what is no name of a metric is none", () => {
    expect(findSignal("metric:")).toBeUndefined();
    expect(findSignal("metric:a b")).toBeUndefined();
    expect(findSignal("constructor")).toBeUndefined();
  });
});
