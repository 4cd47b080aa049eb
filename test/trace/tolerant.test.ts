/** Tolerant reading: past a gap or a broken generation, to the last whole one. */

import { describe, expect, it } from "vitest";
import type { TraceNotice } from "../../src/trace/decoder.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { Ev } from "../../src/trace/spec.ts";
import { Mutator } from "./mutate.ts";
import { buildTrace, concat, sampleTrace } from "../support/trace-builder.ts";
import type { TraceBuilder } from "../support/trace-builder.ts";
import { collect } from "./support.ts";

function readTolerant(bytes: Uint8Array): {
  readonly outcome: ReturnType<typeof collect>;
  readonly notices: TraceNotice[];
} {
  const notices: TraceNotice[] = [];
  const outcome = collect(readTrace(bytes, { mode: "tolerant", onNotice: (notice) => notices.push(notice) }));
  return { outcome, notices };
}

/** One generation of one thread that runs one goroutine. */
function add(trace: TraceBuilder, number: number): void {
  const thread = trace.generation(number).thread(1);
  thread
    .emit("ProcStatus", { p: 0, pstatus: "Running" })
    .emit("GoStatus", { g: number, m: 1, gstatus: "Running" });
  thread.emit("HeapAlloc", { heapalloc_value: number });
}

describe.each([22, 25, 26])("a tolerant reader of version %i", (version) => {
  it("goes past a missing generation, with its state reset", () => {
    const trace = buildTrace(version);
    add(trace, 1);
    add(trace, 4);
    expect(collect(readTrace(trace.bytes())).error).toBeDefined();
    const { outcome, notices } = readTolerant(trace.bytes());
    expect(outcome.error).toBeUndefined();
    expect(notices).toEqual([{ kind: "gap", generation: 4, error: undefined }]);
    expect(outcome.rows.filter((row) => row.type === Ev.HeapAlloc).map((row) => row.arg0)).toEqual([1, 4]);
    expect(outcome.rows.filter((row) => row.type === Ev.Sync).map((row) => row.arg0)).toEqual([0, 1, 0]);
  });

  it("goes past a generation that breaks the rules, keeping what came before the break", () => {
    const trace = buildTrace(version);
    add(trace, 1);
    const broken = trace.generation(2).thread(1);
    broken
      .emit("ProcStatus", { p: 0, pstatus: "Running" })
      .emit("GoStatus", { g: 1, m: 1, gstatus: "Running" });
    broken.emit("HeapAlloc", { heapalloc_value: 2 }).emit("GoStart", { g: 99, g_seq: 1 });
    add(trace, 3);
    const { outcome, notices } = readTolerant(trace.bytes());
    expect(outcome.error).toBeUndefined();
    expect(notices.map(({ kind, generation }) => [kind, generation])).toEqual([["broken", 2]]);
    expect(notices[0]!.error?.message).toMatch(/failed to advance/);
    expect(outcome.rows.filter((row) => row.type === Ev.HeapAlloc).map((row) => row.arg0)).toEqual([1, 2, 3]);
  });

  it("delivers what is whole of a cut trace and says so", () => {
    const bytes = sampleTrace(version, 3);
    const { outcome, notices } = readTolerant(bytes.slice(0, bytes.length - 20));
    expect(outcome.error).toBeUndefined();
    expect(notices.map(({ kind }) => kind)).toEqual(["truncated"]);
    expect(outcome.rows.filter((row) => row.type === Ev.Sync)).toHaveLength(3);
  });

  it("stops at bytes that are no batch", () => {
    const bytes = sampleTrace(version, 2);
    const { outcome, notices } = readTolerant(concat([bytes, Uint8Array.of(0xee, 0xee)]));
    expect(outcome.error).toBeUndefined();
    expect(notices).toHaveLength(1);
    expect(outcome.rows.length).toBeGreaterThan(10);
  });

  it("never throws on a mutated trace, and its times rise", () => {
    const mutator = new Mutator(sampleTrace(version, 3), 7);
    for (let i = 0; i < 1000; i++) {
      const { outcome } = readTolerant(mutator.next());
      if (outcome.error !== undefined)
        expect(["not-a-trace", "unsupported-version", "truncated"]).toContain(outcome.error.kind);
      for (let k = 1; k < outcome.rows.length; k++) {
        if (!(outcome.rows[k]!.time > outcome.rows[k - 1]!.time))
          throw new Error(`time of row ${k} does not rise`);
      }
    }
  });
});
