/**
 * Reads a trace from disk in a process of its own, for whole-process time and memory. Run by bench.mjs.
 *
 *     node bench/trace/read.mjs MODULE FILE      prints {"events", "ms", "rss"}
 */

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [module, file] = process.argv.slice(2);
const { TraceReader } = await import(pathToFileURL(module).href);
const began = performance.now();
const reader = new TraceReader();
const chunk = new Uint8Array(1 << 18);
const fd = openSync(file, "r");
let events = 0;
for (let length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) {
  for (const batch of reader.push(chunk.subarray(0, length))) events += batch.length;
}
for (const batch of reader.end()) events += batch.length;
closeSync(fd);
// Peak resident memory of this program; ru_maxrss would count the parent's before exec.
const rss = Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
console.log(JSON.stringify({ events, ms: performance.now() - began, rss }));
