import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { repoRoot } from "../support/cache.ts";

const text = readFileSync(join(repoRoot, "docs", "targets.md"), "utf8");
const examples = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = ""]) => yaml);

describe("docs/targets.md", () => {
  it("has an example for every option of discovery and of HTTP", () => {
    const schema = readFileSync(join(repoRoot, "config", "gorewind.schema.json"), "utf8");
    const scrape = (
      JSON.parse(schema) as { properties: { scrape_configs: { items: { properties: object } } } }
    ).properties.scrape_configs.items.properties;
      " ",
    );
    for (const option of Object.keys(scrape).filter((key) =>
      /_(configs?|auth|headers|limit|spread|redirects)$/.test(key),
    )) {
      expect(examples.some((yaml) => yaml.includes(`${option}:`)), option).toBe(true);
    }
  });

  it.each(examples.map((yaml, i) => [i + 1, yaml] as const))("example %i is a configuration", (_, yaml) => {
    expect(parseConfig(yaml, "targets.yaml", {}).options.scrapeConfigs.length).toBeGreaterThan(0);
  });
});
