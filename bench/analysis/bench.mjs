/**
 * The analysis beside Go's, on one file and in one run:
 *
 *     node bench/analysis/bench.mjs                  the trace of `go test -trace time`, made at the first run
 *     node bench/analysis/bench.mjs --file FILE      another, for instance the large one of bench/trace
 *     node bench/analysis/bench.mjs --no-tool        without `go tool trace`, which needs 100 bytes a byte of trace
 *
 * Each figure is of a process of its own: wall time from opening the file to the result, processor time and peak
 * memory of the process. Go's Reader+Summarizer computes the sums by goroutine, task and region and nothing else.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const cache = join(root, "node_modules/.cache/gorewind/bench-analysis");
const { values } = parseArgs({
  options: {
    file: { type: "string" },
    tool: { type: "boolean", default: true },
  },
  allowNegative: true,
});

mkdirSync(cache, { recursive: true });
const compiled = compile();
const oracle = buildOracle();
const file = values.file ?? testTrace();
const megabytes = statSync(file).size / 1e6;
const go = execFileSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).trim();
print(`${file}: ${megabytes.toFixed(0)} MB; ${go}, Node ${process.version}, ${availableParallelism()} cores`);

const rows = [
  ["gorewind: read only", ours("read")],
  ["gorewind: full analysis, JSON", ours("analyze")],
  ["gorewind: without causes and findings", ours("causeless")],
  ["gorewind: sched profile", ours("profile")],
  ["Go Reader+Summarizer", JSON.parse(execFileSync(oracle, ["summary", file], { encoding: "utf8" }))],
];
if (values.tool) rows.push(["go tool trace -pprof=sched", tool()]);
const reference = rows[4][1];
print("| | wall s | CPU s | peak MB | events/s | Go's wall ÷ | Go's memory ÷ |");
print("|---|---|---|---|---|---|---|");
for (const [name, { ms, cpu_ms: cpu, peak_bytes: peak }] of rows) {
  const cells = [
    (ms / 1000).toFixed(2),
    (cpu / 1000).toFixed(2),
    (peak / 1e6).toFixed(0),
    `${(reference.events / ms / 1000).toFixed(1)} M`,
    (reference.ms / ms).toFixed(1),
    (reference.peak_bytes / peak).toFixed(1),
  ];
  print(`| ${name} | ${cells.join(" | ")} |`);
}
print(
  `${reference.events} events, ${reference.goroutines} goroutines, ${reference.tasks} tasks; load ${loadavg()[0].toFixed(1)}`,
);

function print(line) {
  process.stdout.write(`${line}\n`);
}

function ours(what) {
  const args = [join(root, "bench/analysis/ours.mjs"), compiled, file, what];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
}

/** What `go tool trace` needs before it can answer anything: its whole view of the trace, then one profile. */
function tool() {
  const path = execFileSync("go", ["tool", "-n", "trace"], { encoding: "utf8" }).trim();
  const time = ["/usr/bin/time", "-f", "%e %U %S %M", path, "-pprof=sched", file];
  if (!existsSync(time[0]))
    throw new Error("the figures of go tool trace need /usr/bin/time (Debian package time)");
  const { status, stderr } = spawnSync(time[0], time.slice(1), {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`go tool trace: ${stderr}`);
  const [wall, user, system, kilobytes] = stderr.trim().split("\n").at(-1).split(" ").map(Number);
  return { ms: wall * 1000, cpu_ms: (user + system) * 1000, peak_bytes: kilobytes * 1024 };
}

/** The sources as users get them. */
function compile() {
  const out = join(cache, "src");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const config = join(cache, "tsconfig.json");
  const options = { rootDir: join(root, "src"), outDir: out, declaration: false, sourceMap: false };
  const include = [
    "trace/reader.ts",
    "analysis/analyse.ts",
    "analysis/profile.ts",
    "cli/trace/chunks.ts",
    "cli/young-space.ts",
  ];
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, "tsconfig.build.json"),
      compilerOptions: options,
      files: include.map((name) => join(root, "src", name)),
      include: [],
    }),
  );
  // The cache lies under node_modules, whose nearest package.json decides how .js is read.
  writeFileSync(join(out, "package.json"), '{ "type": "module" }');
  execFileSync("npx", ["tsc", "-p", config], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return out;
}

/** Go's own analysis as a program; test/analysis/go-oracle says how. */
function buildOracle() {
  const binary = join(cache, "oracle");
  const sources = join(execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim(), "src");
  const place = join(sources, "internal/trace/gorewind_oracle/main.go");
  const overlay = join(cache, "overlay.json");
  writeFileSync(
    overlay,
    JSON.stringify({ Replace: { [place]: join(root, "test/analysis/go-oracle/main.go") } }),
  );
  const args = ["build", "-overlay", overlay, "-o", binary, "./internal/trace/gorewind_oracle"];
  execFileSync("go", args, { cwd: sources, stdio: "inherit" });
  return binary;
}

/** `go test -trace` of package time: 20 s, most of them asleep. */
function testTrace() {
  const path = join(cache, "time.trace");
  if (!existsSync(path)) {
    const args = ["test", "-short", `-trace=${path}`, `-o=${join(cache, "time.test")}`, "time"];
    execFileSync("go", args, { cwd: cache, stdio: ["ignore", "ignore", "inherit"] });
  }
  return path;
}
