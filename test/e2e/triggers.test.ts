import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { describe, expect, it } from "vitest";
import { startAgent, type LogLine, type RunningAgent } from "../support/agent.ts";
import { goToolTrace, goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop, type Shop } from "../support/shop.ts";

const skip = requireOrSkip("triggers on a real Go service", await goUnavailable());

const hostOf = (shop: Shop): string => new URL(shop.debugUrl).host;
const fired = (agent: RunningAgent): readonly LogLine[] =>
  agent.events().filter((line) => line.event === "trigger.fired");

describe.skipIf(skip)("the last breath", () => {
  it.each(["panics", "is killed"])(
    "is captured within 5 s when the service %s under load",
    { timeout: 240_000 },
    async (how) => {
      await using shop = await startShop({ args: ["-load", "50", "-allow-crash"] });
      await using agent = await startAgent({
        config: `
scrape_configs:
  - { job_name: shop, static_configs: [{ targets: ["${hostOf(shop)}"] }] }
triggers:
  - name: crash
    severity: critical
    when: { signal: stream_lost }
    capture: { before: 30s, after: 0s, profiles: [] }
`,
      });
      await agent.event((line) => line.event === "generation.sealed" && Number(line["generation"]) >= 4);
      if (how === "panics") await request(`${shop.url}/crash`).catch(() => undefined);
      else shop.child.signal("SIGKILL");
      await shop.child.exited;
      const diedAt = Date.now();
      const stored = await agent.event((line) => line.event === "upload.completed", 5000);
      expect(Date.now() - diedAt).toBeLessThan(5000);

      const [capture] = await agent.captures();
      expect(capture?.manifest.reasons[0]).toMatchObject({
        rule: "crash",
        severity: "critical",
        signal: "stream_lost",
      });
      expect(Math.abs(diedAt - Date.parse(capture?.manifest.window?.end ?? ""))).toBeLessThan(2000);
      const trace = join(String(stored["location"]), String(stored["prefix"]), "trace.out");
      expect(await goToolTrace(trace)).toMatchObject({ exitCode: 0, stderr: "" });
    },
  );
});

describe.skipIf(skip)("the classic case", () => {
  const rule = (address: string): string => `
scrape_configs:
  - { job_name: shop, static_configs: [{ targets: ["${address}"] }] }
triggers:
  - name: slow-checkout
    when: { signal: task_duration_seconds, labels: { task: checkout }, above: 50ms }
    capture: { before: 1s, after: 0s, profiles: [] }
    limits: { cooldown: 3s, max_per_hour: 3 }
`;

  it("captures a slow burst once, within the limits", { timeout: 240_000 }, async () => {
    await using shop = await startShop({ args: ["-load", "50"] });
    await using agent = await startAgent({ config: rule(hostOf(shop)) });
    // The limit is three an hour: the fourth is held back, and said so.
    await agent.event(
      (line) => line.event === "trigger.suppressed" && line["reason"] === "max_per_hour",
      40_000,
    );
    expect(fired(agent).length).toBe(3);
    const times = fired(agent).map((line) => Date.parse(String(line["time"])));
    for (const [i, at] of times.slice(1).entries()) expect(at - (times[i] ?? 0)).toBeGreaterThan(2900);
    await agent.event((line) => line.event === "upload.completed");
    expect((await agent.get("/metrics")).text).toMatch(
      /^gorewind_trigger_suppressed_total\{rule="slow-checkout",reason="max_per_hour"\} [1-9]/m,
    );
  });

  it("stays quiet for a minute when every request takes 5 ms", { timeout: 120_000 }, async () => {
    await using shop = await startShop({ args: ["-load", "20", "-slow-every", "0"] });
    await using agent = await startAgent({
      config: rule(hostOf(shop)).replace("above: 50ms", "above: 70ms"),
    });
    await agent.event((line) => line.event === "generation.analysed");
    await sleep(60_000);
    const { text } = await agent.get("/metrics");
    const tasks = Number(
      /^gorewind_task_duration_seconds_count\{[^}]*task="checkout"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0,
    );
    expect(tasks).toBeGreaterThan(500);
    const slow = Number(
      /^gorewind_task_duration_seconds_bucket\{le="0\.05"[^}]*task="checkout"[^}]*\} (\d+)/m.exec(
        text,
      )?.[1] ?? 0,
    );
    // On a machine that is starved a request may really take longer; then, and only then, the rule may fire.
    if (slow === tasks) expect(fired(agent)).toEqual([]);
    else expect(fired(agent).length).toBeLessThanOrEqual(tasks - slow);
  });
});

describe.skipIf(skip)("capture.also", () => {
  it("takes the same window from the neighbours that the rule names", { timeout: 240_000 }, async () => {
    await using shop = await startShop({ args: ["-load", "30"] });
    await using neighbour = await startShop({ args: ["-load", "5", "-slow-every", "0"] });
    await using agent = await startAgent({
      config: `
scrape_configs:
  - { job_name: shop, static_configs: [{ targets: ["${hostOf(shop)}"] }] }
  - { job_name: stock, static_configs: [{ targets: ["${hostOf(neighbour)}"], labels: { tier: backend } }] }
triggers:
  - name: slow
    match: { job: shop }
    when: { signal: task_duration_seconds, labels: { task: checkout }, above: 50ms }
    capture: { before: 1s, after: 0s, profiles: [], also: [{ tier: backend }] }
    limits: { cooldown: 1h }
`,
    });
    const completed = (target: string) =>
      agent.event((line) => line.event === "capture.completed" && String(line["target"]).startsWith(target));
    await Promise.all([completed("shop@"), completed("stock@")]);
    await agent.event((line) => line.event === "upload.completed");
    const other = (await agent.captures()).find(({ manifest }) => manifest.target.job === "stock");
    expect(other?.manifest.reasons[0]?.message).toMatch(/^the same window as .* of shop@.*above 50ms/);
  });
});
