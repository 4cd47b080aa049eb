/**
 * What recording costs the agent: its CPU for each MB/s of trace with all trace signals on, its memory, and what analysis
 * could not keep up with; then 200 targets at once.
 *
 *     npm run build && node bench/agent/intake.mjs [--long]
 */

import { setTimeout as sleep } from "node:timers/promises";
import { buildShop, cpuSeconds, long, memory, metric, record, start, startAgent, stop } from "./support.mjs";

const SECONDS = long ? 60 : 12;
const WARM_UP_MS = 4000;
const shop = buildShop();
const busy = await record(shop, ["-load", "1500"], 8, "busy.trace");
const chatty = await record(shop, ["-chatty"], 4, "chatty.trace");
const quiet = await record(shop, ["-load", "25"], long ? 60 : 15, "quiet.trace");

console.log(
  "workload              | targets | MB/s | agent CPU, % of a core | … a MB/s | RSS MB | skipped generations",
);
const RING = "    ring: { max_bytes: 16MiB, min_age: 60s }\n";
await measure("busy shop", busy, 0, 1, "    trace: { mode: 'off' }\n");
for (const rate of [1, 5, 10]) await measure("busy shop", busy, rate * 1e6, 1, RING);
await measure("chatty shop", chatty, 5e6, 1, RING);
for (const targets of long ? [1, 50, 200] : [1, 200]) await measure("quiet shop", quiet, 50e3, targets, "");

async function measure(name, file, rate, targets, config) {
  const replay = await start(
    process.execPath,
    [`${import.meta.dirname}/replay.mjs`, file, String(rate), String(targets)],
    "listening",
  );
  const agent = await startAgent(replay.line.addresses, config);
  await sleep(WARM_UP_MS + (targets > 1 ? 6000 : 0));
  const received = () => metric(agent.url, "gorewind_stream_received_bytes_total");
  const [before, cpu, began] = [await received(), cpuSeconds(agent.pid), performance.now()];
  await sleep(SECONDS * 1000);
  const elapsed = (performance.now() - began) / 1000;
  const used = (cpuSeconds(agent.pid) - cpu) / elapsed;
  const speed = ((await received()) - before) / elapsed / 1e6;
  const skipped = await metric(agent.url, "gorewind_skipped_generations_total");
  const unreadable = await metric(agent.url, "gorewind_unreadable_generations_total");
  const perMB = speed > 0 ? `${((used * 100) / speed).toFixed(2)} %` : "";
  const row = [
    name.padEnd(21),
    String(targets).padStart(7),
    speed.toFixed(2),
    `${(used * 100).toFixed(1)} %`,
    perMB,
    memory(agent.pid).resident.toFixed(0),
    `${skipped}${unreadable > 0 ? ` (${unreadable} unreadable)` : ""}`,
  ];
  console.log(row.join(" | "));
  await stop(agent);
  await stop(replay);
}
