import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AnalysisResult } from "../../src/analysis/result.ts";
import { decodeManifest, type Manifest } from "../../src/capture/manifest.ts";
import { startAgent } from "../support/agent.ts";
import { goToolTrace, goUnavailable, goVersions } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop } from "../support/shop.ts";

/** Every fifth checkout takes 80 ms; the rule asks for more than 50 ms. */
const config = (address: string): string => `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${address}"], labels: { env: test } }]
triggers:
  - name: slow-checkout
    when: { signal: task_duration_seconds, labels: { task: checkout }, above: 50ms }
    capture: { before: 2s, after: 500ms, profiles: [goroutine, heap, { cpu: 1s }] }
    limits: { cooldown: 1h }
`;

describe.each(goVersions())("a service built with Go %s", async (version) => {
  const skip = requireOrSkip(`stream to capture with Go ${version}`, await goUnavailable(version));

  it.skipIf(skip)(
    "is streamed, triggers, and its capture opens in that Go's own go tool trace",
    { timeout: 180_000 },
    async () => {
      await using shop = await startShop({ version, args: ["-load", "40"] });
      await using agent = await startAgent({ config: config(new URL(shop.debugUrl).host) });
      const stored = await agent.event((line) => line.event === "upload.completed");
      const folder = join(String(stored["location"]), String(stored["prefix"]));

      const manifest = decodeManifest(await readFile(join(folder, "manifest.json"), "utf8"));
      expect(manifest.reasons[0]).toMatchObject({
        rule: "slow-checkout",
        signal: "task_duration_seconds",
        threshold: 0.05,
      });
      expect(manifest.reasons[0]?.value).toBeGreaterThan(0.05);
      expect(manifest.target.labels).toMatchObject({ env: "test", job: "shop" });
      expect(manifest.files.map(({ name }) => name).sort()).toEqual([
        "cpu.pb.gz",
        "goroutine.pb.gz",
        "heap.pb.gz",
        "report.html",
        "summary.json",
        "trace.out",
      ]);
      expect(manifest.trace?.parseable).toBe(true);
      expect(manifest.omitted).toEqual([]);
      await expectIntact(folder, manifest);

      const moment = Date.parse(manifest.reasons[0]?.at ?? "");
      expect(Date.parse(manifest.window?.start ?? "")).toBeLessThanOrEqual(moment);
      expect(Date.parse(manifest.window?.end ?? "")).toBeGreaterThanOrEqual(moment);

      const dump = await goToolTrace(join(folder, "trace.out"), {
        version,
        keep: (line) => / Task(Begin|End) .*"checkout"/.test(line),
      });
      expect(dump.stderr).toBe("");
      expect(dump.exitCode).toBe(0);
      expect(longestTask(dump.lines)).toBeGreaterThan(0.05);

      const summary = JSON.parse(await readFile(join(folder, "summary.json"), "utf8")) as AnalysisResult;
      const checkout = summary.tasks.find(({ name }) => name === "checkout");
      expect(checkout?.max_ns).toBeCloseTo(longestTask(dump.lines) * 1e9, -1);
      expect(await readFile(join(folder, "report.html"), "utf8")).toContain(manifest.target.name);
    },
  );
});

async function expectIntact(folder: string, manifest: Manifest): Promise<void> {
  for (const file of manifest.files) {
    const data = await readFile(join(folder, file.name));
    expect({
      name: file.name,
      bytes: data.length,
      sha256: createHash("sha256").update(data).digest("hex"),
    }).toEqual({
      name: file.name,
      bytes: file.bytes,
      sha256: file.sha256,
    });
  }
}

/** Seconds between begin and end of the longest task in `-d=parsed` lines: `… TaskBegin Time=N ID=7 …`. */
function longestTask(lines: readonly string[]): number {
  const begun = new Map<string, bigint>();
  let longest = 0;
  for (const line of lines) {
    const match = /(TaskBegin|TaskEnd) Time=(\d+) ID=(\d+)/.exec(line);
    if (match === null) continue;
    const [, what, time = "0", id = ""] = match;
    if (what === "TaskBegin") begun.set(id, BigInt(time));
    const start = begun.get(id);
    if (what === "TaskEnd" && start !== undefined)
      longest = Math.max(longest, Number(BigInt(time) - start) / 1e9);
  }
  return longest;
}
