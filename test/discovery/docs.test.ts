import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { clientFields } from "../../src/scraper/client/options.ts";
import { discoveryFields } from "../../src/discovery/options.ts";
import { repoRoot } from "../support/cache.ts";

const text = readFileSync(join(repoRoot, "docs", "targets.md"), "utf8");
const examples = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = ""]) => yaml);

describe("docs/targets.md", () => {
  it.each([
    ...Object.keys(discoveryFields),
    ...Object.keys(clientFields),
    "static_configs",
    "relabel_configs",
    "scheme",
    "body_size_limit",
    "target_limit",
    "start_spread",
  ])("has an example of %s", (option) => {
    expect(examples.some((yaml) => yaml.includes(`${option}:`))).toBe(true);
  });

  it.each(examples.map((yaml, i) => [i + 1, yaml] as const))("example %i is a configuration", (_, yaml) => {
    expect(parseConfig(yaml, "targets.yaml", {}).options.scrapeConfigs.length).toBeGreaterThan(0);
  });
});
