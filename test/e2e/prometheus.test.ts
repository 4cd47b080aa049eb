import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { startAgent } from "../support/agent.ts";
import { goUnavailable } from "../support/go.ts";
import {
  prometheusUnavailable,
  promtool,
  startPrometheus,
  type PrometheusServer,
} from "../support/prometheus.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop } from "../support/shop.ts";

const reason = (await goUnavailable()) ?? (await prometheusUnavailable());
interface StoredExemplar {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
}

/** What Prometheus has stored of a query's series, as its own interface gives it; asked until there is one. */
async function captureExemplars(
  prometheus: PrometheusServer,
  query: string,
): Promise<readonly StoredExemplar[]> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(200)) {
    const span = `start=${Date.now() / 1000 - 3600}&end=${Date.now() / 1000 + 60}`;
    const found = (await prometheus.api(
      `/api/v1/query_exemplars?query=${encodeURIComponent(query)}&${span}`,
    )) as readonly { readonly seriesLabels: Record<string, string>; readonly exemplars: StoredExemplar[] }[];
    if (found.length > 0) {
      return found.flatMap(({ seriesLabels, exemplars }) =>
        exemplars.map((each) => ({ ...each, seriesLabels })),
      );
    }
  }
  throw new Error(`Prometheus has no exemplar of ${query}`);
}

const skip = requireOrSkip("the agent's metrics in a real Prometheus", reason);

describe.skipIf(skip)("/metrics", () => {
  it(
    "pass promtool, and answer the questions of an operator in Prometheus",
    { timeout: 240_000 },
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

      await using prometheus = await startPrometheus({
        targets: [new URL(agent.url).host],
        args: ["--enable-feature=exemplar-storage"],
      });
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
      expect(await value(`rate(gorewind_trigger_evaluation_seconds_total[1m])`)).toBeGreaterThan(0);

      // From a bar of the latency histogram to the capture that shows it.
      const exemplars = await captureExemplars(prometheus, `gorewind_task_duration_seconds_bucket`);
      const captures = await agent.captures();
      for (const { seriesLabels, labels, value: seconds } of exemplars) {
        const captured = captures.find(({ id }) => id === labels["capture_id"]);
        // One capture may show several slow tasks.
        const shown = captured?.manifest.reasons.find((each) => each.value === Number(seconds));
        expect(shown?.labels?.["task"]).toBe(seriesLabels["task"]);
        expect(Number(seconds)).toBeGreaterThan(0.05);
        expect(Number(seconds)).toBeLessThanOrEqual(Number(seriesLabels["le"]));
      }
    },
  );
});
