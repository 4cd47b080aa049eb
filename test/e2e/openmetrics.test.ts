/** A real Go service with Prometheus' own client library, which answers in the format it is asked for. */

import { request } from "undici";
import { describe, expect, it } from "vitest";
import { startAgent } from "../support/agent.ts";
import { buildGo, goUnavailable } from "../support/go.ts";
import { start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";

const skip = requireOrSkip("metrics of a Go service as OpenMetrics", await goUnavailable());

const OPENMETRICS = "application/openmetrics-text; version=1.0.0";

/** By form of metric: a condition that comes true of the service, and one that does not. */
const FORMS = {
  counter: [
    `{ signal: "metric:shop_orders_total", labels: { kind: 'a "quoted" \\ kind' }, aggregate: rate, window: 5s, above: 10 }`,
    `{ signal: "metric:shop_orders_total", labels: { kind: 'a "quoted" \\ kind' }, aggregate: rate, window: 5s, above: 1000 }`,
  ],
  gauge: [
    `{ signal: "metric:shop_stock", above: 900 }`,
    `{ signal: "metric:shop_stock", labels: { job: other }, above: 900 }`,
  ],
  histogram: [
    `{ signal: "metric:shop_order_seconds_bucket", aggregate: p50, window: 5s, above: 10ms }`,
    `{ signal: "metric:shop_order_seconds_bucket", aggregate: p50, window: 5s, above: 100ms }`,
  ],
} as const;

describe.skipIf(skip)("a service's metrics", () => {
  it("are read as OpenMetrics where asked for, and mean the same", { timeout: 300_000 }, async () => {
    await using service = await start(await buildGo("test/go/openmetrics"), []);
    const address = await service.line((line) => line.startsWith("127.0.0.1:"));
    const answer = await request(`http://${address}/metrics`, { headers: { accept: OPENMETRICS } });
    expect(answer.headers["content-type"]).toContain("application/openmetrics-text");
    const text = await answer.body.text();
    expect(text).toContain("# EOF");
    // An exemplar, which the text format has not.
    expect(text).toMatch(/shop_order_seconds_bucket\{le="0.1"\} \d+ # \{trace_id="/);

    const jobs = ["text", "openmetrics"];
    const rules = jobs.flatMap((job) =>
      Object.entries(FORMS).flatMap(([form, [fires, quiet]]) => [
        `  - { name: ${form}-${job}, match: { job: ${job} }, dry_run: true, when: ${fires} }`,
        `  - { name: quiet-${form}-${job}, match: { job: ${job} }, dry_run: true, when: ${quiet} }`,
      ]),
    );
    await using agent = await startAgent({
      config: `
scrape_configs:
${jobs
  .map(
    (job) => `  - job_name: ${job}
    static_configs: [{ targets: ["${address}"] }]
    trace: { mode: "off" }
    metrics: { interval: 1s }
    http_headers: { Accept: { values: ["${job === "text" ? "text/plain" : OPENMETRICS}"] } }`,
  )
  .join("\n")}
triggers:
${rules.join("\n")}
`,
    });
    for (const job of jobs) {
      for (const form of Object.keys(FORMS)) {
        await agent.event((line) => line["rule"] === `${form}-${job}` && line["reason"] === "dry_run");
      }
    }
    const said = agent.events().map((line) => String(line["rule"]));
    expect(said.filter((rule) => rule.startsWith("quiet-"))).toEqual([]);
    expect(agent.events().filter((line) => line.level === "error")).toEqual([]);
  });
});
