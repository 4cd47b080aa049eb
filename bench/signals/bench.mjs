/**
 * What the trace signals cost on top of reading the trace: the reader alone and the reader with the signals, in turns on
 * the same bytes in one process. The best CPU time of each over the rounds counts, which warms both up and disturbs least.
 *
 *     node bench/signals/bench.mjs [--rounds 6] [--seconds 4] [--files a.trace,b.trace]
 *
 * Without files it records the example shop, at 400 checkouts a second and as chatty as it can be. Prints a Markdown
 * table. "% of a core per MB/s" is what the agent's budget of 1.5 % is about.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { buildGo, compile } from "../trace/compile.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    seconds: { type: "string", default: "4" },
    files: { type: "string" },
  },
});

const load = compile(["src/trace/reader.ts", "src/signals/trace-signals.ts"], "bench-signals");
const { TraceReader } = await load("src/trace/reader.ts");
const { TraceSignals } = await load("src/signals/trace-signals.ts");

/** One pass over a trace; CPU ns of the whole process, and ms of the slowest `finish`. */
function pass(bytes, withSignals) {
  const reader = new TraceReader();
  const signals = withSignals ? new TraceSignals() : undefined;
  let generation;
  let finishMs = 0;
  let events = 0;
  const finish = () => {
    const from = performance.now();
    signals.finish((ns) => ns / 1e6);
    finishMs = Math.max(finishMs, performance.now() - from);
  };
  const before = process.cpuUsage();
  for (const batch of reader.push(bytes)) {
    events += batch.length;
    if (signals === undefined) continue;
    if (generation !== undefined && batch.generation !== generation) finish();
    generation = batch.generation;
    signals.add(batch);
  }
  if (generation !== undefined) finish();
  const { user, system } = process.cpuUsage(before);
  return { cpuNs: (user + system) * 1000, finishMs, events };
}

async function record(args) {
  const quiet = ["-addr", "127.0.0.1:0", "-debug-addr", "127.0.0.1:0", "-crawl", "0"];
  const shop = spawn(buildGo("examples/shop", "shop"), quiet.concat(args));
  try {
    const [line] = await once(createInterface({ input: shop.stdout }), "line");
    const response = await fetch(
      `http://${JSON.parse(line).debug_addr}/debug/pprof/trace?seconds=${values.seconds}`,
    );
    return new Uint8Array(await response.arrayBuffer());
  } finally {
    shop.kill();
  }
}

const traces =
  values.files === undefined
    ? [
        ["shop, 400 checkouts/s", await record(["-load", "400"])],
        ["shop, chatty", await record(["-load", "200", "-chatty"])],
      ]
    : values.files.split(",").map((file) => [basename(file), new Uint8Array(readFileSync(file))]);

const columns = [
  "trace",
  "MB",
  "M events",
  "reader, ns/event",
  "with signals",
  "signals alone",
  "slowest finish, ms",
  "% of a core per MB/s, both",
];
console.log(`| ${columns.join(" | ")} |`);
console.log(`|${"---|".repeat(columns.length)}`);
for (const [name, bytes] of traces) {
  let alone = Infinity;
  let both = Infinity;
  let finishMs = Infinity;
  let events = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    alone = Math.min(alone, pass(bytes, false).cpuNs);
    const run = pass(bytes, true);
    both = Math.min(both, run.cpuNs);
    if (round > 0) finishMs = Math.min(finishMs, run.finishMs);
    events = run.events;
  }
  const perEvent = (ns) => (ns / events).toFixed(1);
  const row = [
    name,
    (bytes.length / 1e6).toFixed(1),
    (events / 1e6).toFixed(2),
    perEvent(alone),
    perEvent(both),
    perEvent(both - alone),
    finishMs.toFixed(1),
    ((both / 1e9 / (bytes.length / 1e6)) * 100).toFixed(2),
  ];
  console.log(`| ${row.join(" | ")} |`);
}
