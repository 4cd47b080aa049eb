import { dirname } from "node:path";
import { BufferPool } from "../base/buffers.ts";
import type { Clock } from "../base/clock.ts";
import { ConfigError } from "../base/errors.ts";
import { epochMilliseconds, MiB, milliseconds, type Milliseconds } from "../base/units.ts";
import type { Config, ConfiguredTarget } from "../config/load.ts";
import type { AgentEvent } from "../events.ts";
import { protectFirings } from "../capture/privacy.ts";
import type { HttpServer } from "../http/server.ts";
import { startHttp } from "../http/server.ts";
import { Explainer, explainLimits } from "../observe/explainer.ts";
import { AnalyserPool, type ObservedAnswer } from "../observe/pool.ts";
import { Protector } from "../observe/protector.ts";
import { Notifier } from "../outside/notifier.ts";
import { Outside } from "../outside/outside.ts";
import type { RecorderEvent } from "../recorder/events.ts";
import { Judge } from "./judge.ts";
import { lifeSignals } from "./life.ts";
import type { RecordedGeneration, RecordedSession } from "../ring/recording.ts";
import type { Target } from "../scraper/target.ts";
import type { Observation, ObservationBatch, SignalSource } from "../signals/signal.ts";
import { Shipping } from "../store/shipping.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Fired } from "../triggers/decision.ts";
import { labelsMatch } from "../triggers/match.ts";
import type { AgentHealth } from "../triggers/limits.ts";
import { createAgentApi } from "./api.ts";
import { BaselineFile, mayKeepBaseline } from "./baselines.ts";
import { CaptureCoordinator } from "./captures.ts";
import { DiscoverySet } from "./discovery.ts";
import { LiveTraces } from "./live.ts";
import { keepMetrics } from "./metric-rows.ts";
import { takeRings, type TakenRings } from "./mirror/left.ts";
import { PersistedRings } from "./mirror/persisted.ts";
import { Notices } from "./notices.ts";
import { createPprofApi } from "./pprof.ts";
import { Overheads } from "./overheads.ts";
import { PeriodicReads } from "./periodic/reads.ts";
import { requireRestartless, triggerOptionsOf } from "./reload.ts";
import { Shelf } from "./shelf.ts";
import { TargetSet, type WatchedTarget } from "./targets.ts";

export interface AgentDependencies {
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: Telemetry;
  readonly identity: { readonly version: string; readonly host: string };
  /** Reads the configuration again. @throws {ConfigError} */
  readonly readConfig: () => Promise<Config>;
  /** Of the process; a few of its variables are handed to commands that are told of captures. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How the agent itself is. */
  readonly health: () => Promise<AgentHealth>;
}

/** Captures in progress get this long at shutdown, then uploads; what is in the spool goes on at the next start. */
const DRAIN_CAPTURES = milliseconds(8000);
/** Of generations that were let go, for the next ones: two of the longest that are usual. */
const FREE_BUFFERS = 24 * MiB;
const HEALTH_EVERY = milliseconds(5000);
const DRAIN_UPLOADS = milliseconds(5000);
const DRAIN_NOTICES = milliseconds(3000);

/**
 * The pipeline, wired: targets → rings → analysis → rules → captures → spool → store. No logic of its own beyond who
 * hands what to whom.
 */
export class Agent {
  readonly #deps: AgentDependencies;
  readonly #stopping = new AbortController();
  readonly #background: Promise<void>[] = [];
  readonly #shipping: Shipping;
  readonly #buffers = new BufferPool(FREE_BUFFERS);
  readonly #pool: AnalyserPool;
  readonly #targets: TargetSet;
  readonly #discovery: DiscoverySet;
  readonly #captures: CaptureCoordinator;
  readonly #uploading = new AbortController();
  readonly #judge: Judge;
  readonly #live: LiveTraces;
  readonly #overheads: Overheads;
  readonly #shelf: Shelf;
  readonly #rings: PersistedRings;
  readonly #protector = new Protector();
  readonly #notifier: Notifier;
  readonly #notices: Notices;
  #outside: Outside;
  #config: Config;
  #http: HttpServer | undefined;

