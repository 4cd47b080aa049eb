/** What the tests of trace signals share: a trace in, each generation's observations out. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Labels, Observation } from "../../src/signals/signal.ts";
import type { DroppedCounts, TraceSignalOptions } from "../../src/signals/trace-signal-options.ts";
import { TraceSignals } from "../../src/signals/trace-signals.ts";
import type { EventColumns } from "../../src/trace/columns.ts";
import { TraceReader } from "../../src/trace/reader.ts";
import { Ev } from "../../src/trace/spec.ts";
import { buildGo } from "../support/go.ts";
import { run } from "../support/process.ts";

/** The observations of one generation, to be asked for by name and labels. */
export class Observed {
  readonly all: readonly Observation[];

  constructor(all: readonly Observation[]) {
    this.all = all;
  }

  series(signal: string, labels: Labels = {}): readonly Observation[] {
    return this.all.filter(
      (each) =>
        each.signal === signal &&
        Object.entries(labels).every(([name, value]) => each.labels[name] === value),
    );
  }

  /** Every value of the series with these labels, whatever their other ones. */
  values(signal: string, labels: Labels = {}): readonly number[] {
    return this.series(signal, labels).flatMap(({ values }) => [...values]);
  }

  /** The one value of a gauge. */
  value(signal: string, labels: Labels = {}): number {
    const values = this.values(signal, labels);
    if (values.length !== 1)
      throw new Error(`${signal} ${JSON.stringify(labels)} has ${values.length} values`);
    return values[0]!;
  }

  /** The values of one label of a signal's series. */
  labels(signal: string, name: string): readonly string[] {
    return this.series(signal).map(({ labels }) => labels[name] ?? "");
  }
}

export interface ObservedTrace {
  readonly generations: readonly Observed[];
  /** All generations' observations as if of one. */
  readonly whole: Observed;
  readonly dropped: DroppedCounts;
}

export interface ObserveOptions extends TraceSignalOptions {
  /** Called with each batch of rows as well. */
  readonly onBatch?: (batch: EventColumns) => void;
}

/** Wall clock of the tests: the trace's own time, in ms. */
const wallOf = (relativeNs: number): number => relativeNs / 1e6;

export function observeTrace(bytes: Uint8Array, options: ObserveOptions = {}): ObservedTrace {
  const { onBatch, ...signalOptions } = options;
  const signals = new TraceSignals(signalOptions);
  const reader = new TraceReader();
  const generations: Observed[] = [];
  let generation: EventColumns["generation"] | undefined;
  const finish = (): void => {
    if (generation !== undefined) generations.push(new Observed(signals.finish(wallOf)));
  };
  const take = (batch: EventColumns): void => {
    if (batch.generation !== generation) {
      finish();
      const isEnd = batch.length === 1 && batch.type[0] === Ev.Sync;
      generation = isEnd ? undefined : batch.generation;
    }
    onBatch?.(batch);
    signals.add(batch);
  };
  for (const batch of reader.push(bytes)) take(batch);
  for (const batch of reader.end()) take(batch);
  finish();
  const whole = new Observed(generations.flatMap(({ all }) => all));
  return { generations, whole, dropped: signals.dropped };
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Runs a scenario of test/go/signals and gives its trace. `during` is given the process id once it said something. */
export async function traceOf(scenario: string): Promise<Uint8Array> {
  const binary = await buildGo("test/go/signals");
  const folder = await mkdtemp(join(tmpdir(), "gorewind-signals-"));
  try {
    const file = join(folder, "trace");
    const { exitCode, stderr } = await run(binary, [scenario, file]);
    if (exitCode !== 0) throw new Error(`${scenario}: exit ${exitCode}: ${stderr}`);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
