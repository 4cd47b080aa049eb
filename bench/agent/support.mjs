/** What the benches of the agent share: processes, their accounting, recordings of the shop. */

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/**
 * Starts a program and resolves with its first line that is JSON of that event.
 * @param env of the program, besides the bench's own.
 * @param errors file in the bench's folder for what it writes to stderr; else it is shown.
 */
export async function start(command, args, event, errors, env = {}) {
  const stderr = errors === undefined ? "inherit" : openSync(join(folder, errors), "w");
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", stderr],
    cwd: folder,
    env: { ...process.env, ...env },
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}`)));
    lines.on("line", (text) => {
      if (text.startsWith("{") && JSON.parse(text).event === event) resolve(JSON.parse(text));
    });
  });
  return { child, pid: child.pid, line, errors: errors && join(folder, errors) };
}

export async function stop({ child }) {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await gone;
}

/**
 * Builds a Go program: the example shop, or one of this folder's. Returns the binary's path.
 *
 * @param toolchain the Go that builds it, such as `go1.22.12`; the machine's own when absent.
 */
export function buildGo(name, toolchain = "local") {
  const binary = join(folder, `${name}-${toolchain}`);
  const cwd = name === "shop" ? join(root, "examples", "shop") : join(import.meta.dirname, name);
  const env = { ...process.env, GOWORK: "off", GOFLAGS: "-buildvcs=false", GOTOOLCHAIN: toolchain };
  execFileSync("go", ["build", "-o", binary, "."], { cwd, env });
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

/**
 * Records a steady service (./steady) that makes so many bytes of trace a second. How many requests a second that takes is
 * found out by trying.
 */
export async function recordSteady(binary, bytesPerSecond, seconds, name) {
  let requests = bytesPerSecond / 300;
  let trace;
  for (const [i, duration] of [2, 2, seconds].entries()) {
    const service = await start(binary, ["-requests", String(Math.round(requests))], "listening");
    const answer = await fetch(`http://${service.line.debug_addr}/debug/pprof/trace?seconds=${duration}`);
    trace = new Uint8Array(await answer.arrayBuffer());
    await stop(service);
    if (i < 2) requests *= (bytesPerSecond * duration) / trace.length;
  }
  const file = join(folder, name);
  writeFileSync(file, trace);
  return file;
}

/** @param flags of node, such as `--cpu-prof`. @param errors as of `start`. */
export async function startAgent(addresses, more = "", flags = [], errors) {
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
    errors,
    // As the container image has it.
    { MALLOC_ARENA_MAX: "1" },
  );
  return { ...agent, url: agent.line.address };
}

/** The agent's metrics now; `sum` adds up the series of one, or those with `having` in their labels. */
export async function metrics(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const at = performance.now();
  const sum = (name, having = "") => {
    let total = 0;
    for (const line of text.split("\n")) {
      if ((line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(having))
        total += Number(line.slice(line.lastIndexOf(" ")));
    }
    return total;
  };
  return { at, sum };
}

/** Processor time a process has used, user and system, in seconds (proc(5); USER_HZ is 100). */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Open file descriptors. */
export function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory in MB, now and at its highest. */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)[1]) / 1024;
  return { resident: field("VmRSS"), peak: field("VmHWM") };
}
