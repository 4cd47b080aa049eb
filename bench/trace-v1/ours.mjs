// node ours.mjs MODULE FILE RUNS: [nanoseconds, events, peak resident KiB so far, CPU nanoseconds] of each run, the file
// in memory.
import { readFileSync } from "node:fs";

const [module, file, runs] = process.argv.slice(2);
const { readTrace } = await import(module);
const bytes = new Uint8Array(readFileSync(file));
for (let run = 0; run < Number(runs); run++) {
  const before = process.cpuUsage();
  const start = performance.now();
  let events = 0;
  for (const rows of readTrace(bytes)) events += rows.length;
  const took = (performance.now() - start) * 1e6;
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify([took, events, process.resourceUsage().maxRSS, (user + system) * 1e3]));
}
