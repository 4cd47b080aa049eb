/**
 * What one event of an execution trace costs the traced process: the constant of src/governor/cost.ts.
 *
 *     npm run build && node bench/agent/event-cost.mjs
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTrace } from "../../dist/trace/reader.js";
import { median } from "./support.mjs";

const folder = mkdtempSync(join(tmpdir(), "gorewind-eventcost-"));
const source = join(import.meta.dirname, "eventcost");
const binary = join(folder, "eventcost");
execFileSync("go", ["build", "-o", binary, "."], {
  cwd: source,
  env: { ...process.env, GOWORK: "off", GOFLAGS: "-buildvcs=false" },
});
for (const [work, n] of [
  ["handoffs", 200_000],
  ["regions", 500_000],
]) {
  const file = join(folder, "trace");
  const rounds = execFileSync(binary, ["-work", work, "-n", String(n), "-o", file], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  let events = 0;
  for (const batch of readTrace(readFileSync(file), { mode: "tolerant" })) events += batch.length;
  const extra = median(rounds.map(({ plain, traced }) => traced - plain));
  const { bytes, go } = rounds.at(-1);
  console.log(
    `${go} ${work}: ${((extra / events) * 1e9).toFixed(0)} ns of CPU an event, ${(bytes / events).toFixed(1)} bytes an event (${events} events, median of ${rounds.length} rounds)`,
  );
}
rmSync(folder, { recursive: true });
