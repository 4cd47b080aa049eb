import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { goToolTrace, goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop, type Shop } from "../support/shop.ts";

const skip = requireOrSkip("rings that outlive the agent", await goUnavailable());

const config = (shop: Shop, more = ""): string => `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"], labels: { team: pay } }]
    ring: { min_age: 2s, persist: true }
    ${more}
capture: { report_timeout: 2m }`;

/** Waits as long as a busy machine needs. */
async function waitFor(
  check: () => boolean | Promise<boolean>,
  timeout: number,
  what: string,
): Promise<void> {
  await vi.waitFor(async () => expect(await check(), what).toBe(true), { timeout, interval: 50 });
}

async function mirrored(folder: string): Promise<readonly string[]> {
  const names = await readdir(join(folder, "spool", "ring"), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith(".trace")).map((name) => join(folder, "spool", "ring", name));
}

/** The numbers of the generations that were sealed so far. */
function sealed(agent: RunningAgent): readonly number[] {
  return agent
    .events()
    .filter((line) => line.event === "generation.sealed")
    .map((line) => Number(line["generation"]));
}

describe.skipIf(skip)("ring.persist", () => {
  it(
    "gives what a killed agent held as a capture, and mirrors no more than the ring",
    { timeout: 300_000 },
    async () => {
      await using shop = await startShop({ args: ["-load", "20"] });
      await using agent = await startAgent({ config: config(shop) });
      // The ring turns over: files go as they leave it.
      await waitFor(() => sealed(agent).length >= 6, 60_000, "six generations");
      await waitFor(async () => (await mirrored(agent.folder)).length > 0, 10_000, "a mirrored generation");
      const before = sealed(agent);
      await waitFor(() => sealed(agent).length > before.length, 30_000, "one more generation");
      await agent.child.kill9();
      const last = before.at(-1) ?? 0;
      const left = await mirrored(agent.folder);
      expect(left.length).toBeGreaterThan(0);
      // 2 s of generations of about 1 s, the one that crosses the limit, and one that was just coming.
      expect(left.length).toBeLessThanOrEqual(5);
      expect(await goToolTrace(left[0] ?? "")).toMatchObject({ exitCode: 0, stderr: "" });

      await using next = await startAgent({ config: config(shop), folder: agent.folder });
      const recovered = await next.event((line) => line.event === "ring.recovered", 120_000);
      await next.event(
        (line) => line.event === "upload.completed" && line["id"] === recovered["id"],
        120_000,
      );
      const [capture] = (await next.captures()).filter(({ id }) => id === recovered["id"]);
      expect(capture?.place).toBe("store");
      expect(capture?.manifest).toMatchObject({
        target: { job: "shop", labels: { team: "pay" } },
        reasons: [{ rule: "agent-restarted", kind: "restart", severity: "info" }],
        trace: { generations: left.length },
      });
      // What was sealed before the last one seen is there: only the open generation is lost.
      expect(capture?.manifest.trace?.last_generation).toBeGreaterThanOrEqual(last);
      const names = capture?.manifest.files.map(({ name }) => name);
      expect(names).toEqual(["trace.out", "summary.json", "report.html"]);
      expect(await goToolTrace(join(capture?.location ?? "", "trace.out"))).toMatchObject({
        exitCode: 0,
        stderr: "",
      });
      expect((await next.get("/metrics")).text).toMatch(/gorewind_ring_left_total\{outcome="recovered"\} 1/);

      // It dies again at once: no second capture, and the ring that it had begun goes.
      await waitFor(async () => (await mirrored(next.folder)).length > 0, 30_000, "the next mirror");
      await next.child.kill9();
      await using third = await startAgent({ config: config(shop), folder: agent.folder });
      expect(await third.event((line) => line.event === "ring.left_dropped")).toMatchObject({
        reason: "too_soon",
      });
      await waitFor(async () => (await mirrored(third.folder)).length > 0, 30_000, "the third mirror");
      // An agent that ends as it should leaves nothing.
      await third.child.stop(20_000);
      expect(await stat(join(agent.folder, "spool", "ring")).catch(() => undefined)).toBeUndefined();
    },
  );

  it("writes what the privacy policy leaves of it", { timeout: 300_000 }, async () => {
    await using shop = await startShop({ args: ["-load", "20"] });
    await using agent = await startAgent({ config: config(shop, "privacy: { anonymize: all }") });
    await waitFor(async () => (await mirrored(agent.folder)).length > 1, 60_000, "two mirrored generations");
    for (const file of await mirrored(agent.folder)) {
      const text = (await readFile(file).catch(() => Buffer.alloc(0))).toString("latin1");
      expect(text).not.toMatch(/checkout|charge|examples\/shop|shop\.go/);
    }
    await agent.child.kill9();
    await using next = await startAgent({ config: config(shop), folder: agent.folder });
    const recovered = await next.event((line) => line.event === "ring.recovered", 120_000);
    await next.event((line) => line.event === "upload.completed" && line["id"] === recovered["id"], 120_000);
    const [capture] = (await next.captures()).filter(({ id }) => id === recovered["id"]);
    expect(capture?.manifest.privacy?.anonymized).toContain("task_names");
    expect(await goToolTrace(join(capture?.location ?? "", "trace.out"))).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
  });
});
