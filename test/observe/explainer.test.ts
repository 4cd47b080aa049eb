import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AnalysisResult } from "../../src/analysis/result.ts";
import { explain } from "../../src/observe/explain.ts";
import { Explainer, explainLimits } from "../../src/observe/explainer.ts";
import { sharedTrace, skipShared } from "../analysis/traces.ts";
import { buildTrace } from "../support/trace-builder.ts";

const compiled = fileURLToPath(new URL("../../dist/observe/report-process.js", import.meta.url));
const never = new AbortController().signal;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-explainer-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A program that runs this. */
async function script(source: string): Promise<string> {
  const file = join(folder, `${randomUUID()}.mjs`);
  await writeFile(file, source);
  return file;
}

/** Where not the wait is tested: a host may be busy. */
const patient = { ...explainLimits, millis: 100_000 };
const idle = "setInterval(() => {}, 1000)";
const job = { title: "shop: <slow>", chunks: [buildTrace(26).bytes()] };

describe("explaining a capture", () => {
  it.skipIf(skipShared)("gives summary, report and whether Go's tools would read it", () => {
    const bytes = sharedTrace("tour-go1.26");
    const explanation = explain({
      title: "shop: <slow>",
      chunks: [bytes.subarray(0, 1000), bytes.subarray(1000)],
    });
    if (explanation.kind !== "explained") throw new Error(explanation.reason);
    expect(explanation.parseable).toBe(true);
    const summary = JSON.parse(text(explanation.summary)) as AnalysisResult;
    expect(explanation.numbers).toEqual({
      duration_ns: summary.duration_ns,
      events: summary.events,
      goroutines: summary.goroutines.reduce((sum, { count }) => sum + count, 0),
      tasks: summary.tasks.reduce((sum, { count }) => sum + count, 0),
      task_max_ns: Math.max(...summary.tasks.map(({ max_ns }) => max_ns)),
      sched_wait_p99_ns: summary.scheduler.latency.p99_ns,
      sched_wait_max_ns: summary.scheduler.latency.max_ns,
      run_queue_max: summary.scheduler.run_queue_max,
      gc_cycles: summary.gc.cycle_count,
      stw_total_ns: summary.gc.stw_total_ns,
      stw_max_ns: Math.max(...Object.values(summary.gc.stw).map(({ max_ns }) => max_ns)),
      heap_max_bytes: Math.max(...summary.gc.heap.max.filter((most) => most !== null)),
      stuck: summary.stuck.count,
      findings: summary.findings?.findings.length,
    });
    expect(summary.events).toBe(198_630);
    expect(text(explanation.report)).toContain("<h1>shop: &lt;slow&gt;</h1>");
  });

  it.skipIf(skipShared)("reads a broken trace as far as it goes, and says that it is broken", () => {
    const bytes = sharedTrace("tour-go1.26").slice();
    bytes.fill(0xff, bytes.length - 5000);
    const explanation = explain({ title: "", chunks: [bytes] });
    expect(explanation.parseable).toBe(false);
    if (explanation.kind !== "explained") throw new Error(explanation.reason);
    expect((JSON.parse(text(explanation.summary)) as AnalysisResult).events).toBeGreaterThan(1000);
  });

  it("does not throw over what is no trace", () => {
    const explanation = explain({ title: "", chunks: [new TextEncoder().encode("no trace at all, no")] });
    expect(explanation).toMatchObject({ kind: "unexplained", reason: expect.stringMatching(/./) });
  });
});

describe("the explainer's process", () => {
  it.skipIf(!existsSync(compiled))("answers, and leaves the bytes it was given alone", async () => {
    const explanation = await new Explainer(patient, compiled).explain(job, never);
    expect(explanation).toMatchObject({ kind: "explained", parseable: true });
    expect(job.chunks[0]?.byteLength).toBe(16);
  });

  it("is given up at the limit", async () => {
    const explainer = new Explainer({ ...explainLimits, millis: 50 }, await script(idle));
    await expect(explainer.explain(job, never)).resolves.toEqual({
      kind: "unexplained",
      parseable: undefined,
      reason: "not done after 50ms",
    });
  });

  it("is given up when the agent stops, and no other is begun", async () => {
    const explainer = new Explainer(explainLimits, await script(idle));
    const stopping = new AbortController();
    const both = Promise.all([
      explainer.explain(job, stopping.signal),
      explainer.explain(job, stopping.signal),
    ]);
    stopping.abort();
    const reasons = (await both).map((each) => (each.kind === "unexplained" ? each.reason : ""));
    expect(reasons).toEqual(["the agent is stopping", "the agent is stopping"]);
  });

  it("may die, of errors or of memory", async () => {
    const reasonOf = async (source: string): Promise<string> => {
      const limits = { ...patient, heapBytes: 16 << 20 };
      const explanation = await new Explainer(limits, await script(source)).explain(job, never);
      return explanation.kind === "unexplained" ? explanation.reason : "";
    };
    await expect(reasonOf("throw new Error('no luck')")).resolves.toMatch(
      /without an answer \(exit code 1\)/,
    );
    await expect(reasonOf("process.exit(0)")).resolves.toMatch(/without an answer \(exit code 0\)/);
    await expect(reasonOf("const a = []; for (;;) a.push(new Array(1000).fill(1.5))")).resolves.toMatch(
      /memory/,
    );
  });

  it("reads no trace that is too large, and gives no file that is", async () => {
    const small = new Explainer({ ...explainLimits, traceBytes: 10 }, await script(""));
    expect(await small.explain(job, never)).toMatchObject({
      reason: expect.stringContaining("more than the 10B"),
    });
    const answer = `
      process.send({ kind: "explained", parseable: true, summary: new Uint8Array(1025), report: new Uint8Array(1) });`;
    const bounded = new Explainer({ ...patient, fileBytes: 1024 }, await script(answer));
    expect(await bounded.explain(job, never)).toEqual({
      kind: "unexplained",
      parseable: true,
      reason: "a file of 1KiB came out, more than 1KiB",
    });
  });
});
