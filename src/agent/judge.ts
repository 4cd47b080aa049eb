import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import { milliseconds, type EpochMilliseconds } from "../base/units.ts";
import type { AgentEvent } from "../events.ts";
import type { ObservationBatch } from "../signals/signal.ts";
import type { Decision, Fired } from "../triggers/decision.ts";
import {
  createTriggerEngine,
  type EngineCounters,
  type ManualRequest,
  type TriggerEngine,
} from "../triggers/engine.ts";
import type { TriggerOptions } from "../triggers/rule.ts";
import type { BaselineFile } from "./baselines.ts";

export interface JudgeDependencies {
  readonly clock: Clock;
  readonly random: () => number;
  readonly emit: (event: AgentEvent) => void;
  /** Takes each firing. */
  readonly onFired: (firing: Fired) => void;
  readonly baselines: BaselineFile;
}

const TICK = milliseconds(1000);
const SAVE_EVERY = milliseconds(300_000);

/** The rule engine with what it does not have itself: a clock, a disk for what it learned, and someone to tell. */
export class Judge {
  readonly #deps: JudgeDependencies;
  readonly engine: TriggerEngine;
  #spent = 0;

  constructor(options: TriggerOptions, deps: JudgeDependencies) {
    this.#deps = deps;
    this.engine = createTriggerEngine(options, { random: deps.random });
  }

  /** Begins with what an earlier run learned. */
  async recall(): Promise<void> {
    const known = await this.#deps.baselines.load(this.#deps.clock.now());
    if (known !== undefined) this.engine.importBaselines(known);
  }

  observe(batch: ObservationBatch): void {
    this.#evaluate((now) => this.engine.observe(batch, now));
  }

  /** What the engine counts, and the time it took. */
  get counters(): EngineCounters & { readonly seconds: number } {
    return { ...this.engine.counters, seconds: this.#spent / 1000 };
  }

  /** The firing of someone who asks. */
  manual(target: string, reason: string, request: ManualRequest): Fired {
    return this.engine.manual(target, reason, this.#deps.clock.now(), request);
  }

  reload(options: TriggerOptions): void {
    this.engine.reload(options, this.#deps.clock.now());
  }

  /** What comes true because nothing came, about once a second, until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    let saved = clock.monotonic();
    while (!signal.aborted) {
      await clock.sleep(TICK, signal).catch(() => undefined);
      if (signal.aborted) break;
      this.#evaluate((now) => this.engine.tick(now));
      if (clock.monotonic() - saved < SAVE_EVERY) continue;
      saved = clock.monotonic();
      await this.#save();
    }
    await this.#save();
  }

  #evaluate(step: (now: EpochMilliseconds) => readonly Decision[]): void {
    const { clock } = this.#deps;
    const began = clock.monotonic();
    const decisions = step(clock.now());
    this.#spent += clock.monotonic() - began;
    this.#decide(decisions);
  }

  async #save(): Promise<void> {
    try {
      await this.#deps.baselines.save(this.engine.exportBaselines(), this.#deps.clock.now());
    } catch (error) {
      this.#deps.emit({
        kind: "agent.problem",
        code: "baselines_not_saved",
        message: `what the anomaly rules learned could not be saved: ${errorMessage(error)}`,
        hint: "After a restart they warm up again. Is the spool's disk full?",
      });
    }
  }

  #decide(decisions: readonly Decision[]): void {
    for (const decision of decisions) {
      const { rule, target, severity, message } = decision;
      if (decision.kind === "suppressed") {
        const { reason, detail } = decision;
        this.#deps.emit({
          kind: "trigger.suppressed",
          rule,
          target,
          reason,
          message: `${message}: ${detail}`,
        });
        continue;
      }
      const { value, threshold, unit } = decision;
      this.#deps.emit({ kind: "trigger.fired", rule, target, severity, value, threshold, unit, message });
      this.#deps.onFired(decision);
    }
  }
}
