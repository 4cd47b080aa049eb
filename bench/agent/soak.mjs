/**
 * An hour at 5 MB/s: does anything grow? A real agent records a stream that does not end, captures fire now and then and
 * are stored; memory, file descriptors, skipped generations and unhandled rejections are watched. Ends with a table by ten
 * minutes and a verdict.
 *
 *     npm run build && node bench/agent/soak.mjs [--minutes 60] [--rate 5] [--file a.trace]
 */

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  buildGo,
  cpuSeconds,
  descriptors,
  median,
  memory,
  metrics,
  recordSteady,
  start,
  startAgent,
  stop,
} from "./support.mjs";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "5" },
    file: { type: "string" },
  },
});
const MINUTES = Number(values.minutes);
const SAMPLE_MS = 10_000;
const PARTS = MINUTES < 6 ? 2 : 6;
/** What the last part's median may be above the second's: the first fills the ring and compiles the code. */
const GROWTH = 1.1;
const EXTRA_DESCRIPTORS = 5;

const file =
  values.file ?? (await recordSteady(buildGo("steady"), Number(values.rate) * 1e6, 20, "soak.trace"));
const replay = await start(process.execPath, [`${import.meta.dirname}/replay.mjs`, file, "1"], "listening");
// One request in sixteen waits 5 ms: it fires at every end of the cooldown.
const config = `    ring: { max_bytes: 16MiB, min_age: 60s }
triggers:
  - name: slow
    when: { signal: task_duration_seconds, above: 5ms }
    limits: { cooldown: 2m, max_per_hour: 1000, max_per_day: 1000 }
    capture: { before: 3s, after: 1s, profiles: [goroutine] }
`;
const agent = await startAgent(replay.line.addresses, config, ["--unhandled-rejections=warn"], "soak.err");

const samples = [];
const began = performance.now();
const cpu = cpuSeconds(agent.pid);
let scraped;
while (performance.now() - began < MINUTES * 60_000) {
  await sleep(SAMPLE_MS);
  scraped = await metrics(agent.url);
  samples.push({
    minute: (performance.now() - began) / 60_000,
    rss: memory(agent.pid).resident,
    fds: descriptors(agent.pid),
    received: scraped.sum("gorewind_stream_received_bytes_total"),
    skipped: scraped.sum("gorewind_skipped_generations_total"),
    unreadable: scraped.sum("gorewind_unreadable_generations_total"),
    captures: scraped.sum("gorewind_captures_total", 'outcome="completed"'),
  });
  const last = samples.at(-1);
  if (samples.length % 6 === 0) {
    console.log(
      `minute ${last.minute.toFixed(0)}: ${last.rss.toFixed(0)} MB, ${last.fds} descriptors, ${last.skipped} skipped, ${last.captures} captures`,
    );
  }
}
const used = ((cpuSeconds(agent.pid) - cpu) / ((performance.now() - began) / 1000)) * 100;

console.log(
  "\nminutes | RSS MB min / median / max | descriptors min / median / max | MB/s | skipped | captures",
);
const parts = Array.from({ length: PARTS }, (_, i) => {
  const [from, to] = [(i * MINUTES) / PARTS, ((i + 1) * MINUTES) / PARTS];
  const within = samples.filter(({ minute }) => minute > from && minute <= to);
  const of = (name) => {
    const column = within.map((sample) => sample[name]);
    return { min: Math.min(...column), median: median(column), max: Math.max(...column) };
  };
  const [rss, fds] = [of("rss"), of("fds")];
  const more = (name) => within.at(-1)[name] - within[0][name];
  const speed = more("received") / 1e6 / ((within.at(-1).minute - within[0].minute) * 60);
  const three = ({ min, median: mid, max }) => [min, mid, max].map((n) => n.toFixed(0)).join(" / ");
  console.log(
    `${from.toFixed(0)}-${to.toFixed(0)} | ${three(rss)} | ${three(fds)} | ${speed.toFixed(2)} | ${more("skipped")} | ${more("captures")}`,
  );
  return { rss, fds };
});
await stop(agent);
await stop(replay);

const errors = readFileSync(agent.errors, "utf8");
const rejections = errors.match(/unhandled/gi)?.length ?? 0;
const { skipped, unreadable, captures } = samples.at(-1);
const checks = [
  ["RSS is flat", parts.at(-1).rss.median <= parts[1].rss.median * GROWTH],
  ["descriptors are flat", parts.at(-1).fds.median <= parts[1].fds.median + EXTRA_DESCRIPTORS],
  ["no unhandled rejection", rejections === 0],
  ["no generation skipped", skipped === 0],
  ["no generation unreadable", unreadable === 0],
  ["captures were taken", captures > 0],
];
console.log(`\nagent CPU ${used.toFixed(1)} % of a core; ${captures} captures`);
for (const [what, ok] of checks) console.log(`${ok ? "yes" : "NO "}  ${what}`);
console.log(checks.every(([, ok]) => ok) ? "flat" : "NOT flat");
if (errors.trim() !== "") console.log(`\nthe agent's stderr:\n${errors.slice(0, 4000)}`);
process.exitCode = checks.every(([, ok]) => ok) ? 0 : 1;
