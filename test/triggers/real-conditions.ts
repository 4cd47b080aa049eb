/** Rules over what a real service left behind, for the tests of conditions: fired how often? */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { readPages } from "../../src/cli/recorded-pages.ts";
import { epochMilliseconds, milliseconds } from "../../src/base/units.ts";
import { MetricSignals } from "../../src/signals/metric-signals.ts";
import { findSignal } from "../../src/signals/catalog.ts";
import type { Observation, ObservationBatch } from "../../src/signals/signal.ts";
import { replay } from "../../src/triggers/replay.ts";
import { observeTrace } from "../signals/support.ts";
import type { ConditionCase } from "./condition-cases.ts";
import { at, load } from "./support.ts";

/**
 * Each step of `tide` as a second: the generation that has its mark. What the runtime ended by itself before belongs to it,
 * but for the gauges, which are of a generation's end.
 */
export function tideBatches(trace: Uint8Array): readonly ObservationBatch[] {
  const batches: ObservationBatch[] = [];
  let before: readonly Observation[] = [];
  for (const generation of observeTrace(trace).generations) {
    if (generation.series("log_records", { category: "tide" }).length === 0) {
      before = [...before, ...generation.all.filter(({ signal }) => isSum(signal))];
      continue;
    }
    batches.push({
      target: "tide",
      targetLabels: { service: "tide" },
      source: "trace",
      at: at(batches.length + 1),
      interval: milliseconds(1000),
      observations: [...before, ...generation.all],
    });
    before = [];
  }
  return batches;
}

/** Whether two intervals' values are one's. */
const isSum = (signal: string): boolean => ["distribution", "event"].includes(findSignal(signal)?.kind ?? "");

const fixture = (name: string): Uint8Array =>
  gunzipSync(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));

export const recordedTide = (): readonly ObservationBatch[] => tideBatches(fixture("tide/trace.out.gz"));

export const recordedExposition = (): readonly ObservationBatch[] =>
  readPages("shop.prom", fixture("exposition/shop.prom.gz"), 0, new MetricSignals()).map(
    ({ source, at: moment, interval, observations }) => ({
      target: "shop",
      targetLabels: { service: "shop" },
      source,
      at: epochMilliseconds(moment),
      interval: milliseconds(interval),
      observations,
    }),
  );

/** How often a rule fires. */
export function firings(parts: ConditionCase["fires"], batches: readonly ObservationBatch[]): number {
  const rule = { name: "r", limits: { cooldown: "1h" }, ...parts };
  return replay(load([rule]), batches).decisions.filter(({ kind }) => kind === "fired").length;
}
