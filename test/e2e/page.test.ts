import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startAgent } from "../support/agent.ts";
import { chromiumUnavailable, startChromium } from "../support/chromium.ts";
import { goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop } from "../support/shop.ts";

const reason = (await goUnavailable()) ?? (await chromiumUnavailable());
const skip = requireOrSkip("the agent's page in a browser", reason);

describe.skipIf(skip)("the agent's own page", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser?.close());

  it("shows what is recorded, takes a capture, and opens its report", { timeout: 400_000 }, async () => {
    await using shop = await startShop({ args: ["-load", "20"] });
    await using agent = await startAgent({
      config: `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
triggers:
  - name: never
    when: { signal: task_duration_seconds, above: 1h }
    capture: { before: 1s, after: 0s, profiles: [] }
`,
    });
    const context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(agent.url);
    await page.getByText("gorewind is ready.").waitFor({ timeout: 120_000 });
    await page.getByText(/^ring: (?!0\.0 )[0-9.]+ s, /).waitFor({ timeout: 120_000 });
    expect(await page.getByText(/^never$/).count()).toBe(1);

    await page.getByRole("button", { name: "Capture now" }).click();
    const report = page.getByRole("link", { name: "open the report" });
    await report.first().waitFor({ timeout: 120_000 });
    expect(await page.getByText("manual on shop@").count()).toBe(1);
    const picture = process.env["GOREWIND_SCREENSHOT"];
    if (picture !== undefined) await page.screenshot({ path: picture, fullPage: true });
    await report.first().click();
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect(page.url()).toMatch(/\/api\/v1\/captures\/[^/]+\/report\.html$/);
    expect(await page.getByText(/Goroutines/).count()).toBeGreaterThan(0);
    // The page asked whether the agent is ready before it was: the browser says so.
    expect(complaints.filter((line) => !line.includes("503"))).toEqual([]);
    await context.close();
  });
});
