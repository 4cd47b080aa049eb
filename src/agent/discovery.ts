import type { Clock } from "../base/clock.ts";
import type { GorewindError } from "../base/errors.ts";
import { milliseconds } from "../base/units.ts";
import { rulesOf, type Config, type ConfiguredTarget } from "../config/load.ts";
import type { ScrapeConfig } from "../config/options.ts";
import { discover, trustOf } from "../discovery/discover.ts";
import type { DiscoveryEvent } from "../discovery/events.ts";
import type { DiscoveryOptions } from "../discovery/options.ts";
import { resolveTargets, type KnownGroups, type Refusal, type TargetGroup } from "../discovery/targets.ts";
import { fingerprint } from "../scraper/client/secret.ts";

export interface DiscoverySetDependencies {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Relative paths of the configuration are below it. */
  readonly folder: string;
  readonly emit: (event: DiscoveryEvent) => void;
  /** Takes all targets that are to be watched from now on, configured and discovered. */
  readonly onTargets: (targets: readonly ConfiguredTarget[]) => void;
}

/** One `…_sd_config` that is being followed. */
interface Followed {
  readonly job: string;
  readonly options: DiscoveryOptions;
  readonly fingerprint: string;
  readonly stop: () => Promise<void>;
  groups: readonly TargetGroup[];
}

/** A rollout changes many pods at once; what comes within this time is taken together. */
const SETTLE = milliseconds(100);

/** Who is watched: the configuration's own targets and those that are discovered, as they come and go. */
export class DiscoverySet {
  readonly #deps: DiscoverySetDependencies;
  readonly #stopping = new AbortController();
  /** Those that are on their way out. */
  readonly #ending = new Set<Promise<void>>();
  #followed: ReadonlyMap<string, Followed> = new Map();
  #config: Config | undefined;
  /** Names of each job's targets, so that a limit refuses the new ones and not the old. */
  #active: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  /** What was reported of each job last. */
  readonly #resolved = new Map<string, string>();
  /** Each reading of the configuration makes new ones. */
  readonly #known = new WeakMap<ScrapeConfig, KnownGroups>();
  #publishing: Promise<void> | undefined;

  constructor(deps: DiscoverySetDependencies) {
    this.#deps = deps;
  }