  private constructor(config: Config, deps: AgentDependencies, shipping: Shipping, rings: TakenRings) {
    this.#config = config;
    this.#deps = deps;
    this.#shipping = shipping;
    this.#shelf = new Shelf(shipping);
    const { clock, random } = deps;
    const emit = this.#emit.bind(this);
    this.#notifier = new Notifier({ clock, emit, environment: deps.environment });
    this.#notices = new Notices({ shipping, shelf: this.#shelf, notifier: this.#notifier, emit });
    this.#pool = new AnalyserPool(config.options.analysis, {
      emit,
      onObserved: (answer) => this.#observed(answer),
      recycle: (trace) => this.#buffers.give(trace),
    });
    this.#live = new LiveTraces(clock, (target, error) =>
      emit({ kind: "follower.dropped", target, message: error.message }),
    );
    this.#targets = new TargetSet({
      folder: dirname(config.file),
      clock,
      random,
      emit: (event) => this.#recorded(event),
      buffers: this.#buffers,
      onGeneration: (watched, session, generation) => this.#analyse(watched, session, generation),
      onRemoved: (target) => this.#forget(target),
      createReads: ({ target, scrape }, client) =>
        new PeriodicReads(target, scrape, client, {
          clock,
          random,
          pool: this.#pool,
          emit,
          observe: (source, interval, seen) => this.#observe(target, source, interval, seen),
          learned: (facts) => this.#overheads.learned(target.name, facts),
        }),
    });
    this.#overheads = new Overheads({
      clock,
      emit,
      watched: (target) => this.#targets.get(target),
      all: () => this.#targets.all(),
    });
    this.#discovery = new DiscoverySet({
      clock,
      random,
      folder: dirname(config.file),
      emit,
      onTargets: (targets) => this.#watch(targets),
    });
    const { maxConcurrent, reportTimeout: millis } = config.options.capture;
    this.#captures = new CaptureCoordinator({
      spool: shipping.spool,
      clock,
      random,
      emit,
      watched: (target) => this.#targets.get(target),
      identity: () => ({ ...deps.identity, configHash: this.#config.hash }),
      maxConcurrent,
      protector: this.#protector,
      explainer: new Explainer({ ...explainLimits, millis }),
    });
    this.#rings = new PersistedRings(config.options.spool, rings, {
      spool: shipping.spool,
      clock,
      emit,
      identity: () => ({ ...deps.identity, configHash: this.#config.hash }),
      protector: this.#protector,
      explainer: new Explainer({ ...explainLimits, millis }),
    });
    this.#outside = this.#createOutside(config);
    this.#judge = new Judge(triggerOptionsOf(config), {
      clock,
      random,
      emit,
      onFired: (firing) => this.#fire(firing),
      baselines: new BaselineFile(config.options.spool.path, (key) =>
        mayKeepBaseline(key, this.#config.options.scrapeConfigs, this.#targets.all()),
      ),
    });
  }

  /**
   * Opens the spool, starts recording and serving.
   *
   * @throws {StoreError} the spool cannot be used. @throws {GorewindError} the address cannot be listened on.
   */
  static async start(config: Config, deps: AgentDependencies): Promise<Agent> {
    let agent: Agent | undefined;
    const shipping = await Shipping.open(
      config.options,
      {
        clock: deps.clock,
        random: deps.random,
        emit: (event) => (agent === undefined ? deps.telemetry.emit(event) : agent.#emit(event)),
        host: deps.identity.host,
        services: () => (agent === undefined ? [] : agent.#services()),
      },
      new AbortController().signal,
    );
    try {
      const { files } = shipping.spool;
      const rings = await takeRings(files, config.options.spool.path, deps.clock.now(), deps.random);
      agent = new Agent(config, deps, shipping, rings);
      await agent.#start();
      return agent;
    } catch (error) {
      await shipping.close();
      throw error;
    }
  }

  /** `http://127.0.0.1:7099` */
  get address(): string {
    return this.#http?.address ?? "";
  }

  async #start(): Promise<void> {
    const { telemetry, clock, identity } = this.#deps;
    this.#http = await startHttp(
      this.#config.options.http,
      createAgentApi({
        telemetry,
        targets: this.#targets,
        shelf: this.#shelf,
        reload: () => this.reload(),
        trigger: (target, reason, capture) =>
          this.#captures.fire(this.#judge.manual(target, reason, { capture })),
        alert: (body) => this.#outside.alert(body),
        triggers: (filter) => this.#judge.engine.explain(clock.now(), filter),
        pprof: createPprofApi({
          targets: this.#targets,
          live: this.#live,
          clock,
        }),
      }),
    );
    telemetry.measureSpool(() => this.#shipping.spool.usage());
    telemetry.measureRings(() => this.#rings.bytes);
    telemetry.measureEngine(
      () => this.#judge.counters,
      () => this.#judge.engine.staleness(clock.now()),
    );
    await this.#judge.recall();
    this.#apply(this.#config);
    this.#background.push(
      this.#shipping.run(this.#uploading.signal),
      this.#judge.run(this.#stopping.signal),
      this.#overheads.run(this.#stopping.signal),
      this.#rings.run(this.#stopping.signal),
      this.#watchHealth(this.#stopping.signal),
    );
    this.#emit({ kind: "agent.started", version: identity.version, address: this.#http.address });
  }

  /** Tells the rules how the agent itself is, so that they hold back when it is too much. */
  async #watchHealth(signal: AbortSignal): Promise<void> {
    const { clock, health } = this.#deps;
    while (!signal.aborted) {
      this.#judge.engine.setHealth(await health().catch(() => ({})));
      await clock.sleep(HEALTH_EVERY, signal).catch(() => undefined);
    }
  }

  /** Captures every target now: what SIGUSR2 asks for. */
  captureAll(reason: string): void {
    for (const name of this.#targets.names()) {
      this.#captures.fire(this.#judge.manual(name, reason, { origin: "signal" }));
    }
  }

  /**
   * Reads the configuration again and goes on with it.
   *
   * @throws {ConfigError} it cannot be used; the one before goes on.
   */
  async reload(): Promise<void> {
    try {
      const next = await this.#deps.readConfig();
      requireRestartless(this.#config, next);
      this.#config = next;
      this.#judge.reload(triggerOptionsOf(next));
      await this.#outside.stop();
      this.#outside = this.#createOutside(next);
      this.#apply(next);
    } catch (error) {
      if (error instanceof ConfigError) {
        this.#emit({ kind: "config.rejected", file: this.#config.file, problems: error.problems });
      }
      throw error;
    }
  }

  /** Stops taking in, finishes the captures in progress, gives uploads a moment, and ends. */
  async stop(reason: string): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#emit({ kind: "agent.stopping", reason });
    this.#stopping.abort();
    await this.#captures.drain(DRAIN_CAPTURES);
    await this.#discovery.stop();
    await this.#targets.stop();
    await this.#rings.close();
    await this.#drainUploads();
    await this.#notices.made();
    this.#uploading.abort();
    await this.#notifier.drain(DRAIN_NOTICES);
    await this.#outside.stop();
    await Promise.all(this.#background);
    await this.#pool.close();
    await this.#protector.close();
    await this.#shipping.close();
    await this.#http?.close();
    this.#emit({ kind: "agent.stopped" });
  }

  #apply(config: Config): void {
    this.#deps.telemetry.setLogLevel(config.options.log);
    this.#discovery.apply(config);
    this.#outside.start();
    this.#notifier.configure(config.options.notifications);
    const { hash, file, targets, options } = config;
    this.#emit({
      kind: "config.loaded",
      file,
      hash,
      targets: targets.length,
      triggers: options.triggers.length,
    });
  }

  #watch(targets: readonly ConfiguredTarget[]): void {
    this.#targets.apply(targets);
    const now = this.#deps.clock.now();
    for (const { target } of targets) this.#judge.engine.addTarget(target.name, target.labels, now);
  }

  /** Runs inside the socket's read: hands a copy to the analysis and returns. */
  #analyse(watched: WatchedTarget, session: RecordedSession, generation: RecordedGeneration): void {
    this.#live.offer(watched.target.name, session, generation);
    if (watched.scrape.ring.persist) this.#rings.changed(watched, session, generation);
    const { header } = session;
    // The ring keeps the original; the copy is moved to the thread.
    const trace = this.#buffers.take(header.length + generation.byteLength);
    trace.set(header);
    generation.copyTo(trace, header.length);
    this.#pool.offer({
      target: watched.target.name,
      session: session.id,
      generation: generation.number,
      trace,
      wallAnchor: generation.wallStart - generation.startNs / 1e6,
      interval: milliseconds((generation.endNs - generation.startNs) / 1e6),
      at: generation.wallEnd,
    });
  }

  #observed(answer: ObservedAnswer): void {
    const watched = this.#targets.get(answer.target);
    if (watched === undefined) return;
    this.#take({
      target: answer.target,
      targetLabels: watched.target.labels,
      source: "trace",
      at: epochMilliseconds(answer.at),
      interval: answer.interval,
      observations: answer.observations,
    });
  }

  /** A stream that opens, ends or is refused is a signal as well: of the target's life. */
  #recorded(event: RecorderEvent): void {
    this.#emit(event);
    const observations = lifeSignals(event);
    const watched = this.#targets.get(event.target);
    if (observations.length > 0 && watched !== undefined) {
      this.#observe(watched.target, "target", milliseconds(0), observations);
    }
  }

  /** What was seen of a target just now, other than in its trace. */
  #observe(
    { name, labels }: Target,
    source: SignalSource,
    interval: Milliseconds,
    observations: readonly Observation[],
  ): void {
    if (this.#stopping.signal.aborted || this.#targets.get(name) === undefined) return;
    const at = this.#deps.clock.now();
    this.#take({ target: name, targetLabels: labels, source, at, interval, observations });
  }

  #take(batch: ObservationBatch): void {
    this.#deps.telemetry.observe(batch);
    const watched = this.#targets.get(batch.target);
    if (watched !== undefined) keepMetrics(batch, watched, this.#shipping.metrics, this.#protector.rename);
    this.#judge.observe(batch);
  }

  async #drainUploads(): Promise<void> {
    const giveUp = new AbortController();
    const limit = this.#deps.clock.sleep(DRAIN_UPLOADS, giveUp.signal).then(() => giveUp.abort());
    await this.#shipping.drained(giveUp.signal).catch(() => undefined);
    giveUp.abort();
    await limit.catch(() => undefined);
  }

  #forget(target: string): void {
    this.#pool.forget(target);
    this.#overheads.forget(target);
    this.#live.forget(target);
    this.#rings.forget(target);
    this.#judge.engine.removeTarget(target);
    this.#deps.telemetry.removeTarget(target);
  }

  #createOutside({ options }: Config): Outside {
    return new Outside(options, {
      clock: this.#deps.clock,
      emit: (event) => this.#emit(event),
      targets: () => this.#targets.all().map(({ target }) => target),
      observe: (name, observations) => {
        const watched = this.#targets.get(name);
        if (watched !== undefined) this.#observe(watched.target, "external", milliseconds(0), observations);
      },
    });
  }

  /** Captures the target, and the neighbours that the rule asks for, over the same window. */
  #fire(firing: Fired): void {
    const id = this.#captures.fire(firing);
    if (id === undefined || firing.capture.also.length === 0) return;
    for (const { target } of this.#targets.all()) {
      const asked = firing.capture.also.some((patterns) => labelsMatch(patterns, target.labels));
      if (!asked || target.name === firing.target) continue;
      // What is said of the one that fired goes by that one's policy.
      const policy = this.#targets.get(firing.target)?.privacy ?? [];
      const [said = firing] = protectFirings([firing], policy, this.#protector.rename);
      const message = `the same window as ${id} of ${firing.target}: ${said.message}`;
      this.#captures.fire({
        ...firing,
        ...said,
        target: target.name,
        neighbourOf: firing.target,
        message,
      });
    }
  }

  /** The services whose captures retention may look at. */
  #services(): readonly string[] {
    const named = this.#targets.all().map(({ target }) => target.labels["service"] ?? target.job);
    return [...new Set(named)];
  }

  #emit(event: AgentEvent): void {
    this.#deps.telemetry.emit(event);
    this.#overheads.hear(event);
    if (event.kind === "upload.completed") {
      this.#shelf.stored(event.id, event.prefix);
      this.#notices.stored(event.id, this.#uploading.signal);
    }
    if (event.kind === "capture.completed" && !event.rules.includes("manual")) {
      this.#judge.engine.recordBytes(event.bytes, this.#deps.clock.now());
    }
  }
}
