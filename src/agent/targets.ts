import { resolve } from "node:path";
import type { Dispatcher } from "undici";
import type { BufferPool } from "../base/buffers.ts";
import type { Clock } from "../base/clock.ts";
import type { Milliseconds } from "../base/units.ts";
import type { ConfiguredTarget } from "../config/load.ts";
import type { ScrapeConfig } from "../config/options.ts";
import type { RecorderEvent } from "../recorder/events.ts";
import { createSource } from "../recorder/create.ts";
import type { RecordedGeneration, RecordedSession } from "../ring/recording.ts";
import { createClient } from "../scraper/client/client.ts";
import { fingerprint } from "../scraper/client/secret.ts";
import type { Watched } from "./captures.ts";
import type { PeriodicReads } from "./periodic/reads.ts";
import { startDelay } from "./start-delay.ts";

export interface WatchedTarget extends Watched {
  readonly scrape: ScrapeConfig;
  readonly stop: () => Promise<void>;
  /** What it was configured with, to see a change. */
  readonly fingerprint: string;
}

export interface TargetSetDependencies {
  /** Relative paths of the configuration are below it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly emit: (event: RecorderEvent) => void;
  readonly buffers: BufferPool;
  readonly onGeneration: (
    watched: WatchedTarget,
    session: RecordedSession,
    generation: RecordedGeneration,
  ) => void;
  /** What is read of it beside its trace; `client` speaks to it. */
  readonly createReads: (entry: ConfiguredTarget, client: Dispatcher) => PeriodicReads;
  /** The target is no longer watched; everything that is known of it may go. */
  readonly onRemoved: (target: string) => void;
}

/** The targets that are being watched, each with its recorder. Follows the configuration. */
export class TargetSet {
  readonly #deps: TargetSetDependencies;
  readonly #watched = new Map<string, WatchedTarget>();
  /** Those that are on their way out. */
  readonly #stopping = new Set<Promise<void>>();

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
      const stopping = watched.stop().finally(() => this.#stopping.delete(stopping));
      this.#stopping.add(stopping);
      this.#deps.onRemoved(name);
    }
    const fresh = configured.filter(({ target }) => !this.#watched.has(target.name));
    const together = new Map<ScrapeConfig, number>();
    for (const { scrape } of fresh) together.set(scrape, (together.get(scrape) ?? 0) + 1);
    for (const entry of fresh)
      this.#watch(
        entry,
        startDelay(entry.target.name, entry.scrape.startSpread, together.get(entry.scrape) ?? 1),
      );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all().map((watched) => watched.stop()), ...this.#stopping]);
  }

  #watch(entry: ConfiguredTarget, delay: Milliseconds): void {
    const { target, trust } = entry;
    const { folder, clock, random, emit, buffers } = this.#deps;
    const scrape = withFilesBelow(folder, entry.scrape);
    const dispatcher = createClient(scrape.client, { address: target.address, trust, folder });
    const stopping = new AbortController();
    const recorder = createSource(
      target,
      { trace: scrape.trace, ring: scrape.ring },
      {
        dispatcher,
        clock,
        random,
        emit,
        buffers,
        onGeneration: (session, generation) => this.#deps.onGeneration(watched, session, generation),
      },
    );
    const reads = this.#deps.createReads({ ...entry, scrape }, dispatcher);
    const run = async (): Promise<void> => {
      if (delay > 0) await clock.sleep(delay, stopping.signal).catch(() => undefined);
      await Promise.all([recorder.run(stopping.signal), reads.run(stopping.signal)]);
    };
    const running = run();
    const watched: WatchedTarget = {
      target,
      dispatcher,
      recorder,
      reads,
      scrape,
      profiles: scrape.profiles,
      privacy: scrape.privacy,
      fingerprint: fingerprintOf(entry),
      stop: async () => {
        stopping.abort();
        await running;
        await dispatcher.close();
      },
    };
    this.#watched.set(target.name, watched);
  }
}

/** The files that a target is read from lie below the configuration's folder, wherever the agent was started. */
function withFilesBelow(folder: string, scrape: ScrapeConfig): ScrapeConfig {
  const { trace, schedtrace, budget } = scrape;
  return {
    ...scrape,
    trace: { ...trace, folder: resolve(folder, trace.folder) },
    schedtrace: schedtrace && { ...schedtrace, file: resolve(folder, schedtrace.file) },
    budget: { ...budget, pidFile: budget.pidFile && resolve(folder, budget.pidFile) },
  };
}

function fingerprintOf({ target, scrape, trust }: ConfiguredTarget): string {
  const { client, trace, ring, profiles, metrics, vars, probes, schedtrace, budget, privacy } = scrape;
  const beside = [profiles, metrics ?? null, vars ?? null, probes, schedtrace ?? null, budget, privacy];
  return fingerprint([target, trust, client, trace, ring, ...beside]);
}
