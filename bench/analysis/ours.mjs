/** One run of the whole analysis in a process of its own, as the command line does it; prints what it cost. */

import { pathToFileURL } from "node:url";

const [compiled, file, what] = process.argv.slice(2);
const load = (module) => import(pathToFileURL(`${compiled}/${module}`).href);
const { TraceReader } = await load("trace/reader.js");
const { Analysis } = await load("analysis/analyse.js");
const { ProfilePass } = await load("analysis/profile.js");
const { chunksOf } = await load("cli/trace/chunks.js");
const { keepYoungSpaceSmall } = await load("cli/young-space.js");
const { GoroutineTracker } = await load("analysis/tracker.js");

keepYoungSpaceSmall();
const begin = performance.now();
const reader = new TraceReader();
let push;
let finish;
if (what === "analyze" || what === "causeless") {
  const analysis = new Analysis({ causes: what === "analyze" });
  push = (batch) => analysis.push(batch);
  finish = () => JSON.stringify(analysis.finish());
} else if (what === "profile") {
  const pass = new ProfilePass({ kind: "sched" });
  const tracker = new GoroutineTracker([pass]);
  push = (batch) => tracker.push(batch);
  finish = () => {
    tracker.finish();
    return pass.result(tracker);
  };
} else {
  push = () => {};
  finish = () => {};
}
for await (const chunk of chunksOf(file)) for (const batch of reader.push(chunk)) push(batch);
for (const batch of reader.end()) push(batch);
finish();
const ms = performance.now() - begin;
const { user, system } = process.cpuUsage();
const result = {
  events: reader.rows,
  ms: Math.round(ms),
  cpu_ms: Math.round((user + system) / 1000),
  peak_bytes: process.resourceUsage().maxRSS * 1024,
};
process.stdout.write(JSON.stringify(result));
