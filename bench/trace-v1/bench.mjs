// v1 traces, ours against Go's reader on the same file: node bench/trace-v1/bench.mjs [--seconds 3] [--runs 4] [--rounds 2]
//
// Go 1.21 writes a trace of many short tasks and hand-offs. Both sides read it in memory, whole, several times in one
// process (the first run warms up), taking turns. Peak memory is that of a process that reads it once.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    file: { type: "string" },
    seconds: { type: "string", default: "3" },
    runs: { type: "string", default: "4" },
    rounds: { type: "string", default: "2" },
  },
});
const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gorewind-bench-v1-"));

try {
  const reader = buildOurs();
  const judge = buildGo("test/go/eventdump-v1", "local");
  const file = values.file ?? writeTrace(buildGo("bench/trace/handoffs", "go1.21.13"));

  const ours = () => lines("node", [join(root, "bench/trace-v1/ours.mjs"), reader, file, values.runs]);
  const theirs = () => lines(judge, ["time", file, values.runs]);
  const measured = { ours: [], theirs: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    measured.ours.push(...ours().slice(1));
    measured.theirs.push(...theirs().slice(1));
  }
  const memory = {
    ours: lines("node", [join(root, "bench/trace-v1/ours.mjs"), reader, file, "1"])[0][2],
    theirs: lines(judge, ["time", file, "1"])[0][2],
  };
  report(file, measured, memory);
} finally {
  rmSync(folder, { recursive: true });
}

function report(file, measured, memory) {
  const megabytes = statSync(file).size / 1e6;
  const events = measured.ours[0][1];
  if (measured.theirs.some(([, n]) => n !== events)) throw new Error("the two sides read different events");
  const rate = (rows, field) => events / (median(rows.map((row) => row[field])) / 1e3);
  console.log(`${megabytes.toFixed(1)} MB, ${events} events, medians of ${measured.ours.length} runs`);
  console.log("                            gorewind        Go     ratio");
  const line = (name, our, their, digits) =>
    console.log(
      `${name.padEnd(24)} ${our.toFixed(digits).padStart(11)} ${their.toFixed(digits).padStart(9)} ${(our / their).toFixed(2).padStart(8)}x`,
    );
  line("million events/s", rate(measured.ours, 0), rate(measured.theirs, 0), 2);
  line("million events/CPU s", rate(measured.ours, 3), rate(measured.theirs, 3), 2);
  line("peak MiB", memory.ours / 1024, memory.theirs / 1024, 0);
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

/** Runs a program that prints a JSON array a line. */
function lines(command, args) {
  const text = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function buildGo(directory, toolchain) {
  const output = join(folder, directory.replaceAll("/", "-"));
  const env = { ...process.env, GOTOOLCHAIN: toolchain, GOWORK: "off", GOFLAGS: "-buildvcs=false -mod=mod" };
  execFileSync("go", ["build", "-o", output, "."], { cwd: join(root, directory), env, stdio: "inherit" });
  return output;
}

function writeTrace(program) {
  const file = join(folder, "handoffs.trace");
  execFileSync(program, ["-out", file, "-seconds", values.seconds], { stdio: "inherit" });
  return file;
}

/** Compiles the reader and what it imports to JavaScript; returns the module's path. */
function buildOurs() {
  const output = join(folder, "js");
  const config = {
    extends: join(root, "tsconfig.pure.json"),
    compilerOptions: {
      noEmit: false,
      noCheck: true,
      allowImportingTsExtensions: false,
      rewriteRelativeImportExtensions: true,
      rootDir: join(root, "src"),
      outDir: output,
    },
    files: [join(root, "src/trace/reader.ts")],
    include: [],
  };
  mkdirSync(output);
  writeFileSync(join(output, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", join(folder, "tsconfig.json")], {
    stdio: "inherit",
  });
  return join(output, "trace/reader.js");
}
