import { epochMilliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { SignalDefinition } from "../signals/catalog.ts";
import type { Labels, SignalSource } from "../signals/signal.ts";
import type { Detector, DetectorContext, Reading, Sink, Truth } from "./detector.ts";
import { tryEvaluate } from "./expression.ts";
import { labelsMatch } from "./match.ts";
import type { ExpressionCondition, SignalQuery } from "./rule.ts";
import { createWindow } from "./create-window.ts";
import type { ValueWindow } from "./window.ts";

interface NamedWindow {
  readonly name: string;
  readonly query: SignalQuery;
  readonly window: ValueWindow;
}

/** A CEL expression over the values of several queries. Unknown while one of them has too little data. */
export class ExpressionDetector implements Detector {
  readonly #condition: ExpressionCondition;
  readonly #context: DetectorContext;
  readonly #windows: readonly NamedWindow[];
  #at: EpochMilliseconds = epochMilliseconds(0);
  /** What CEL had against the last evaluation. */
  #failure: string | undefined;
  #values: Record<string, number> = {};

  constructor(condition: ExpressionCondition, context: DetectorContext) {
    this.#condition = condition;
    this.#context = context;
    this.#windows = condition.queries.map(([name, query]) => ({
      name,
      query,
      window: createWindow(query, context.wake),
    }));
  }

  sinksFor(signal: SignalDefinition, labels: Labels): readonly Sink[] {
    return this.#windows
      .filter(({ query }) => query.signal.name === signal.name && labelsMatch(query.labels, labels))
      .map(({ window }) => window.sinkFor(labels));
  }

  judge(at: EpochMilliseconds, covered: number, source: SignalSource): Truth {
    this.#at = at;
    for (const { query, window } of this.#windows) {
      // The clocks of two sources differ: each window moves with its own.
      if (query.signal.source === source) window.advance(at);
    }
    this.#failure = undefined;
    const values: Record<string, number> = {};
    for (const { name, query, window } of this.#windows) {
      const value =
        window.samples < query.minSamples && !countsNone(query) ? undefined : window.value(covered);
      if (value === undefined) return "unknown";
      values[name] = value;
    }
    this.#values = values;
    const { labels, targetLabels } = this.#context;
    const outcome = tryEvaluate(this.#condition.evaluate, { values, labels, targetLabels });
    if ("failure" in outcome) {
      this.#failure = outcome.failure;
      return "unknown";
    }
    return outcome.result ? "true" : "false";
  }

  isFresh(): boolean {
    return this.#windows.some(({ window }) => window.isNew);
  }

  consume(): void {
    for (const { window } of this.#windows) window.consume();
  }

  read(): Reading {
    const samples = this.#windows.reduce((sum, { window }) => sum + window.samples, 0);
    const seen = Object.entries(this.#values).map(
      ([name, value]) => `${name} = ${Number(value.toPrecision(4))}`,
    );
    const note = this.#failure ?? seen.join(", ");
    return { value: undefined, level: undefined, at: this.#at, samples, note };
  }

  get lastAt(): EpochMilliseconds | undefined {
    const times = this.#windows.map(({ window }) => window.lastAt ?? 0);
    const last = Math.max(...times);
    return last === 0 ? undefined : epochMilliseconds(last);
  }

  get isIdle(): boolean {
    return (
      this.#windows.every(({ window }) => window.isEmpty) &&
      !this.#windows.some(({ query }) => countsNone(query))
    );
  }
}

/** Whether no values are a value: none a second. */
function countsNone({ aggregate, signal, minSamples }: SignalQuery): boolean {
  if (minSamples > 1) return false;
  return (
    aggregate.kind === "count" ||
    (aggregate.kind === "rate" && signal.kind !== "gauge" && signal.kind !== "counter")
  );
}
