import { Agent as HttpAgent, type Dispatcher } from "undici";
import type { Clock } from "../../base/clock.ts";
import { errorMessage, GorewindError, ScrapeError } from "../../base/errors.ts";
import { milliseconds, type Milliseconds } from "../../base/units.ts";
import type { ScrapeConfig } from "../../config/options.ts";
import type { AnalyserPool } from "../../observe/pool.ts";
import type { PageJob, TargetFacts } from "../../observe/protocol.ts";
import { fetchPage } from "../../scraper/page.ts";
import { LineFollower } from "../../scraper/periodic/follow.ts";
import type {
  PageOptions,
  PeriodicProfile,
  ProbeOptions,
  SchedtraceOptions,
} from "../../scraper/periodic/options.ts";
import { runProbe } from "../../scraper/periodic/probe.ts";
import { fetchPprofIndex } from "../../scraper/pprof-index.ts";
import { fetchProfile } from "../../scraper/profile.ts";
import type { Target } from "../../scraper/target.ts";
import { schedtraceObservations } from "../../signals/schedtrace.ts";
import type { Observation, SignalSource } from "../../signals/signal.ts";
import type { ScrapeEvent, ScrapeKind } from "../events.ts";

export interface PeriodicDependencies {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly pool: Pick<AnalyserPool, "read">;
  readonly emit: (event: ScrapeEvent) => void;
  readonly observe: (source: SignalSource, interval: Milliseconds, seen: readonly Observation[]) => void;
  readonly learned: (facts: TargetFacts) => void;
}

type Options = Pick<ScrapeConfig, "metrics" | "vars" | "probes" | "schedtrace" | "profiles" | "trace">;
/** What one reading took in, for the log. */
type Read = { readonly bytes: number };

/** Profiles appear when a service is changed, which is a restart: the index is read this seldom. */
const INDEX_EVERY = milliseconds(600_000);

/**
 * What is read of one target beside its trace, each at its interval: metrics, expvars, profiles, probes, schedtrace lines.
 * One reading of a kind at a time; one that fails is an event, and the next one comes at its time.
 */
export class PeriodicReads {
  readonly #target: Target;
  readonly #options: Options;
  readonly #client: Dispatcher;
  readonly #deps: PeriodicDependencies;
  #facts: TargetFacts = {};

  /** @param client speaks to the target, with its credentials. */
  constructor(target: Target, options: Options, client: Dispatcher, deps: PeriodicDependencies) {
    this.#target = target;
    this.#options = options;
    this.#client = client;
    this.#deps = deps;
  }

  /** What the target said of itself so far. */
  get facts(): TargetFacts {
    return this.#facts;
  }

