import { describe, expect, it } from "vitest";
import { startAgent } from "../support/agent.ts";
import { goUnavailable } from "../support/go.ts";
import { prometheusUnavailable, promtool, startPrometheus } from "../support/prometheus.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop } from "../support/shop.ts";

const reason = (await goUnavailable()) ?? (await prometheusUnavailable());
const skip = requireOrSkip("the agent's metrics in a real Prometheus", reason);

describe.skipIf(skip)("/metrics", () => {
  it(
    "pass promtool, and answer the questions of an operator in Prometheus",
    { timeout: 90_000 },
    async () => {
      await using shop = await startShop({ args: ["-load", "30"] });
      await using agent = await startAgent({
        config: `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}", "127.0.0.1:1"] }]
triggers:
  - { name: slow, when: { signal: task_duration_seconds, above: 50ms }, limits: { cooldown: 2s } }
`,
      });
      await agent.event((line) => line.event === "upload.completed");

      const { text } = await agent.get("/metrics");
      const checked = await promtool(["check", "metrics"], text);
      expect(checked).toMatchObject({ exitCode: 0, stderr: "" });

      await using prometheus = await startPrometheus({ targets: [new URL(agent.url).host] });
      const value = async (query: string): Promise<number> =>
        (await prometheus.queryUntilAny(query))[0]?.value ?? NaN;
      const slowest = await value(
        `histogram_quantile(0.99, sum by (le) (gorewind_task_duration_seconds_bucket{task="checkout"}))`,
      );
      expect(slowest).toBeGreaterThan(0.05);
      expect(slowest).toBeLessThan(0.5);
      expect(await value(`gorewind_stream_up{target=~"shop@127.0.0.1:[0-9]{4,}"}`)).toBe(1);
      expect(await value(`gorewind_stream_up{target="shop@127.0.0.1:1"}`)).toBe(0);
      expect(
        await value(`gorewind_stream_refusals_total{target="shop@127.0.0.1:1",code="scrape_connect"}`),
      ).toBeGreaterThan(0);
      expect(await value(`gorewind_captures_total{rule="slow",outcome="completed"}`)).toBeGreaterThan(0);
      expect(await value(`gorewind_uploads_total{outcome="completed"}`)).toBeGreaterThan(0);
      expect(await value(`sum(gorewind_goroutines{target=~"shop.*"})`)).toBeGreaterThan(5);
      expect(await value(`gorewind_ring_span_seconds`)).toBeGreaterThan(1);
    },
  );
});
