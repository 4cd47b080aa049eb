/**
 * The trace reader against Go's own (golang.org/x/exp/trace), side by side on the same files in one run.
 *
 *     node bench/trace/bench.mjs [--seconds 20] [--rounds 4] [--files a.trace,b.trace] [--keep FOLDER]
 *
 * Writes a large trace (bench/trace/handoffs) and one of `go test -trace time` to a temporary folder, builds both
 * readers, and takes turns: a run of Go's ReadEvent loop over the file in memory, then ours, several rounds; the best of
 * each counts, which warms both up. The CPU ratio is of processor time, which a busy machine disturbs less than the clock:
 * of Go its reading thread alone, of ours the whole process. Then each reads the file from disk in a
 * process of its own, once, for whole-process time and peak memory. Prints a Markdown table.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { buildGo, compile, root } from "./compile.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    rounds: { type: "string", default: "4" },
    files: { type: "string" },
    keep: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const MIN_BYTES = 1_000_000;
const columns = [
  "file",
  "MB",
  "events",
  "Go M events/s",
  "ours M events/s",
  "ratio",
  "CPU ratio",
  "intake GB/s",
  "in chunks GB/s",
  "from disk: Go s, MB",
  "ours s, MB",
];

const load = compile();
const { readTrace } = await load("src/trace/reader.ts");
const { Framing } = await load("src/trace/framing.ts");
const eventdump = buildGo("test/go/eventdump", "eventdump");
const folder = values.keep ?? mkdtempSync(join(tmpdir(), "gorewind-bench-"));

try {
  const files = values.files?.split(",") ?? [large(), goTest("time"), ...sharedTraces()];
  console.log(`| ${columns.join(" | ")} |`);
  console.log(`|${"---|".repeat(columns.length)}`);
  for (const file of files) console.log(row(file));
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true });
}

function large() {
  const file = join(folder, "large.trace");
  if (!existsSync(file))
    execFileSync(buildGo("bench/trace/handoffs", "handoffs"), ["-out", file, "-seconds", values.seconds]);
  return file;
}

function goTest(name) {
  const file = join(folder, `go-test-${name}.trace`);
  const args = ["test", "-short", "-count=1", `-trace=${file}`, `-o=${join(folder, `${name}.test`)}`, name];
  if (!existsSync(file)) execFileSync("go", args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  return file;
}

function sharedTraces() {
  const shared = join(process.env.GOREWIND_SHARED ?? join(root, "..", "shared"), "traces");
  if (!existsSync(shared)) return [];
  const names = readdirSync(shared).filter((name) => name.endsWith(".trace"));
  return names.map((name) => join(shared, name)).filter((file) => statSync(file).size > MIN_BYTES);
}

function row(file) {
  const bytes = new Uint8Array(readFileSync(file));
  const go = { wall: Infinity, cpu: Infinity };
  const ours = { wall: Infinity, cpu: Infinity };
  const intake = { wall: Infinity, cpu: Infinity };
  const chunked = { wall: Infinity, cpu: Infinity };
  let events = 0;
  // A short file is read often enough in a round that its best is not an accident.
  const repeat = Math.max(1, Math.min(20, Math.round(3e7 / bytes.length)));
  for (let round = 0; round < rounds; round++) {
    const output = execFileSync(eventdump, ["time", file, String(repeat)], { encoding: "utf8" });
    const runs = output
      .trim()
      .split("\n")
      .map((line) => line.split(" ").map(Number));
    for (const [wall, cpu] of runs) best(go, { wall: wall / 1e6, cpu: cpu / 1e6 });
    for (let i = 0; i < repeat; i++) {
      best(
        ours,
        timed(() => (events = count(readTrace(bytes)))),
      );
      best(
        intake,
        timed(() => frame(bytes)),
      );
      best(
        chunked,
        timed(() => frameInChunks(bytes)),
      );
    }
    if (runs[0][2] !== events) throw new Error(`${file}: Go reads ${runs[0][2]} events, we ${events}`);
  }
  const [ns, , kb] = execFileSync(eventdump, ["stream", file], { encoding: "utf8" })
    .trim()
    .split(" ")
    .map(Number);
  const own = JSON.parse(
    execFileSync(process.execPath, [
      join(root, "bench/trace/read.mjs"),
      load.path("src/trace/reader.ts"),
      file,
    ]),
  );
  const speed = ({ wall }) => (events / wall / 1000).toFixed(2);
  return `| ${[
    basename(file),
    (bytes.length / 1e6).toFixed(1),
    events,
    speed(go),
    speed(ours),
    `**${(go.wall / ours.wall).toFixed(2)}**`,
    `**${(go.cpu / ours.cpu).toFixed(2)}**`,
    (bytes.length / intake.wall / 1e6).toFixed(2),
    (bytes.length / chunked.wall / 1e6).toFixed(2),
    `${(ns / 1e9).toFixed(2)}, ${(kb / 1024).toFixed(0)}`,
    `${(own.ms / 1000).toFixed(2)}, ${(own.rss / 2 ** 20).toFixed(0)}`,
  ].join(" | ")} |`;
}

/** Keeps the least of each. */
function best(least, run) {
  least.wall = Math.min(least.wall, run.wall);
  least.cpu = Math.min(least.cpu, run.cpu);
}

/** Milliseconds a function takes: by the clock, and of processor time. */
function timed(run) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  run();
  const wall = performance.now() - began;
  const used = process.cpuUsage(cpu);
  return { wall, cpu: (used.user + used.system) / 1000 };
}

function count(batches) {
  let rows = 0;
  for (const batch of batches) rows += batch.length;
  return rows;
}

/** Finds batches and generations, and nothing else. */
function frame(bytes) {
  const framing = new Framing({ shareBytes: true });
  let generations = 0;
  for (const _ of framing.pushWhole(bytes)) generations++;
  for (const _ of framing.end()) generations++;
  return generations;
}

/** The same as a live stream's: from chunks of 64 KiB, each generation valid until the next chunk, as the ring asks. */
function frameInChunks(bytes) {
  const framing = new Framing({ shareBytes: true });
  let generations = 0;
  for (let at = 0; at < bytes.length; at += 65_536) {
    for (const _ of framing.push(bytes.subarray(at, at + 65_536))) generations++;
  }
  for (const _ of framing.end()) generations++;
  return generations;
}
