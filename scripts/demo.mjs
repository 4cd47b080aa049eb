// What `npm run demo` runs: a real Go service under load, the agent beside it, and what happens as it happens.
// Without Go on the machine a recorded trace is replayed by a local server that speaks pprof's endpoints.
// Needs only Node; `--for 30s` ends it by itself, else Ctrl-C does.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { build, ensureInstalled, root } from "./ensure-installed.mjs";

const OUTPUT = join(root, "demo-captures");
const seconds = secondsToRun(process.argv.slice(2));

ensureInstalled();
build();
mkdirSync(OUTPUT, { recursive: true });

const children = [];
const captures = [];
let generations = 0;
let ending = false;

const goVersion = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
const service = goVersion.status === 0 ? await startShop(goVersion.stdout.trim()) : await startReplay();
say(`service   ${service.what}: pprof on http://${service.address}/debug/pprof/`);
const agent = startAgent(service.address);

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void end());
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));
if (seconds !== undefined) setTimeout(() => void end(), seconds * 1000);
say(seconds === undefined ? "Ctrl-C ends the demo." : `the demo ends by itself after ${seconds} s.`);

function secondsToRun(args) {
  const at = args.indexOf("--for");
  if (at < 0 && args.length === 0) return undefined;
  const match = /^(\d+)(s|m)$/.exec(args[at + 1] ?? "");
  if (at !== 0 || args.length !== 2 || match === null) {
    console.error("usage: npm run demo [-- --for 30s]");
    process.exit(2);
  }
  return Number(match[1]) * (match[2] === "m" ? 60 : 1);
}

/** Builds and starts examples/shop, with its own load. */
async function startShop(version) {
  const binary = join(root, "node_modules", ".cache", "gorewind", "demo-shop");
  const built = spawnSync("go", ["build", "-o", binary, "."], {
    cwd: join(root, "examples", "shop"),
    stdio: ["ignore", 2, 2],
  });
  if (built.status !== 0) fail("building examples/shop failed");
  const child = start(binary, ["-addr", "127.0.0.1:0", "-debug-addr", "127.0.0.1:0", "-load", "50"]);
  const { debug_addr: address } = JSON.parse(await firstLine(child, '"event":"listening"'));
  return {
    address,
    what: `examples/shop, built with ${version}, 50 checkouts a second, every fifth takes 80 ms`,
  };
}

async function startReplay() {
  say("Go is not on this machine: a recorded trace of examples/shop is replayed instead.");
  const child = start(process.execPath, [join(root, "scripts", "replay-pprof.mjs")]);
  const { debug_addr: address } = JSON.parse(await firstLine(child, '"event":"listening"'));
  return { address, what: "a recording of examples/shop, replayed at its own pace" };
}

function startAgent(target) {
  const child = start(
    process.execPath,
    [join(root, "bin", "gorewind.mjs"), "run", "-c", join(root, "config", "demo.yaml")],
    {
      GOREWIND_DEMO_TARGET: target,
      GOREWIND_DEMO_FOLDER: OUTPUT,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    },
  );
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) tell(JSON.parse(line));
  });
  child.on("exit", (code) => {
    if (!ending) fail(`the agent ended with code ${code}`);
  });
  return child;
}

/** One event of the agent's log, as a line for people. */
function tell(event) {
  switch (event.event) {
    case "agent.started":
      return say(`agent     ${event.address}  (/metrics, /api/v1/targets, /api/v1/captures)`);
    case "stream.recognised":
      return say(`stream    up: trace format Go ${event.format}`);
    case "generation.sealed":
      generations++;
      if (generations > 3) return undefined;
      return say(
        `recorded  generation ${event.generation}: ${kib(event.bytes)}; the ring holds ${kib(event.ringBytes)}, ${(event.ringSpan / 1000).toFixed(1)} s`,
      );
    case "trigger.fired":
      return say(`trigger   ${event.rule}: ${event.msg}`);
    case "capture.completed":
      return say(
        `captured  ${event.generations} generations and profiles, ${kib(event.bytes)}, in ${(event.took / 1000).toFixed(1)} s`,
      );
    case "upload.completed":
      return tellStored(event);
    case "stream.refused":
      return say(`waiting   ${event.msg}`);
    default:
      return event.level === "error" ? say(`error     ${event.msg}`) : undefined;
  }
}

function tellStored(event) {
  const folder = relative(process.cwd(), join(event.location, event.prefix)).replace(/\/$/, "");
  captures.push(folder);
  say(`stored    ${folder}`);
  say(`          go tool trace ${folder}/trace.out`);
}

async function end() {
  if (ending) return;
  ending = true;
  await stop(agent);
  await Promise.all(children.map(stop));
  say("");
  say(
    `${generations} generations recorded, ${captures.length} captures stored${captures.length > 0 ? ":" : "."}`,
  );
  for (const folder of captures) say(`  ${folder}`);
  process.exit(captures.length > 0 ? 0 : 1);
}

function start(command, args, env = {}) {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  child.on("error", (error) => fail(`${command}: ${error.message}`));
  children.push(child);
  return child;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const impatient = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await gone;
  clearTimeout(impatient);
}

function firstLine(child, containing) {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes(containing)) resolve(line);
    });
    child.once("exit", (code) => reject(new Error(`the service ended with code ${code}`)));
  });
}

function kib(bytes) {
  return bytes < 10_000_000 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function say(line) {
  console.log(line);
}

function fail(message) {
  console.error(message);
  for (const child of children) child.kill("SIGKILL");
  process.exit(1);
}
