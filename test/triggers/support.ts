import { z } from "zod";
import { epochMilliseconds, milliseconds, type EpochMilliseconds } from "../../src/base/units.ts";
import { findSignal } from "../../src/signals/catalog.ts";
import type { Labels, Observation, ObservationBatch } from "../../src/signals/signal.ts";
import type { Decision } from "../../src/triggers/decision.ts";
import { createTriggerEngine, type TriggerEngine } from "../../src/triggers/engine.ts";
import { triggerLimitsOptions, triggersOptions } from "../../src/triggers/options.ts";
import type { TriggerOptions } from "../../src/triggers/rule.ts";

const section = z.strictObject({ triggers: triggersOptions, trigger_limits: triggerLimitsOptions });
type Section = z.input<typeof section>;
export type RawRule = NonNullable<Section["triggers"]>[number];

export const START = Date.UTC(2026, 0, 5, 12, 0, 0);

/** `seconds` after the tests' start. */
export function at(seconds: number): EpochMilliseconds {
  return epochMilliseconds(START + Math.round(seconds * 1000));
}

export function load(
  triggers: readonly RawRule[],
  trigger_limits: Section["trigger_limits"] = {},
): TriggerOptions {
  const parsed = section.parse({ triggers: [...triggers], trigger_limits });
  return { rules: parsed.triggers, limits: parsed.trigger_limits };
}

/** `path: message` of each thing wrong. */
export function problemsOf(triggers: readonly unknown[]): readonly string[] {
  const parsed = section.safeParse({ triggers });
  return (parsed.error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}

export function observation(signal: string, values: readonly number[], labels: Labels = {}): Observation {
  return { signal, labels, values };
}

/** A one-second batch of the source that feeds its first observation. */
export function batch(seconds: number, observations: readonly Observation[], target = "a"): ObservationBatch {
  const source = findSignal(observations[0]?.signal ?? "task_duration_seconds")?.source ?? "trace";
  return {
    target,
    targetLabels: { service: "checkout" },
    source,
    at: at(seconds),
    interval: milliseconds(1000),
    observations,
  };
}

/** An engine and what it decided, told as `12s fired slow-checkout`. */
export class Bench {
  readonly engine: TriggerEngine;
  readonly decisions: Decision[] = [];

  constructor(options: TriggerOptions, random: () => number = () => 0.5) {
    this.engine = createTriggerEngine(options, { random });
  }

  observe(seconds: number, ...observations: readonly Observation[]): readonly Decision[] {
    const made = this.engine.observe(batch(seconds, observations), at(seconds));
    this.decisions.push(...made);
    return made;
  }

  tick(seconds: number): readonly Decision[] {
    const made = this.engine.tick(at(seconds));
    this.decisions.push(...made);
    return made;
  }

  get story(): readonly string[] {
    return this.decisions.map((decision) => {
      const when = `${(decision.decidedAt - START) / 1000}s`;
      return decision.kind === "fired"
        ? `${when} fired ${decision.rule}`
        : `${when} ${decision.reason} ${decision.rule}`;
    });
  }
}