  /** Reads until `signal` is aborted. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { metrics, vars, probes, schedtrace, profiles } = this.#options;
    const loops: Promise<void>[] = [];
    const at = (kind: ScrapeKind, name: string, every: Milliseconds, read: () => Promise<Read>): void => {
      loops.push(this.#every({ kind, name, every }, read, signal));
    };
    if (metrics !== undefined)
      at("metrics", "", metrics.interval, () => this.#page("metrics", metrics, signal));
    if (vars !== undefined) at("vars", "", vars.interval, () => this.#page("vars", vars, signal));
    // Other places than the target are asked by a client that has none of its credentials.
    const plain = probes.some(({ url }) => url !== undefined) ? new HttpAgent({ connections: 2 }) : undefined;
    for (const probe of probes) {
      const client = probe.url === undefined ? this.#client : (plain ?? this.#client);
      at("probe", probe.name, probe.interval, () => this.#probe(probe, client, signal));
    }
    if (profiles.every !== undefined) loops.push(this.#profiles(profiles.every, signal));
    if (schedtrace !== undefined) loops.push(this.#schedtrace(schedtrace, signal));
    await Promise.all(loops);
    await plain?.close();
  }

  /** The first one at a random moment of the interval, so that a thousand targets are not read at once. */
  async #every(
    what: { readonly kind: ScrapeKind; readonly name: string; readonly every: Milliseconds },
    read: () => Promise<Read>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, random } = this.#deps;
    const first = Math.min(what.every, 5000) * random();
    await clock.sleep(milliseconds(first), signal).catch(() => undefined);
    while (!signal.aborted) {
      const began = clock.monotonic();
      await this.#attempt(what, read, signal);
      const left = what.every - (clock.monotonic() - began);
      if (left > 0) await clock.sleep(milliseconds(left), signal).catch(() => undefined);
    }
  }

  async #attempt(
    { kind: what, name }: { readonly kind: ScrapeKind; readonly name: string },
    read: () => Promise<Read>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, emit } = this.#deps;
    const target = this.#target.name;
    const began = clock.monotonic();
    try {
      const { bytes } = await read();
      const took = milliseconds(clock.monotonic() - began);
      emit({ kind: "scrape.completed", target, what, name, bytes, took });
    } catch (error) {
      if (signal.aborted) return;
      const known = error instanceof GorewindError ? error : undefined;
      const code = known?.code ?? "unreadable";
      const hint = known?.hint;
      const message = errorMessage(error);
      emit({ kind: "scrape.failed", target, what, name, code, message, ...(hint !== undefined && { hint }) });
    }
  }

  async #page(what: "metrics" | "vars", options: PageOptions, signal: AbortSignal): Promise<Read> {
    const path = what === "metrics" ? (this.#target.metricsPath ?? options.path) : options.path;
    const page = await fetchPage(this.#client, this.#target, path, {}, options, signal);
    if (page.status !== 200) {
      throw new ScrapeError("status", `${this.#target.address} answered ${page.status} to ${path}`);
    }
    await this.#decode(what, page.contentType, page.chunks, options.interval);
    return page;
  }

  /** Has the bytes read in the target's analysis thread, and hands on what they say. */
  async #decode(
    what: PageJob["what"],
    detail: string,
    chunks: readonly Uint8Array[],
    interval: Milliseconds,
  ): Promise<void> {
    // A copy of its own: small buffers share one memory, which cannot be moved to a thread.
    const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let offset = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    const at = this.#deps.clock.now();
    const answer = await this.#deps.pool.read({ target: this.#target.name, what, detail, bytes, at });
    if (answer === undefined) return;
    if (answer.kind === "unreadable-page") throw new ScrapeError("format", answer.message);
    this.#learn(answer.facts);
    if (answer.observations.length > 0) {
      this.#deps.observe(what === "profile" ? "profile" : "metrics", interval, answer.observations);
    }
  }

  #learn(facts: TargetFacts): void {
    const before = this.#facts;
    this.#facts = { ...before, ...facts };
    this.#deps.learned(facts);
    // Its own clock may be set, by little; a restart is a second and more.
    const moved = (facts.startSeconds ?? 0) - (before.startSeconds ?? 0);
    if (facts.startSeconds === undefined || before.startSeconds === undefined || Math.abs(moved) <= 1) return;
    this.#deps.observe("target", milliseconds(0), [{ signal: "target_restarted", labels: {}, values: [1] }]);
  }

  async #probe(probe: ProbeOptions, client: Dispatcher, signal: AbortSignal): Promise<Read> {
    const { clock } = this.#deps;
    const began = clock.monotonic();
    const { status, success } = await runProbe(client, this.#target, probe, signal);
    const took = (clock.monotonic() - began) / 1000;
    const labels = { probe: probe.name };
    this.#deps.observe("probe", probe.interval, [
      { signal: "probe_duration_seconds", labels, values: [took] },
      { signal: "probe_status", labels, values: [status] },
      { signal: "probe_success", labels, values: [success ? 1 : 0] },
    ]);
    return { bytes: 0 };
  }

  /** A round of profiles, one after the other: together they would weigh on the service at once. */
  async #profiles(every: Milliseconds, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    let present: ReadonlySet<string> | undefined;
    let indexed = -Infinity;
    const round = async (): Promise<Read> => {
      if (clock.monotonic() - indexed > INDEX_EVERY) {
        const names = await fetchPprofIndex(this.#client, this.#target, this.#options.profiles, signal);
        // Without an index page of Go's form there is nothing to go by: all are tried.
        present = names.includes("goroutine") ? new Set(names) : undefined;
        indexed = clock.monotonic();
      }
      let bytes = 0;
      for (const profile of this.#options.profiles.periodic) {
        if (present !== undefined && !present.has(profile.endpoint)) continue;
        await this.#attempt(
          { kind: "profile", name: profile.endpoint },
          async () => {
            const read = await this.#profile(profile, every, signal);
            bytes += read.bytes;
            return read;
          },
          signal,
        );
      }
      return { bytes };
    };
    await this.#every({ kind: "profile", name: "index", every }, round, signal);
  }

  async #profile(profile: PeriodicProfile, every: Milliseconds, signal: AbortSignal): Promise<Read> {
    const { endpoint, seconds } = profile;
    const asked = { endpoint, ...(seconds !== undefined && { seconds }) };
    const chunks = await fetchProfile(this.#client, this.#target, this.#options.profiles, asked, signal);
    await this.#decode("profile", endpoint, chunks, every);
    return { bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0) };
  }

  async #schedtrace(options: SchedtraceOptions, signal: AbortSignal): Promise<void> {
    const follower = new LineFollower(options.file);
    const look = async (): Promise<Read> => {
      const lines = await follower.look();
      for (const line of lines) {
        const seen = schedtraceObservations(line);
        if (seen.length > 0) this.#deps.observe("schedtrace", options.interval, seen);
      }
      return { bytes: lines.reduce((sum, line) => sum + line.length, 0) };
    };
    await this.#every({ kind: "schedtrace", name: "", every: options.interval }, look, signal);
    await follower.close();
  }
}
