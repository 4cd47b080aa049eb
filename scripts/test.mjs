// What `npm test` runs: installs, builds, prepares what is real in the tests (Go, S3 servers, Prometheus), runs
// vitest, and ends with the line `N passed, N failed`. Needs only Node and, for most of it, Go on the PATH.
// Arguments go to vitest: `npm test -- test/ring` runs a part, without preparing everything.
// GOREWIND_NODE_MATRIX=1 runs the quick part again on other Node versions, from their npm packages.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, ensureInstalled, root } from "./ensure-installed.mjs";
import { count, failedFiles, summarise, withSecondTry } from "./test-summary.mjs";

/** The machine's own Node runs everything; these the quick part. */
const MATRIX = ["22.23.3", "24.21.0"];

const filters = process.argv.slice(2);
const isCI = !["", "0", "false"].includes(process.env.CI ?? "");
const folder = mkdtempSync(join(tmpdir(), "gorewind-test-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

process.chdir(root);
ensureInstalled();
build();

const runs =
  filters.length > 0
    ? [runVitest("suite", process.execPath, {})]
    : [
        runVitest("quick", process.execPath, { GOREWIND_PART: "quick", GOREWIND_PREPARE: "1" }),
        runVitest("slow", process.execPath, { GOREWIND_PART: "slow" }, { secondTry: true }),
      ];
if (process.env.GOREWIND_NODE_MATRIX === "1") {
  for (const version of MATRIX) runs.push(runOnNode(version));
}
const { lines, exitCode } = summarise(runs, isCI);
console.log(lines.join("\n"));
process.exitCode = exitCode;

/** One vitest run: what it counted, what it left out and why. `secondTry`: files that fail are run once more. */
function runVitest(name, node, extraEnv, { secondTry = false } = {}) {
  const notes = join(folder, `${name}.notes`);
  const env = {
    ...process.env,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    ...extraEnv,
    GOREWIND_SKIP_NOTES: notes,
  };
  let { result, status } = vitest(name, node, env, filters);
  let tries = [];
  if (secondTry && status !== 0 && result !== undefined && failedFiles(result).length > 0) {
    console.log("\nonce more, one file at a time, what failed");
    const again = vitest(`${name}-again`, node, env, failedFiles(result));
    if (again.result !== undefined) {
      ({ result, notes: tries } = withSecondTry(result, again.result));
      ({ status } = again);
    }
  }
  const notRun = existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : [];
  if (result === undefined)
    return { passed: 0, failed: 1, skipped: [], failures: [], notRun: ["vitest ended without a result"] };
  return { ...count(result, status), notRun: [...notRun, ...tries] };
}

/** Runs vitest over what the filters name, or everything; gives its exit code and what its JSON reporter wrote. */
function vitest(name, node, env, which) {
  const results = join(folder, `${name}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  const { status } = spawnSync(node, ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...which], {
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return { status, result: existsSync(results) ? JSON.parse(readFileSync(results, "utf8")) : undefined };
}

/** The part of the suite that needs no other programs, on another Node. */
function runOnNode(version) {
  console.log(`\nNode ${version}`);
  const nodePackage = `node-${process.platform}-${process.arch}@${version}`;
  const found = spawnSync("npx", ["-y", "-p", nodePackage, "-c", "node -p process.execPath"], {
    encoding: "utf8",
  });
  const node = (found.stdout ?? "").trim();
  const actual = spawnSync(node, ["-p", "process.versions.node"], { encoding: "utf8" });
  if ((actual.stdout ?? "").trim() !== version) {
    const reason = `not run: the suite on Node ${version}: ${nodePackage} could not be had`;
    return { passed: 0, failed: isCI ? 1 : 0, skipped: [], failures: [], notRun: [reason] };
  }
  return runVitest(`node-${version}`, node, { GOREWIND_PART: "portable" });
}
