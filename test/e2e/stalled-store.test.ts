import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MiB } from "../../src/base/units.ts";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { goUnavailable } from "../support/go.ts";
import { memoryOf } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3 } from "../support/s3.ts";
import { startShop } from "../support/shop.ts";

const reason = (await goUnavailable()) ?? (await s3Unavailable());
const skip = requireOrSkip("a store that hangs while a service is recorded", reason);

/** How long the store hangs. A reader that stalled would make the service grow by its whole trace meanwhile. */
const HANG_MS = 12_000;

describe.skipIf(skip)("a store that hangs", () => {
  it("never stops the draining of the stream: the service does not grow", { timeout: 240_000 }, async () => {
    await using s3 = await startS3({ buckets: ["captures"] });
    // As many trace events as the machine can make: megabytes a second.
    await using shop = await startShop({ args: ["-chatty", "-load", "20"] });
    await using agent = await startAgent({
      config: `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
triggers:
  - name: slow
    when: { signal: task_duration_seconds, above: 50ms }
    capture: { before: 2s, after: 0s, profiles: [goroutine] }
    limits: { cooldown: 1s, max_per_hour: 1000 }
trigger_limits: { max_captures_per_hour: 1000 }
store:
  kind: s3
  preset: versitygw
  endpoint: ${s3.endpoint}
  region: ${s3.region}
  bucket: captures
  credentials: { kind: static, access_key_id: ${s3.accessKeyId}, secret_access_key: ${s3.secretAccessKey} }
`,
    });
    await agent.event((line) => line.event === "upload.completed", 90_000);

    process.kill(s3.pid, "SIGSTOP");
    try {
      const before = await memoryOf(shop.pid);
      const receivedBefore = await received(agent);
      const accepted = () => agent.events().filter((line) => line.event === "capture.accepted").length;
      const acceptedBefore = accepted();
      await sleep(HANG_MS);
      // On a busy machine a capture of so many events takes as long again: it hangs until there is another one.
      await expect.poll(accepted, { timeout: 45_000 }).toBeGreaterThan(acceptedBefore);
      const streamed = (await received(agent)) - receivedBefore;
      const grown = (await memoryOf(shop.pid)).resident - before.resident;
      // The stream went on, captures went on to the spool, and the service did not buffer what was streamed.
      expect(streamed).toBeGreaterThan(20 * MiB);
      expect(grown).toBeLessThan(streamed / 2);
    } finally {
      process.kill(s3.pid, "SIGCONT");
    }
    const { length } = await agent.captures();
    await agent.event((line) => line.event === "upload.completed" && line["id"] !== undefined);
    expect(length).toBeGreaterThan(1);
  });
});

/** Trace bytes received so far, as the agent's metrics say. */
async function received(agent: RunningAgent): Promise<number> {
  const { text } = await agent.get("/metrics");
  return Number(/^gorewind_stream_received_bytes_total\{[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}
