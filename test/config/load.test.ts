import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/base/errors.ts";
import { configJsonSchema, parseConfig } from "../../src/config/load.ts";

const folder = resolve(import.meta.dirname, "../../config");
const demo = { GOREWIND_DEMO_TARGET: "127.0.0.1:6060", GOREWIND_DEMO_FOLDER: "/tmp/demo" };

const MINIMAL = `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["127.0.0.1:6060"] }]
`;

/** What is said of a configuration that cannot be used. */
function problemsOf(text: string, env: Record<string, string> = {}): string[] {
  try {
    parseConfig(text, "gorewind.yaml", env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  throw new Error("it was accepted");
}

describe("parseConfig", () => {
  it("fills in every default", () => {
    const { options, targets } = parseConfig(MINIMAL, "gorewind.yaml", {});
    expect(targets.map(({ target }) => target)).toEqual([
      {
        name: "shop@127.0.0.1:6060",
        job: "shop",
        address: "127.0.0.1:6060",
        scheme: "http",
        labels: { job: "shop", instance: "127.0.0.1:6060", service: "shop" },
      },
    ]);
    expect(options.scrapeConfigs[0]?.ring).toEqual({ minAge: 10_000, maxBytes: 10_485_760, persist: false });
    expect(options.store).toMatchObject({ kind: "filesystem" });
    expect(options.http).toEqual({ host: "127.0.0.1", port: 7099 });
  });

  it.each(readdirSync(folder).filter((name) => /^(gorewind|demo)\.yaml$/.test(name)))(
    "takes config/%s",
    (name) => {
      const config = parseConfig(readFileSync(resolve(folder, name), "utf8"), name, demo);
      expect(config.options.triggers.length).toBeGreaterThan(0);
    },
  );

  it("bounds a folder of captures, and leaves a bucket to its lifecycle rules", () => {
    const stored = (more: string): unknown => parseConfig(MINIMAL + more, "f", {}).options.retention.store;
    expect(stored("")).toEqual({ max_bytes: 10 * 2 ** 30, keep_worst: 0 });
    expect(stored("store: { kind: s3, bucket: b }\n")).toBeUndefined();
    expect(stored("retention: { store: { max_captures: 5 } }\n")).toEqual({ max_captures: 5, keep_worst: 0 });
  });

  it("knows two texts apart by their hash", () => {
    const hash = (text: string): string => parseConfig(text, "f", {}).hash;
    expect(hash(MINIMAL)).toMatch(/^[0-9a-f]{12}$/);
    expect(hash(MINIMAL)).not.toBe(hash(`${MINIMAL}# changed\n`));
  });

  it("puts the environment into values, never into structure", () => {
    const text = MINIMAL.replace("127.0.0.1:6060", "${HOST:-localhost}:${PORT}");
    const target = (env: Record<string, string>): string | undefined =>
      parseConfig(text, "f", env).targets[0]?.target.address;
    expect(target({ PORT: "6060" })).toBe("localhost:6060");
    const labelled = `${MINIMAL}\nglobal: { labels: { a: "\${VALUE}", b: "costs $$5" } }`;
    const { targets } = parseConfig(labelled, "f", { VALUE: "x: [y\n- z" });
    expect(targets[0]?.target.labels).toMatchObject({ a: "x: [y\n- z", b: "costs $5" });
    expect(problemsOf(text)).toEqual([
      "gorewind.yaml:4:34: the environment variable PORT is not set: set it, or write ${PORT:-default} (or $$ for a dollar sign)",
    ]);
  });

  it.each([
    [
      "an unknown key, with the nearest valid one",
      MINIMAL.replace("static_configs", "static_config"),
      /^gorewind\.yaml:4:5: scrape_configs\.0\.static_config: unknown key; did you mean static_configs\?$/m,
    ],
    [
      "an unknown key in a nested section",
      `${MINIMAL}    ring: { max_byte: 3MiB }\n`,
      /^gorewind\.yaml:5:13: scrape_configs\.0\.ring\.max_byte: unknown key; did you mean max_bytes\?$/m,
    ],
    [
      "an unknown key that is near to none, with all valid ones",
      `${MINIMAL}colour: red\n`,
      /^gorewind\.yaml:5:1: colour: unknown key; valid keys are global, scrape_configs, triggers, /m,
    ],
    [
      "a wrong duration",
      `${MINIMAL}    ring: { min_age: 10 seconds }\n`,
      /^gorewind\.yaml:5:22: scrape_configs\.0\.ring\.min_age: "10 seconds" is no duration: write a number and /m,
    ],
    [
      "a number where a duration is meant",
      `${MINIMAL}    ring: { min_age: 10 }\n`,
      /^gorewind\.yaml:5:22: scrape_configs\.0\.ring\.min_age: expected a duration such as 200ms, 10s or 1m30s$/m,
    ],
    [
      "a wrong size",
      `${MINIMAL}    ring: { max_bytes: 10mb }\n`,
      /^gorewind\.yaml:5:24: scrape_configs\.0\.ring\.max_bytes: "10mb" is no size/m,
    ],
    [
      "a wrong preset",
      `${MINIMAL}    ring: { preset: fast }\n`,
      /^gorewind\.yaml:5:21: scrape_configs\.0\.ring\.preset: .*fast-request/m,
    ],
    ["a missing section", "log: { level: info }\n", /scrape_configs: is missing: expected a list$/m],
    [
      "a word that is near to one that is known",
      `${MINIMAL}    trace: { mode: strem }\n`,
      /5:20: scrape_configs\.0\.trace\.mode: expected one of stream, poll, .*; did you mean stream\?$/m,
    ],
    [
      "another kind of value",
      `${MINIMAL}    metrics: true\n    probes: { name: x }\n`,
      /5:14: .*metrics: expected a map, not true or false\n.*6:13: .*probes: expected a list, not a map$/m,
    ],
    [
      "a key that Prometheus has and gorewind has elsewhere",
      `${MINIMAL}    metrics_path: /metrics\n`,
      /5:5: scrape_configs\.0\.metrics_path: unknown key; write metrics: \{ path: … \}$/m,
    ],
    [
      "a header that has an option of its own",
      `${MINIMAL}    http_headers: { Authorization: { values: [x] } }\n`,
      /5:36: .*http_headers\.Authorization: this header cannot be set here: authorization and basic_auth /m,
    ],
    [
      "a share above all",
      `${MINIMAL}    budget: { max_overhead: 2 }\n`,
      /5:29: .*budget\.max_overhead: expected a share above 0 and up to 100%/m,
    ],
    ["no address", MINIMAL.replace("127.0.0.1:6060", "localhost"), /4:34: .*expected host:port/m],
    [
      "a relation between options",
      `${MINIMAL}    trace: { mode: poll, window: 10s, interval: 5s }\n`,
      /5:\d+: scrape_configs\.0\.trace\.interval: interval must be at least window/m,
    ],
    [
      "a signal there is none of",
      `${MINIMAL}triggers: [{ name: a, when: { signal: task_duration_second, above: 1s } }]\n`,
      /5:\d+: triggers\.0\.when\.signal: .*task_duration_seconds/m,
    ],
    [
      "a threshold in the wrong unit",
      `${MINIMAL}triggers: [{ name: a, when: { signal: task_duration_seconds, above: 5MiB } }]\n`,
      /5:\d+: triggers\.0\.when\.above: /m,
    ],
    [
      "a part of a number where it has to be whole",
      `${MINIMAL}    target_limit: 1.5\n`,
      /^gorewind\.yaml:5:19: scrape_configs\.0\.target_limit: expected a whole number, not 1\.5$/m,
    ],
    [
      "a number out of its bounds",
      `${MINIMAL}    target_limit: 0\n`,
      /^gorewind\.yaml:5:19: scrape_configs\.0\.target_limit: expected a number of at least 1, not 0$/m,
    ],
    [
      "a number where a text is meant",
      `${MINIMAL}global: { labels: { shard: 7 } }\n`,
      /^gorewind\.yaml:5:28: global\.labels\.shard: expected a text, not 7; in quotes it is one: "7"$/m,
    ],
    [
      "a list that has to have something in it",
      "scrape_configs: []\n",
      /^gorewind\.yaml:1:17: scrape_configs: expected a list of at least 1 item, not an empty list$/m,
    ],
    [
      "a key without a value",
      `${MINIMAL}    ring:\n`,
      /^gorewind\.yaml:5:\d+: scrape_configs\.0\.ring: is empty: expected a map$/m,
    ],
    [
      "a path that is none",
      `${MINIMAL}    trace: { path: debug/pprof/trace }\n`,
      /^gorewind\.yaml:5:20: .*trace\.path: expected a text that begins with \/, not "debug\/pprof\/trace"$/m,
    ],
    [
      "a kind of store there is none of",
      `${MINIMAL}store: { kind: filesytem, path: x }\n`,
      /^gorewind\.yaml:5:16: store\.kind: expected one of filesystem, s3, not "filesytem"; did you mean filesystem\?$/m,
    ],
    [
      "a name of a label that is none",
      `${MINIMAL}global: { labels: { a-b: c } }\n`,
      /^gorewind\.yaml:5:26: global\.labels\.a-b: a label name has letters, digits and underscores/m,
    ],
    [
      "a profile's name that is none",
      `${MINIMAL}triggers: [{ name: a, when: { signal: stream_lost }, capture: { profiles: [go routine] } }]\n`,
      /^gorewind\.yaml:5:76: triggers\.0\.capture\.profiles\.0: expected a profile's name, such as goroutine: /m,
    ],
    [
      "a level that is a map",
      `${MINIMAL}triggers: [{ name: a, when: { signal: task_duration_seconds, above: {} } }]\n`,
      /^gorewind\.yaml:5:69: triggers\.0\.when\.above: expected a level such as 50ms, 512MiB, 5% or 100$/m,
    ],
    ["a key twice", `${MINIMAL}log: {}\nlog: {}\n`, /^gorewind\.yaml:6:1: .*unique/m],
    ["broken YAML", "scrape_configs: [", /^gorewind\.yaml:1:\d+: /m],
    [
      "a target listed twice",
      MINIMAL.replace(`["127.0.0.1:6060"]`, `["a:1", "a:1"]`),
      /a:1 is listed twice in the job shop/m,
    ],
    [
      "a job name used twice",
      `${MINIMAL}  - { job_name: shop, static_configs: [{ targets: ["b:1"] }] }\n`,
      /5:\d+: scrape_configs\.1\.job_name: "shop" is used by another scrape config/m,
    ],
  ])("refuses %s", (_, text, message) => {
    expect(problemsOf(text).join("\n")).toMatch(message);
  });

  it("says everything that is wrong at once", () => {
    const text = `${MINIMAL}    ring: { max_byte: 3MiB, min_age: x }\nhtp: {}\n`;
    expect(problemsOf(text).length).toBe(3);
  });
});

describe("config/gorewind.schema.json", () => {
  it("is what the code says: write it anew with `npm run schema`", () => {
    const published = JSON.parse(readFileSync(resolve(folder, "gorewind.schema.json"), "utf8")) as object;
    expect(published).toEqual(
      JSON.parse(JSON.stringify({ title: "gorewind configuration", ...configJsonSchema() })),
    );
  });
});
