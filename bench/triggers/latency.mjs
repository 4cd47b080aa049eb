/**
 * From a generation's last byte to the decision about it, in the real pipeline: a stream of large generations, recorded
 * of a real service, comes over HTTP into a whole agent with its rules; the clock runs from the recorder being handed the
 * bytes that complete a generation to the decision of the rules on it.
 *
 *     npm run build && node bench/triggers/latency.mjs [--long] [--file a.trace]
 *
 * A rule in dry run has something to decide on each generation; others are as in a team's configuration.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Agent } from "../../dist/agent/agent.js";
import { systemClock } from "../../dist/cli/clock.js";
import { readConfigFile } from "../../dist/cli/config-file.js";
import { SessionRing } from "../../dist/ring/session.js";
import { Telemetry } from "../../dist/telemetry/telemetry.js";
import { buildGo, folder, long, recordSteady, start, stop } from "../agent/support.mjs";

const { values } = parseArgs({ options: { file: { type: "string" }, long: { type: "boolean" } } });
const GENERATIONS = long ? 120 : 40;
/** The first ones compile the code; a stream is open for an hour. */
const WARM_UP = 8;
const MB = 1e6;

const rules = [
  {
    name: "every-generation",
    dry_run: true,
    repeat: true,
    limits: { cooldown: "0s", max_per_hour: 1e6, max_per_day: 1e6 },
    when: { signal: "sched_latency_seconds", above: "1ns" },
  },
  { name: "slow", when: { signal: "task_duration_seconds", above: "5s" } },
  { name: "hang", when: { signal: "task_open_seconds", above: "30s" } },
  { name: "stw", when: { signal: "stw_pause_seconds", above: "500ms" } },
  { name: "leak", when: { signal: "goroutines", labels: { state: "waiting" }, above: 100000 } },
  {
    name: "latency",
    when: { signal: "sched_latency_seconds", aggregate: "p99", above: "2s", min_samples: 100 },
  },
];

for (const megabytes of values.file === undefined ? [1, 5, 10] : [0]) {
  const file =
    values.file ?? (await recordSteady(buildGo("steady"), megabytes * MB, 12, `${megabytes}.trace`));
  await measure(file);
}

async function measure(file) {
  const replay = await start(
    process.execPath,
    [`${import.meta.dirname}/../agent/replay.mjs`, file, "1"],
    "listening",
  );
  const config = join(folder, "latency.json");
  writeFileSync(
    config,
    JSON.stringify({
      scrape_configs: [{ job_name: "bench", static_configs: [{ targets: replay.line.addresses }] }],
      triggers: rules,
      store: { kind: "filesystem", path: join(folder, "captures") },
      spool: { path: join(folder, "spool") },
      http: { listen: "127.0.0.1:0" },
      log: { level: "error" },
    }),
  );

  const handed = new Map();
  const times = [];
  let pushed = 0;
  const { prototype } = SessionRing;
  const push = Object.getOwnPropertyDescriptor(prototype, "push");
  prototype.push = function (...args) {
    pushed = performance.now();
    return push.value.apply(this, args);
  };
  let done;
  const enough = new Promise((resolve) => (done = resolve));
  let last;
  const telemetry = new Telemetry({
    log: { level: "error" },
    version: "bench",
    node: process.version,
    watch: (event) => {
      if (event.kind === "generation.sealed") {
        handed.set(event.generation, { at: pushed, bytes: event.bytes });
      } else if (event.kind === "generation.analysed") {
        last = { generation: event.generation, events: event.events, took: event.took };
      } else if (event.kind === "trigger.suppressed" && event.rule === "every-generation") {
        const { at, bytes } = handed.get(last.generation);
        const { user, system } = process.cpuUsage();
        const cpu = (user + system) / 1000;
        times.push({ ms: performance.now() - at, bytes, events: last.events, took: last.took, cpu });
        if (times.length === GENERATIONS + WARM_UP) done();
      } else if (event.kind === "generation.skipped") console.log("a generation was skipped");
    },
  });
  const readConfig = () => readConfigFile(config, process.env);
  const agent = await Agent.start(await readConfig(), {
    clock: systemClock,
    random: Math.random,
    telemetry,
    identity: { version: "bench", host: "bench" },
    readConfig,
    health: async () => ({}),
  });
  await enough;
  await agent.stop("the bench is over");
  await stop(replay);
  Object.defineProperty(prototype, "push", push);

  const kept = times.slice(WARM_UP);
  // What a busy machine does not change much: processor time, of the intake and the other threads as well.
  const cpuEach = (times.at(-1).cpu - times[WARM_UP - 1].cpu) / kept.length;
  const column = (name) => kept.map((each) => each[name]).sort((a, b) => a - b);
  const at = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  const [ms, size, events, took] = [column("ms"), column("bytes"), column("events"), column("took")];
  const quantiles = [0, 0.5, 0.9, 0.99, 1].map((q) => at(ms, q).toFixed(1));
  console.log(
    `${(at(size, 0.5) / MB).toFixed(1)} MB, ${(at(events, 0.5) / 1e6).toFixed(2)} M events a generation (medians of ${kept.length}): ` +
      `ms to the decision: min ${quantiles[0]}, p50 ${quantiles[1]}, p90 ${quantiles[2]}, p99 ${quantiles[3]}, max ${quantiles[4]}; ` +
      `of it analysis p50 ${at(took, 0.5).toFixed(1)}; CPU of the whole agent ${cpuEach.toFixed(0)} ms a generation`,
  );
}
