import { Counter, Gauge, type Registry } from "prom-client";
import type { Milliseconds } from "../base/units.ts";

/** What is asked of the rule engine at each scrape; all counts since its start. */
export interface EngineLevels {
  readonly evaluations: number;
  /** Spent in them. */
  readonly seconds: number;
  readonly evicted: number;
  readonly rules: readonly {
    readonly rule: string;
    readonly suppressed: Readonly<Record<string, number>>;
  }[];
}

/** How long a source of signals has said nothing. */
export interface SourceAge {
  readonly target: string;
  readonly source: string;
  readonly age: Milliseconds;
}

/** The engine counts for itself; it is asked at each scrape. */
export function measureEngine(
  registry: Registry,
  levels: () => EngineLevels,
  staleness: () => readonly SourceAge[],
): void {
  const registers = [registry];
  const evaluations = new Counter({
    name: "gorewind_trigger_evaluations_total",
    help: "Evaluations of rules.",
    registers,
    collect: () => {
      evaluations.reset();
      evaluations.inc(levels().evaluations);
    },
  });
  const seconds = new Counter({
    name: "gorewind_trigger_evaluation_seconds_total",
    help: "Time spent in evaluations of rules.",
    registers,
    collect: () => {
      seconds.reset();
      seconds.inc(levels().seconds);
    },
  });
  const evicted = new Counter({
    name: "gorewind_trigger_evicted_label_sets_total",
    help: "Label sets and series that gave way, or had to wait, at a bound.",
    registers,
    collect: () => {
      evicted.reset();
      evicted.inc(levels().evicted);
    },
  });
  const suppressed = new Counter({
    name: "gorewind_trigger_suppressed_total",
    help: "Firings that a limit or a mode held back.",
    labelNames: ["rule", "reason"],
    registers,
    collect: () => {
      suppressed.reset();
      for (const { rule, suppressed: byReason } of levels().rules) {
        for (const [reason, n] of Object.entries(byReason)) suppressed.inc({ rule, reason }, n);
      }
    },
  });
  const age = new Gauge({
    name: "gorewind_signal_staleness_seconds",
    help: "How long a source that rules look at has said nothing.",
    labelNames: ["target", "source"],
    registers,
    collect: () => {
      age.reset();
      for (const each of staleness()) age.set({ target: each.target, source: each.source }, each.age / 1000);
    },
  });
}
