import type { Clock } from "../base/clock.ts";
import type { Labels, Observation } from "../signals/signal.ts";
import { parseAlerts } from "./alerts.ts";
import type { OutsideEvent } from "./events.ts";
import { isAbout } from "./match.ts";
import type { PromqlQuery, Schedule } from "./options.ts";
import { pollPrometheus } from "./promql.ts";
import { runSchedule } from "./schedule.ts";

export interface OutsideOptions {
  readonly schedules: readonly Schedule[];
  readonly promql: readonly PromqlQuery[];
}

export interface OutsideDependencies {
  readonly clock: Clock;
  readonly emit: (event: OutsideEvent) => void;
  /** Names and labels of what is watched now. */
  readonly targets: () => readonly { readonly name: string; readonly labels: Labels }[];
  /** Hands observations of one target to the rules. */
  readonly observe: (target: string, observations: readonly Observation[]) => void;
}

/** What comes in from the world around: alerts, schedules, the answers of a Prometheus server. */
export class Outside {
  readonly #options: OutsideOptions;
  readonly #deps: OutsideDependencies;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];

  constructor(options: OutsideOptions, deps: OutsideDependencies) {
    this.#options = options;
    this.#deps = deps;
  }

  start(): void {
    const { signal } = this.#stopping;
    const { clock } = this.#deps;
    for (const schedule of this.#options.schedules) {
      const observation = { signal: "schedule", labels: { schedule: schedule.name }, values: [1] };
      this.#running.push(runSchedule(schedule, clock, () => this.#tell({}, observation), signal));
    }
    for (const query of this.#options.promql) {
      this.#running.push(
        pollPrometheus(
          query,
          clock,
          (values) => values.forEach(({ labels, observation }) => this.#tell(labels, observation)),
          (message) => this.#deps.emit({ kind: "promql.failed", query: query.name, message }),
          signal,
        ),
      );
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  /** Alertmanager's webhook. Returns how many targets each firing alert was about. @throws {z.ZodError} */
  alert(body: unknown): number {
    return parseAlerts(body).reduce(
      (told, { labels, observation }) => told + this.#tell(labels, observation),
      0,
    );
  }

  #tell(labels: Labels, observation: Observation): number {
    const meant = this.#deps.targets().filter((target) => isAbout(labels, target.labels));
    for (const { name } of meant) this.#deps.observe(name, [observation]);
    return meant.length;
  }
}
