/**
 * What recording costs the agent: its CPU for each MB/s of trace with all trace signals on, its memory, and what analysis
 * could not keep up with; then 200 targets at once. The streams are recordings of real services, sent again and again as
 * fast as they were recorded.
 *
 *     npm run build && node bench/agent/intake.mjs [--long] [--only NAME] [--flags=--cpu-prof]
 */

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  buildGo,
  cpuSeconds,
  long,
  memory,
  metrics,
  record,
  recordSteady,
  start,
  startAgent,
  stop,
} from "./support.mjs";

const { values } = parseArgs({
  options: {
    long: { type: "boolean" },
    only: { type: "string" },
    /** Of the agent's node. */
    flags: { type: "string" },
  },
});
const SECONDS = long ? 60 : 15;
const WARM_UP_MS = 10_000;
const RECORD_SECONDS = long ? 30 : 12;
const RING = "    ring: { max_bytes: 16MiB, min_age: 60s }\n";

const rows = [
  { name: "no trace", targets: 1, config: "    trace: { mode: 'off' }\n" },
  { name: "shop, 400 checkouts a second", targets: 1, config: RING, args: ["-load", "400"] },
  ...[1, 5, 10].map((rate) => ({ name: `steady ${rate} MB/s`, targets: 1, config: RING, rate: rate * 1e6 })),
  { name: "chatty shop", targets: 1, config: RING, args: ["-chatty"] },
  ...(long ? [2, 50, 200] : [2, 200]).map((targets) => ({
    name: "steady 50 kB/s each",
    targets,
    config: "",
    rate: 50e3,
  })),
].filter(({ name }) => values.only === undefined || name.startsWith(values.only));

const shop = buildGo("shop");
const steady = buildGo("steady");
console.log(
  "workload                     | targets | MB/s  | M events/s | agent CPU, % of a core | … a MB/s | ns an event | RSS MB | its peak | skipped",
);
for (const row of rows) await measure(row);

async function measure({ name, targets, config, args, rate }) {
  const file =
    rate === undefined
      ? await record(shop, args ?? ["-load", "5"], RECORD_SECONDS, "shop.trace")
      : await recordSteady(steady, rate, RECORD_SECONDS, "steady.trace");
  const replay = await start(
    process.execPath,
    [`${import.meta.dirname}/replay.mjs`, file, String(targets)],
    "listening",
  );
  const agent = await startAgent(replay.line.addresses, config, values.flags?.split(",") ?? []);
  await sleep(WARM_UP_MS + (targets > 2 ? 5000 : 0));
  // A scrape is not part of what is measured.
  const before = await metrics(agent.url);
  const [cpu, began] = [cpuSeconds(agent.pid), performance.now()];
  await sleep(SECONDS * 1000);
  const used = (cpuSeconds(agent.pid) - cpu) / ((performance.now() - began) / 1000);
  const after = await metrics(agent.url);
  const elapsed = (after.at - before.at) / 1000;
  const perSecond = (metric) => (after.sum(metric) - before.sum(metric)) / elapsed;
  const speed = perSecond("gorewind_stream_received_bytes_total") / 1e6;
  const events = perSecond("gorewind_analysed_events_total");
  const skipped = after.sum("gorewind_skipped_generations_total");
  const unreadable = after.sum("gorewind_unreadable_generations_total");
  const { resident, peak } = memory(agent.pid);
  const row = [
    name.padEnd(28),
    String(targets).padStart(7),
    speed.toFixed(2).padStart(5),
    (events / 1e6).toFixed(3),
    `${(used * 100).toFixed(1)} %`,
    speed > 0 ? `${((used * 100) / speed).toFixed(2)} %` : "",
    events > 0 ? ((used * 1e9) / events).toFixed(0) : "",
    resident.toFixed(0),
    peak.toFixed(0),
    `${skipped}${unreadable > 0 ? ` (${unreadable} unreadable)` : ""}`,
  ];
  console.log(row.join(" | "));
  await stop(agent);
  await stop(replay);
}
