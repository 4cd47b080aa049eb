import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/base/errors.ts";
import type { Rule } from "../../src/triggers/rule.ts";

const SCRAPE = "scrape_configs:\n  - job_name: shop\n    static_configs: [{ targets: ['127.0.0.1:6060'] }]\n";

const rulesOf = (text: string): readonly Rule[] => parseConfig(SCRAPE + text, "c.yaml", {}).options.triggers;

function problemOf(text: string): string {
  try {
    rulesOf(text);
    return "";
  } catch (error) {
    return error instanceof ConfigError ? error.message : String(error);
  }
}

const SHARED = `
trigger_defaults:
  severity: info
  limits: { cooldown: 5m, max_per_hour: 4 }
trigger_templates:
  slow-task:
    severity: critical
    when: { signal: task_duration_seconds, aggregate: p99, above: 50ms, window: 30s, min_samples: 20 }
    capture: { before: 20s, profiles: [goroutine, { cpu: 5s }] }
`;

describe("templates and defaults", () => {
  test("a rule says only what is different; defaults lie under all", () => {
    const [checkout, heap] = rulesOf(`${SHARED}
triggers:
  - name: slow-checkout
    template: slow-task
    match: { service: checkout }
    when: { labels: { task: checkout }, above: 200ms }
    capture: { after: 2s }
    limits: { cooldown: 10m }
  - name: heap
    when: { signal: heap_live_bytes, above: 1GiB }
`);
    expect(checkout).toMatchObject({
      severity: "critical",
      when: {
        query: {
          signal: { name: "task_duration_seconds" },
          labels: [{ label: "task", patterns: ["checkout"] }],
          aggregate: { kind: "quantile", q: 0.99 },
          window: 30_000,
          minSamples: 20,
        },
        test: { level: 0.2 },
      },
      capture: {
        before: 20_000,
        after: 2000,
        profiles: [{ name: "goroutine" }, { name: "cpu", duration: 5000 }],
      },
      limits: { cooldown: 600_000, maxPerHour: 4 },
    });
    expect(heap).toMatchObject({
      severity: "info",
      limits: { cooldown: 300_000 },
      capture: { before: 10_000 },
    });
  });

  test("a rule with a condition of its own keeps none of the template's", () => {
    const [rule] = rulesOf(`${SHARED}
triggers:
  - { name: other, template: slow-task, when: { signal: heap_live_bytes, above: 1GiB } }
`);
    expect(rule?.when).toMatchObject({ query: { signal: { name: "heap_live_bytes" }, minSamples: 1 } });
    expect(rule?.severity).toBe("critical");
  });

  test("what is wrong is told where it stands", () => {
    expect(problemOf(`${SHARED}triggers:\n  - { name: r, template: slow-tusk }\n`)).toContain(
      'c.yaml:14:26: triggers.0.template: there is no template "slow-tusk" under trigger_templates',
    );
    expect(problemOf("trigger_templates:\n  t: { wen: {} }\n")).toContain("did you mean when?");
    expect(
      problemOf(`${SHARED}triggers:\n  - { name: r, template: slow-task, when: { above: 3MiB } }\n`),
    ).toContain('triggers.0.when.above: "3MiB" is no duration');
    expect(problemOf("trigger_defaults: { when: { signal: heap_live_bytes } }\n")).toContain("unknown key");
  });
});
