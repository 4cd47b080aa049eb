import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { decodeManifest } from "../../src/capture/manifest.ts";
import { createStore } from "../../src/store/create.ts";
import type { Store } from "../../src/store/store.ts";
import { all, bytesOf, sha256 } from "../store/support/captures.ts";
import { S3_MAKE, s3Options } from "../store/support/s3-options.ts";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { goToolTrace, goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3 } from "../support/s3.ts";
import { startShop } from "../support/shop.ts";

/**
 * The whole agent, which records a real service and uploads what is asked for and what its rules see, is killed with
 * SIGKILL at random moments, over and over. `node bench/store/crash-loop.mjs --agent --rounds 300` runs it longer.
 */
const ROUNDS = Number(process.env["GOREWIND_AGENT_CRASH_ROUNDS"] ?? 3);
const ALIVE_MS = 2500;

const never = new AbortController().signal;
const skip = requireOrSkip(
  "the agent's crash loop",
  (await goUnavailable()) ?? (await s3Unavailable(S3_MAKE)),
);

describe.skipIf(skip)("an agent that is killed at random moments", () => {
  it(
    `loses no capture that it said is safe and shows none twice: ${ROUNDS} rounds`,
    { timeout: 180_000 + ROUNDS * 30_000 },
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "gorewind-agent-crash-"));
      await using s3 = await startS3({ make: S3_MAKE, buckets: ["captures"] });
      await using shop = await startShop({ args: ["-load", "20"] });
      const config = (round: number): string => `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
    ring: { min_age: 1s, persist: true }
    profiles: { timeout: 2s }
triggers:
  - name: any-task
    when: { signal: task_duration_seconds, labels: { task: checkout }, above: 1us }
    capture: { before: 200ms, after: 0s, profiles: [goroutine] }
    limits: { cooldown: 300ms, max_per_hour: 100000, max_per_day: 1000000, warm_up: 0s }
trigger_limits: { max_captures_per_hour: 1000000, max_bytes_per_hour: 1000GiB }
upload: { key: "${round % 2 === 0 ? "{service}/{yyyy}/{id}" : "{service}/{rule}-{id}"}", min_delay: 20ms, max_delay: 200ms }
store: { kind: s3, preset: ${s3.make}, endpoint: "${s3.endpoint}", region: ${s3.region}, bucket: captures, part_size: 5MiB }`;
      const start = (round: number): Promise<RunningAgent> =>
        startAgent({
          config: config(round),
          folder,
          startsWithinMs: 120_000,
          env: { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey },
        });
      const said = new Map<string, Set<string>>();
      const hear = (agent: RunningAgent): void => {
        for (const line of agent.events()) {
          const ids = said.get(line.event) ?? new Set();
          said.set(line.event, ids.add(String(line["id"])));
        }
      };
      for (let round = 0; round < ROUNDS; round++) {
        const agent = await start(round);
        // Some die while they start, some while they make the first capture, most while captures come and go.
        const until = ["capture.accepted", "capture.started", "capture.accepted", "agent.started"][round % 4];
        await agent.event((line) => line.event === until, 120_000);
        await sleep(Math.random() * ALIVE_MS);
        await agent.child.kill9();
        hear(agent);
        if (round % 10 === 9)
          console.log(`${round + 1} rounds, ${said.get("capture.accepted")?.size ?? 0} safe`);
      }
      await using last = await start(ROUNDS);
      await vi.waitFor(
        async () => expect((await last.get("/metrics")).text).toMatch(/^gorewind_spool_pending_captures 0$/m),
        { timeout: 120_000, interval: 500 },
      );
      await last.child.stop(30_000);
      hear(last);

      const store = await createStore(s3Options(s3, "captures"));
      const accepted = said.get("capture.accepted") ?? new Set();
      const report = { rounds: ROUNDS, acknowledged: accepted.size, ...(await askStore(store, accepted)) };
      console.log(JSON.stringify({ ...report, recovered: said.get("ring.recovered")?.size ?? 0 }));
      expect(report).toMatchObject({ lost: 0, twice: 0, wrongBytes: 0, orphans: 0, unreadable: 0 });
      expect(said.get("spool.dropped")).toBeUndefined();
      expect(accepted.size).toBeGreaterThanOrEqual(ROUNDS / 3);
      store.close();
      await rm(folder, { recursive: true, force: true });
    },
  );

  /** The oracle; it also opens some of the traces. */
  async function askStore(store: Store, acknowledged: ReadonlySet<string>) {
    const places = new Map<string, number>();
    const [files, expected] = [new Set<string>(), new Set<string>()];
    let [wrongBytes, unreadable] = [0, 0];
    const read = async (key: string): Promise<Buffer> =>
      bytesOf((await store.get(key, undefined, never)).body);
    for (const { key } of await all(store.list("", never))) {
      if (key.startsWith("index=")) continue;
      files.add(key);
      if (!key.endsWith("/manifest.json")) continue;
      expected.add(key);
      const manifest = decodeManifest((await read(key)).toString());
      places.set(manifest.id, (places.get(manifest.id) ?? 0) + 1);
      for (const file of manifest.files) {
        const at = key.replace(/manifest\.json$/, file.name);
        expected.add(at);
        if (sha256(await read(at)) !== file.sha256) wrongBytes++;
      }
      if (manifest.trace === undefined || places.size % 20 !== 1) continue;
      const trace = join(await mkdtemp(join(tmpdir(), "gorewind-trace-")), "trace.out");
      await writeFile(trace, await read(key.replace(/manifest\.json$/, "trace.out")));
      if ((await goToolTrace(trace)).exitCode !== 0) unreadable++;
      await rm(join(trace, ".."), { recursive: true });
    }
    const lost = [...acknowledged].filter((id) => !places.has(id)).length;
    const twice = [...places.values()].filter((count) => count > 1).length;
    const orphans = [...files].filter((key) => !expected.has(key)).length;
    return { stored: places.size, lost, twice, wrongBytes, orphans, unreadable };
  }
});