  /** Follows another configuration; what is the same in it goes on. */
  apply(config: Config): void {
    this.#config = config;
    const followed = new Map<string, Followed>();
    for (const { jobName, discovery } of config.options.scrapeConfigs) {
      for (const [i, options] of discovery.entries()) {
        const key = `${jobName}\0${options.kind}\0${i}`;
        const before = this.#followed.get(key);
        if (before?.fingerprint === fingerprint(options)) {
          followed.set(key, before);
          continue;
        }
        // Until the new one has something to say, what the old one found stays.
        followed.set(key, this.#follow(jobName, options, before?.groups ?? []));
      }
    }
    for (const [key, each] of this.#followed) {
      if (followed.get(key) === each) continue;
      const ending = each.stop().finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
    this.#followed = followed;
    const jobs = new Set(config.options.scrapeConfigs.map(({ jobName }) => jobName));
    for (const job of [...this.#resolved.keys()].filter((known) => !jobs.has(known))) this.#end(job);
    this.#publish();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...[...this.#followed.values()].map((each) => each.stop()), ...this.#ending]);
    await this.#publishing;
  }

  #follow(job: string, options: DiscoveryOptions, groups: readonly TargetGroup[]): Followed {
    const { emit, clock, random, folder } = this.#deps;
    const mechanism = options.kind;
    const stopping = new AbortController();
    const onUpdate = (found: readonly TargetGroup[]): void => {
      followed.groups = found;
      const addresses = found.reduce((sum, { targets }) => sum + targets.length, 0);
      emit({ kind: "discovery.updated", job, mechanism, addresses });
      this.#publishSoon();
    };
    const onFailure = ({ code, message, hint }: GorewindError): void => {
      const advice = hint !== undefined && { hint };
      emit({ kind: "discovery.failed", job, mechanism, code, message, ...advice });
    };
    const context = { clock, random, folder, onUpdate, onFailure };
    const running = discover(options, context, stopping.signal);
    const followed: Followed = {
      job,
      options,
      fingerprint: fingerprint(options),
      groups,
      stop: async () => {
        stopping.abort();
        await running;
      },
    };
    return followed;
  }

  #publishSoon(): void {
    const { signal } = this.#stopping;
    this.#publishing ??= this.#deps.clock.sleep(SETTLE, signal).then(
      () => {
        this.#publishing = undefined;
        this.#publish();
      },
      () => undefined,
    );
  }

  #publish(): void {
    const config = this.#config;
    if (config === undefined || this.#stopping.signal.aborted) return;
    const names = new Set<string>();
    const all: ConfiguredTarget[] = [];
    const active = new Map<string, ReadonlySet<string>>();
    for (const scrape of config.options.scrapeConfigs) {
      const found = this.#targetsOf(scrape, config, names);
      active.set(scrape.jobName, new Set(found.map(({ target }) => target.name)));
      all.push(...found);
    }
    this.#active = active;
    this.#deps.onTargets(all);
  }

  /** The targets of one scrape config. @param names of all targets so far: a process has one tracer. */
  #targetsOf(scrape: ScrapeConfig, config: Config, names: Set<string>): readonly ConfiguredTarget[] {
    const found = config.targets.filter((entry) => entry.scrape === scrape);
    const refused: { readonly address: string; readonly reason: Refusal }[] = [];
    const known: KnownGroups = this.#known.get(scrape) ?? new WeakMap();
    this.#known.set(scrape, known);
    let dropped = scrape.staticConfigs.flatMap(({ targets }) => targets).length - found.length;
    for (const { job, options, groups } of this.#followed.values()) {
      if (job !== scrape.jobName) continue;
      const trust = trustOf(options);
      const resolved = resolveTargets(rulesOf(scrape, config.options), groups, trust, known);
      found.push(...resolved.targets.map((target) => ({ target, scrape, trust })));
      refused.push(...resolved.refused);
      dropped += resolved.dropped;
    }
    const before = this.#active.get(scrape.jobName);
    const isOld = ({ target }: ConfiguredTarget): boolean => before?.has(target.name) === true;
    const kept: ConfiguredTarget[] = [];
    for (const entry of [...found.filter(isOld), ...found.filter((each) => !isOld(each))]) {
      const { name, address } = entry.target;
      const reason = names.has(name) ? "duplicate" : kept.length >= scrape.targetLimit ? "limit" : undefined;
      if (reason !== undefined) {
        refused.push({ address, reason });
        continue;
      }
      names.add(name);
      kept.push(entry);
    }
    // What is written down and then dropped by a rule is as surprising as what is not found.
    if (scrape.discovery.length + dropped > 0) this.#report(scrape.jobName, kept.length, dropped, refused);
    else this.#end(scrape.jobName);
    return kept;
  }

  /** There is nothing to report of the job any more. */
  #end(job: string): void {
    if (this.#resolved.delete(job)) this.#deps.emit({ kind: "discovery.ended", job });
  }

  #report(
    job: string,
    active: number,
    dropped: number,
    refused: readonly { readonly address: string; readonly reason: Refusal }[],
  ): void {
    const counts: Record<string, number> = {};
    for (const { reason } of refused) counts[reason] = (counts[reason] ?? 0) + 1;
    const example = refused[0] === undefined ? undefined : `${refused[0].address} (${refused[0].reason})`;
    const event: DiscoveryEvent = {
      kind: "discovery.resolved",
      job,
      active,
      dropped,
      refused: counts,
      ...(example !== undefined && { example }),
    };
    const said = JSON.stringify(event);
    if (this.#resolved.get(job) !== said) this.#deps.emit(event);
    this.#resolved.set(job, said);
  }
}
