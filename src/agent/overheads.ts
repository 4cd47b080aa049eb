import type { Clock } from "../base/clock.ts";
import { milliseconds } from "../base/units.ts";
import type { AgentEvent } from "../events.ts";
import { OverheadGovernor } from "../governor/governor.ts";
import type { TargetFacts } from "../observe/protocol.ts";
import { readProcess } from "../scraper/periodic/proc.ts";
import type { WatchedTarget } from "./targets.ts";

export interface OverheadDependencies {
  readonly clock: Clock;
  readonly emit: (event: AgentEvent) => void;
  readonly watched: (target: string) => WatchedTarget | undefined;
  readonly all: () => readonly WatchedTarget[];
}

const TICK = milliseconds(1000);
/** The estimate is published this seldom. */
const PUBLISH_EVERY = 10;

/** Holds every target's recording to its budget: hears what it costs, and lets the tracer go when that is too much. */
export class Overheads {
  readonly #deps: OverheadDependencies;
  readonly #governors = new Map<string, OverheadGovernor>();

  constructor(deps: OverheadDependencies) {
    this.#deps = deps;
  }

  /** Hears what happens to a target's trace. */
  hear(event: AgentEvent): void {
    switch (event.kind) {
      case "stream.opened":
        this.#of(event.target)?.setTracing(true, this.#deps.clock.monotonic());
        return;
      case "stream.ended":
      case "stream.held":
      case "stream.refused":
        this.#of(event.target)?.setTracing(false, this.#deps.clock.monotonic());
        return;
      case "generation.sealed":
        this.#of(event.target)?.recordBytes(event.received);
        return;
      case "generation.analysed":
        this.#of(event.target)?.recordEvents(event.events, event.bytes);
        return;
      default:
        return;
    }
  }

  /** What the target says of itself. */
  learned(target: string, { cpuSeconds, residentBytes }: TargetFacts): void {
    const governor = this.#of(target);
    const now = this.#deps.clock.monotonic();
    if (cpuSeconds !== undefined) governor?.recordCpu(cpuSeconds, now);
    if (residentBytes !== undefined) governor?.recordMemory(residentBytes, now);
  }

  forget(target: string): void {
    this.#governors.delete(target);
  }

  /** Looks at every target about once a second, until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    for (let tick = 1; !signal.aborted; tick++) {
      await this.#deps.clock.sleep(TICK, signal).catch(() => undefined);
      if (signal.aborted) return;
      await Promise.all(this.#deps.all().map((watched) => this.#look(watched, tick)));
    }
  }

  async #look({ target, recorder, scrape }: WatchedTarget, tick: number): Promise<void> {
    const governor = this.#of(target.name);
    if (governor === undefined) return;
    const { pidFile } = scrape.budget;
    if (pidFile !== undefined) {
      // A process that is not there is said by its stream already.
      this.learned(target.name, await readProcess(pidFile).catch(() => ({})));
    }
    const now = this.#deps.clock.monotonic();
    const cost = governor.estimate(now);
    if (cost !== undefined && tick % PUBLISH_EVERY === 0) {
      this.#deps.emit({ kind: "overhead.estimated", target: target.name, ...cost });
    }
    const verdict = governor.judge(now);
    if (verdict === undefined || recorder.state.kind !== "recording") return;
    if (cost !== undefined) this.#deps.emit({ kind: "overhead.estimated", target: target.name, ...cost });
    await recorder.hold({ kind: "paused", ...verdict });
  }

  #of(target: string): OverheadGovernor | undefined {
    const known = this.#governors.get(target);
    if (known !== undefined) return known;
    const watched = this.#deps.watched(target);
    if (watched === undefined) return undefined;
    const governor = new OverheadGovernor(watched.scrape.budget);
    this.#governors.set(target, governor);
    return governor;
  }
}
