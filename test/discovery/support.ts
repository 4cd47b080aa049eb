import { randomInt } from "node:crypto";
import { systemClock } from "../../src/cli/clock.ts";
import type { GorewindError } from "../../src/base/errors.ts";
import { configSchema } from "../../src/config/options.ts";
import { discover as discoverTargets } from "../../src/discovery/discover.ts";
import type { DiscoveryOptions } from "../../src/discovery/options.ts";
import type { TargetGroup } from "../../src/discovery/targets.ts";

/** The options of the one `…_sd_config` in a scrape config's YAML, given as an object. */
export function discoveryOptions(section: object): DiscoveryOptions {
  const parsed = configSchema.parse({ scrape_configs: [{ job_name: "test", ...section }] });
  const [options] = parsed.scrapeConfigs[0]?.discovery ?? [];
  if (options === undefined) throw new Error("nothing is discovered");
  return options;
}

export interface Discovery extends AsyncDisposable {
  /** What was handed over so far, and what went wrong. */
  readonly updates: (readonly TargetGroup[])[];
  readonly failures: GorewindError[];
  readonly addresses: () => readonly string[];
  /** Resolves when what was handed over last has just these addresses, in any order. */
  until(addresses: readonly string[]): Promise<void>;
  /** The first failure, so far or to come, with this in its message. */
  failure(text: RegExp): Promise<GorewindError>;
}

const PATIENCE_MS = 20_000;

/** Runs a real discovery until it is disposed of. */
export function discover(options: DiscoveryOptions, folder: string): Discovery {
  const stopping = new AbortController();
  const [updates, failures]: [(readonly TargetGroup[])[], GorewindError[]] = [[], []];
  let wake: (() => void)[] = [];
  const tell = (): void => {
    const waiting = wake;
    wake = [];
    for (const each of waiting) each();
  };
  const running = discoverTargets(
    options,
    {
      clock: systemClock,
      random: () => randomInt(1_000_000) / 1_000_000,
      folder,
      onUpdate: (groups) => {
        updates.push(groups);
        tell();
      },
      onFailure: (error) => {
        failures.push(error);
        tell();
      },
    },
    stopping.signal,
  );
  const until = async <T>(what: string, ask: () => T | undefined): Promise<T> => {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = ask();
      if (answer !== undefined) return answer;
      if (performance.now() > deadline) throw new Error(`${what}; ${JSON.stringify({ updates, failures })}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  };
  const addresses = (): readonly string[] => (updates.at(-1) ?? []).flatMap(({ targets }) => targets);
  return {
    updates,
    failures,
    addresses,
    until: async (wanted) => {
      const text = [...wanted].sort().join();
      await until(`never had ${text}`, () =>
        updates.length > 0 && [...addresses()].sort().join() === text ? true : undefined,
      );
    },
    failure: (text) =>
      until(`nothing failed with ${text.source}`, () => failures.find(({ message }) => text.test(message))),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await running;
    },
  };
}
