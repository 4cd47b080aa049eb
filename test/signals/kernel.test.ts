/** The kernel's way and the plain way, row by row, see the same in every trace. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { findSignal } from "../../src/signals/catalog.ts";
import type { Observation } from "../../src/signals/signal.ts";
import { TraceSignals } from "../../src/signals/trace-signals.ts";
import type { EventColumns } from "../../src/trace/columns.ts";
import { TraceReader } from "../../src/trace/reader.ts";
import { Ev } from "../../src/trace/spec.ts";
import { crowd } from "../trace/crowd.ts";
import { sharedTrace, v2Releases } from "../trace/support.ts";

/** What both say of each generation; rows come in batches of so many. */
function bothWays(
  bytes: Uint8Array,
  requests: "auto" | "always",
  batchRows: number,
): readonly [Observation[], Observation[]] {
  const reader = new TraceReader({ batchRows });
  const ways = [new TraceSignals({ requests }), new TraceSignals({ requests }, true)] as const;
  const seen: [Observation[], Observation[]] = [[], []];
  let generation: EventColumns["generation"] | undefined;
  const take = (batch: EventColumns): void => {
    if (batch.generation !== generation) {
      if (generation !== undefined) ways.forEach((way, i) => seen[i]!.push(...way.finish((ns) => ns / 1e6)));
      generation = batch.length === 1 && batch.type[0] === Ev.Sync ? undefined : batch.generation;
    }
    for (const way of ways) way.add(batch);
  };
  for (const batch of reader.push(bytes)) take(batch);
  for (const batch of reader.end()) take(batch);
  if (generation !== undefined) ways.forEach((way, i) => seen[i]!.push(...way.finish((ns) => ns / 1e6)));
  expect(ways[0].dropped).toEqual(ways[1].dropped);
  return seen;
}

/** Goroutines may have other places in the table, so that what is counted at a generation's end comes in another order. */
function inOrder(seen: readonly Observation[]): readonly (readonly [string, Observation])[] {
  const isSnapshot = (signal: string): boolean => findSignal(signal)?.kind === "snapshot";
  return seen
    .map((each): Observation =>
      isSnapshot(each.signal) ? { ...each, values: Float64Array.from(each.values).sort() } : each,
    )
    .map((each, i) => [`${each.signal} ${JSON.stringify(each.labels)}`, each, i] as const)
    .sort(([a, , i], [b, , j]) => (a < b ? -1 : a > b ? 1 : i - j))
    .map(([key, each]) => [key, each]);
}

const fixture = (name: string): Uint8Array =>
  gunzipSync(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));

const traces: [string, () => Uint8Array][] = [
  ...v2Releases.map((release): [string, () => Uint8Array] => [
    `the tour of Go ${release}`,
    () => readFileSync(sharedTrace(release)),
  ]),
  ["the shop", () => fixture("replay/trace.out.gz")],
  ["the tide", () => fixture("tide/trace.out.gz")],
];

describe.each(traces)("of %s", (_, bytes) => {
  it.each([
    ["auto", 2048],
    ["always", 2048],
    ["auto", 17],
  ] as const)("with requests %s, %i rows at once", (requests, rows) => {
    const [fast, plain] = bothWays(bytes(), requests, rows);
    expect(plain.length).toBeGreaterThan(0);
    expect(inOrder(fast)).toEqual(inOrder(plain));
  });
});

it("its memory grows with the goroutines, and what is in it stays", () => {
  const [fast, plain] = [false, true].map((way) => {
    const signals = new TraceSignals({}, way);
    for (const batch of crowd(50_000)) signals.add(batch);
    return [...signals.finish((ns) => ns / 1e6)];
  }) as [Observation[], Observation[]];
  expect(plain.find(({ signal }) => signal === "sched_latency_seconds")?.total).toBe(100_000);
  expect(inOrder(fast)).toEqual(inOrder(plain));
});
