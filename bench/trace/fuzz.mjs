/**
 * Mutates traces for as long as asked: any bytes must give events with rising times, or a TraceFormatError, in bounded
 * time and memory. A failure prints its seed and number and leaves its bytes behind.
 *
 *     node bench/trace/fuzz.mjs --count 1000000 --seed 1
 */

import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile } from "./compile.mjs";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    file: { type: "string" },
  },
});
const count = Number(values.count);
const seed = Number(values.seed);

/** No mutant of a few hundred bytes to a few KB may take longer. Generous: other programs share the machine. */
const MAX_MS = 5000;
const MAX_RSS_MB = 1024;

const load = compile();
const { readTrace } = await load("src/trace/reader.ts");
const { TraceFormatError } = await load("src/trace/error.ts");
const { Mutator } = await load("test/trace/mutate.ts");
const { sampleTrace } = await load("test/support/trace-builder.ts");

const bases =
  values.file === undefined
    ? [22, 23, 25, 26].map((version) => sampleTrace(version, 3))
    : [new Uint8Array(readFileSync(values.file))];
const mutators = bases.map((base, i) => new Mutator(base, seed * 8 + i));
const outcomes = new Map();
let rows = 0;
let slowest = 0;
const began = performance.now();

/** Reads one mutant; returns how it ended. Throws on what must not be. */
function judge(bytes, mode) {
  let last = -Infinity;
  try {
    for (const batch of readTrace(bytes, { mode })) {
      for (let i = 0; i < batch.length; i++) {
        if (!(batch.time[i] > last))
          throw new Error(`time of row ${rows} does not rise: ${batch.time[i]} after ${last}`);
        last = batch.time[i];
        if (batch.stack[i] > batch.generation.stacks.count)
          throw new Error("a row's stack is not in its generation");
      }
      rows += batch.length;
    }
  } catch (error) {
    if (error instanceof TraceFormatError) return error.kind;
    throw error;
  }
  return "events";
}

for (let n = 0; n < count; n++) {
  const bytes = mutators[n % mutators.length].next();
  for (const mode of ["strict", "tolerant"]) {
    const start = performance.now();
    let outcome;
    try {
      outcome = `${mode}: ${judge(bytes, mode)}`;
      const ms = performance.now() - start;
      slowest = Math.max(slowest, ms);
      if (ms > MAX_MS) throw new Error(`took ${ms.toFixed(0)} ms`);
    } catch (error) {
      const file = join(tmpdir(), `gorewind-fuzz-${seed}-${n}.trace`);
      writeFileSync(file, bytes);
      console.error(`seed ${seed}, mutant ${n} (${mode}), bytes in ${file}:`, error);
      process.exit(1);
    }
    // A long run says how far it is, so that one cut short still counts.
    if ((n + 1) % 100_000 === 0 && mode === "tolerant")
      console.log(`${n + 1} mutants of seed ${seed}: no failure`);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
}
const rss = process.resourceUsage().maxRSS / 1024;
console.log(`${count} mutants of seed ${seed}, read strictly and tolerantly: ${rows} rows, no failure`);
for (const [outcome, times] of [...outcomes].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  console.log(`  ${outcome}: ${times}`);
console.log(
  `  slowest ${slowest.toFixed(1)} ms, peak RSS ${rss.toFixed(0)} MB, ${((performance.now() - began) / 1000).toFixed(1)} s`,
);
if (rss > MAX_RSS_MB) {
  console.error(`peak RSS is above ${MAX_RSS_MB} MB`);
  process.exit(1);
}
