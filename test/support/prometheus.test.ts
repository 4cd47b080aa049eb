import { describe, expect, it } from "vitest";
import { goUnavailable } from "./go.ts";
import { promtool, prometheusUnavailable, startPrometheus } from "./prometheus.ts";
import { requireOrSkip } from "./require.ts";
import { startShop } from "./shop.ts";

const skip =
  requireOrSkip("a real Prometheus", await prometheusUnavailable()) ||
  requireOrSkip("a real Prometheus on the shop", await goUnavailable());

describe.skipIf(skip)("Prometheus", () => {
  it("scrapes the shop's metrics, and promtool finds no fault in them", async () => {
    await using shop = await startShop();
    await fetch(`${shop.url}/checkout`);
    const text = await (await fetch(`${shop.debugUrl}/metrics`)).text();
    const verdict = await promtool(["check", "metrics"], text);
    expect(verdict).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect((await promtool(["check", "metrics"], "1x y\n")).exitCode).not.toBe(0);

    await using prometheus = await startPrometheus({ targets: [new URL(shop.debugUrl).host] });
    const samples = await prometheus.queryUntilAny('http_requests_total{handler="/checkout"}');
    expect(samples).toEqual([{ metric: expect.objectContaining({ code: "200" }), value: 1 }]);
    expect(await prometheus.targets()).toMatchObject([{ health: "up", lastError: "" }]);
    await expect(prometheus.query("sum(")).rejects.toThrow("400");
  }, 60_000);
});
