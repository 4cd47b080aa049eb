/** What the benches of the agent share: processes, their accounting, recordings of the shop. */

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const root = join(import.meta.dirname, "..", "..");
export const long = process.argv.includes("--long");
export const folder = mkdtempSync(join(tmpdir(), "gorewind-bench-"));
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Starts a program and resolves with its first line that is JSON of that event. */
export async function start(command, args, event) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], cwd: folder });
  children.add(child);
  child.once("exit", () => children.delete(child));
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}`)));
    lines.on("line", (text) => {
      if (text.startsWith("{") && JSON.parse(text).event === event) resolve(JSON.parse(text));
    });
  });
  return { child, pid: child.pid, line };
}

export async function stop({ child }) {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await gone;
}

export function buildShop() {
  const binary = join(folder, "shop");
  const env = { ...process.env, GOWORK: "off", GOFLAGS: "-buildvcs=false" };
  execFileSync("go", ["build", "-o", binary, "."], { cwd: join(root, "examples", "shop"), env });
  return binary;
}

export async function startShop(binary, args) {
  const shop = await start(
    binary,
    ["-addr", "127.0.0.1:0", "-debug-addr", "127.0.0.1:0", "-crawl", "0", ...args],
    "listening",
  );
  return {
    ...shop,
    address: shop.line.debug_addr,
    url: `http://${shop.line.debug_addr}`,
    go: shop.line.go_version,
  };
}

/** Records the shop's trace for some seconds into a file. */
export async function record(binary, args, seconds, name) {
  const shop = await startShop(binary, args);
  const answer = await fetch(`${shop.url}/debug/pprof/trace?seconds=${seconds}`);
  const file = join(folder, name);
  writeFileSync(file, new Uint8Array(await answer.arrayBuffer()));
  await stop(shop);
  return file;
}

/** @param flags of node, such as `--cpu-prof`. */
export async function startAgent(addresses, more = "", flags = []) {
  const file = join(folder, "gorewind.yaml");
  writeFileSync(
    file,
    `
scrape_configs:
  - job_name: bench
    static_configs: [{ targets: ${JSON.stringify(addresses)} }]
${more}
store: { kind: filesystem, path: ${folder}/captures }
spool: { path: ${folder}/spool }
http: { listen: "127.0.0.1:0" }
log: { level: info }
`,
  );
  const agent = await start(
    process.execPath,
    [...flags, join(root, "bin", "gorewind.mjs"), "run", "--config", file],
    "agent.started",
  );
  return { ...agent, url: agent.line.address };
}

/** The sum of a metric over its series. */
export async function metric(url, name) {
  const text = await (await fetch(`${url}/metrics`)).text();
  let sum = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      sum += Number(line.slice(line.lastIndexOf(" ")));
  }
  return sum;
}

/** Processor time a process has used, user and system, in seconds (proc(5); USER_HZ is 100). */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident memory in MB, now and at its highest. */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)[1]) / 1024;
  return { resident: field("VmRSS"), peak: field("VmHWM") };
}
