import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { relabelConfig } from "../../src/discovery/options.ts";
import { resolveTargets } from "../../src/discovery/targets.ts";
import { prometheusUnavailable, startPrometheus } from "../support/prometheus.ts";
import { requireOrSkip } from "../support/require.ts";

const skip = requireOrSkip("relabeling judged by Prometheus", await prometheusUnavailable());

const NAMES = ["a", "b", "__tmp", "__meta_app", "__meta_x_y", "instance", "job"];
const PATTERNS = [
  "(.*)",
  "a.*",
  "(?i)A(.*)",
  "([^:]+)(?::\\d+)?",
  "[\\w\\-.]+",
  "[\\w-.]+",
  "(?P<n>\\w+)-(\\d+)",
  "(\\pL+)\\.?(.*)",
  "a\\-b\\/c",
  "\\x61.*",
  "(a|b)*",
  ".{2,}",
  "[]a-c]+",
  "[^\\s;]+;?(.*)",
  "(\\S+);(\\S*)",
  "",
];

const name = fc.constantFrom(...NAMES);
const value = fc.string({ unit: fc.constantFrom(...Array.from("aAbBc1.-:/_ éßΣ;")), maxLength: 8 });
const source = {
  source_labels: fc.uniqueArray(fc.constantFrom(...NAMES, "__address__"), { minLength: 1, maxLength: 3 }),
  regex: fc.constantFrom(...PATTERNS),
};
const target = fc.constantFrom("a", "b", "new", "__tmp", "instance", "job");
const rule = fc.oneof(
  fc.record({
    ...source,
    action: fc.constant("replace"),
    separator: fc.constantFrom(";", "", "-"),
    target_label: target,
    replacement: fc.constantFrom("$1", "${1}x", "$1x", "v", "", "$2-$1", "${n}", "$$1", "$0"),
  }),
  fc.record({
    ...source,
    action: fc.constant("replace"),
    target_label: fc.constantFrom("x_${1}", "$1"),
    replacement: fc.constant("v"),
  }),
  fc.record({ ...source, action: fc.constantFrom("keep", "drop") }),
  fc.record({
    source_labels: source.source_labels,
    action: fc.constant("hashmod"),
    target_label: target,
    modulus: fc.integer({ min: 1, max: 64 }),
  }),
  fc.record({
    source_labels: source.source_labels,
    action: fc.constantFrom("lowercase", "uppercase", "keepequal", "dropequal"),
    target_label: target,
  }),
  fc.record({
    action: fc.constant("labelmap"),
    regex: fc.constantFrom("__meta_(.+)", "(a|b)", "__meta_(x)_(y)", "__(t)mp"),
    replacement: fc.constantFrom("m_$1", "$1", "m_${1}_$2"),
  }),
  fc.record({ action: fc.constant("labeldrop"), regex: fc.constantFrom("a|b", "__meta_.*", "__tmp", "job") }),
  fc.record({
    action: fc.constant("labelkeep"),
    regex: fc.constantFrom("a|__.*", "job|__(address|scheme|scrape_interval|scrape_timeout)__"),
  }),
);
const job = fc.record({
  labels: fc.dictionary(name, value, { maxKeys: NAMES.length }),
  rules: fc.array(rule, { minLength: 1, maxLength: 4 }),
});

interface ActiveTarget {
  readonly scrapePool: string;
  readonly labels: Readonly<Record<string, string>>;
}

describe.skipIf(skip)("relabeling, judged by Prometheus", { timeout: 120_000 }, () => {
  it("makes the same labels, and drops the same targets, by random rules", async () => {
    // As many as make a mistake in any one action show; Prometheus takes them all at once.
    const jobs = fc.sample(job, { numRuns: 400, seed: 20_261_123 });
    const jobName = (i: number): string => `job-${i}`;
    const address = "127.0.0.1:1";
    await using prometheus = await startPrometheus({
      targets: [address],
      scrapeInterval: "1h",
      scrapeConfigs: jobs.map(({ labels, rules }, i) => ({
        job_name: jobName(i),
        static_configs: [{ targets: [address], labels }],
        relabel_configs: rules,
      })),
    });
    const active = async (): Promise<readonly ActiveTarget[]> =>
      ((await prometheus.api("/api/v1/targets?state=active")) as { activeTargets: ActiveTarget[] })
        .activeTargets;
    // Each pool counts that it has taken its targets over.
    const synced = async (): Promise<number> => {
      const text = await (await fetch(`${prometheus.url}/metrics`)).text();
      return text.match(/^prometheus_target_sync_length_seconds_count\{.*\} [1-9]/gm)?.length ?? 0;
    };
    while ((await synced()) < jobs.length + 1) await sleep(100);
    const found = await active();

    const theirs = new Map(found.map(({ scrapePool, labels }) => [scrapePool, labels]));
    let kept = 0;
    for (const [i, { labels, rules }] of jobs.entries()) {
      const resolved = resolveTargets(
        {
          jobName: jobName(i),
          scheme: "http",
          relabel: rules.map((each) => relabelConfig.parse(each)),
          globalLabels: {},
        },
        [{ targets: [address], labels }],
        "configured",
      );
      const { service: _ours, ...ours } = resolved.targets[0]?.labels ?? {};
      const expected = theirs.get(jobName(i));
      if (expected !== undefined) kept++;
      const context = JSON.stringify({ labels, rules });
      if (expected === undefined) expect(resolved.targets, context).toEqual([]);
      // gorewind gives every target a job; Prometheus leaves one out whose rules removed it.
      else expect(ours, context).toEqual({ job: jobName(i), ...expected });
    }
    expect(kept).toBeGreaterThan(100);
    expect(kept).toBeLessThan(400);
  });
});
