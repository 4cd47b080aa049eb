import type { Dispatcher } from "undici";
import type { Clock } from "../base/clock.ts";
import type { ConfiguredTarget } from "../config/load.ts";
import type { RecorderEvent } from "../recorder/events.ts";
import { Recorder } from "../recorder/recorder.ts";
import type { RecordedGeneration, RecordedSession } from "../ring/recording.ts";
import type { Watched } from "./captures.ts";

export interface WatchedTarget extends Watched {
  readonly stop: () => Promise<void>;
  /** What it was configured with, to see a change. */
  readonly fingerprint: string;
}

export interface TargetSetDependencies {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly random: () => number;
  readonly emit: (event: RecorderEvent) => void;
  readonly onGeneration: (
    watched: WatchedTarget,
    session: RecordedSession,
    generation: RecordedGeneration,
  ) => void;
  /** The target is no longer watched; everything that is known of it may go. */
  readonly onRemoved: (target: string) => void;
}

/** The targets that are being watched, each with its recorder. Follows the configuration. */
export class TargetSet {
  readonly #deps: TargetSetDependencies;
  readonly #watched = new Map<string, WatchedTarget>();
  readonly #stopped: Promise<void>[] = [];

  constructor(deps: TargetSetDependencies) {
    this.#deps = deps;
  }

  get(name: string): WatchedTarget | undefined {
    return this.#watched.get(name);
  }

  all(): readonly WatchedTarget[] {
    return [...this.#watched.values()];
  }

  names(): readonly string[] {
    return [...this.#watched.keys()];
  }

  /** Starts what is new, stops what is gone or has changed, and leaves alone what is as it was. */
  apply(configured: readonly ConfiguredTarget[]): void {
    const wanted = new Map(configured.map((entry) => [entry.target.name, entry]));
    for (const [name, watched] of this.#watched) {
      const entry = wanted.get(name);
      if (entry !== undefined && fingerprintOf(entry) === watched.fingerprint) continue;
      this.#watched.delete(name);
      this.#stopped.push(watched.stop());
      this.#deps.onRemoved(name);
    }
    for (const entry of configured) {
      if (!this.#watched.has(entry.target.name)) this.#watch(entry);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all().map((watched) => watched.stop()), ...this.#stopped]);
  }

  #watch(entry: ConfiguredTarget): void {
    const { target, scrape } = entry;
    const { dispatcher, clock, random, emit } = this.#deps;
    const stopping = new AbortController();
    const recorder = new Recorder(
      target,
      { trace: scrape.trace, ring: scrape.ring },
      {
        dispatcher,
        clock,
        random,
        emit,
        onGeneration: (session, generation) => this.#deps.onGeneration(watched, session, generation),
      },
    );
    const running = scrape.trace.mode === "off" ? Promise.resolve() : recorder.run(stopping.signal);
    const watched: WatchedTarget = {
      target,
      recorder,
      profiles: scrape.profiles,
      fingerprint: fingerprintOf(entry),
      stop: async () => {
        stopping.abort();
        await running;
      },
    };
    this.#watched.set(target.name, watched);
  }
}

function fingerprintOf({ target, scrape }: ConfiguredTarget): string {
  return JSON.stringify([target, scrape.trace, scrape.ring, scrape.profiles]);
}
