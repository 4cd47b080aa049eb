/** Rules on every signal of a trace, over the traces of real programs. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { milliseconds } from "../../src/base/units.ts";
import type { ObservationBatch } from "../../src/signals/signal.ts";
import { replay } from "../../src/triggers/replay.ts";
import { buildGo, goUnavailable } from "../support/go.ts";
import { start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { at, load } from "../triggers/support.ts";
import { TRACE_CASES, type TraceCase } from "./coverage.ts";
import { observeTrace, traceOf } from "./support.ts";

const skip = requireOrSkip("rules on the trace signals of Go programs", await goUnavailable());

type Scenario = TraceCase["scenario"] | "calm";

const inputs = new Map<Scenario, Promise<readonly ObservationBatch[]>>();

/** What the rules see of a scenario's trace, generation by generation; each program runs once. */
function input(scenario: Scenario): Promise<readonly ObservationBatch[]> {
  const known = inputs.get(scenario);
  if (known !== undefined) return known;
  const made = (scenario === "burn" ? burnt() : traceOf(scenario)).then((bytes) =>
    observeTrace(bytes).generations.map(({ all }, i): ObservationBatch => ({
      target: scenario,
      targetLabels: {},
      source: "trace",
      at: at(i + 1),
      interval: milliseconds(1000),
      observations: all,
    })),
  );
  inputs.set(scenario, made);
  return made;
}

/** A program that burns its CPUs and is stopped for 400 ms. */
async function burnt(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "gorewind-coverage-"));
  try {
    const file = join(folder, "trace");
    await using child = await start(await buildGo("test/go/signals"), ["burn", file]);
    await child.line((line) => line === "burning");
    process.kill(child.pid, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 400));
    process.kill(child.pid, "SIGCONT");
    expect((await child.exited).code).toBe(0);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fired(signal: string, when: object, scenario: Scenario): Promise<readonly string[]> {
  const rules = load([{ name: "r", when: { signal, ...when }, limits: { cooldown: "1h" } }]);
  const { decisions } = replay(rules, await input(scenario));
  return decisions.filter(({ kind }) => kind === "fired").map(({ message }) => message);
}

describe.skipIf(skip)("a rule on a signal of a real trace", { timeout: 120_000 }, () => {
  it.each(Object.entries(TRACE_CASES))("%s", async (signal, { scenario, fires, quiet }) => {
    expect(await fired(signal, fires, scenario), `${scenario}: ${JSON.stringify(fires)}`).not.toEqual([]);
    expect(await fired(signal, quiet, scenario), `${scenario}: ${JSON.stringify(quiet)}`).toEqual([]);
    expect(await fired(signal, fires, "calm"), `calm: ${JSON.stringify(fires)}`).toEqual([]);
  });
});
