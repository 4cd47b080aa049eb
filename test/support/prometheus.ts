import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exists } from "./cache.ts";
import { unpackDebian } from "./debian.ts";
import { freePort } from "./port.ts";
import { run, start } from "./process.ts";
import type { RunResult } from "./process.ts";

/** Why Prometheus cannot be run here, or undefined. Where it is not installed it is taken from Debian's package. */
export async function prometheusUnavailable(): Promise<string | undefined> {
  return program("prometheus").then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

async function program(name: "prometheus" | "promtool"): Promise<string> {
  const path = join("/usr/bin", name);
  return (await exists(path)) ? path : join(await unpackDebian("prometheus"), path);
}

/** Runs promtool, for instance `promtool(["check", "rules", file])`; `input` is what it reads from stdin. */
export async function promtool(args: readonly string[], input?: string): Promise<RunResult> {
  return run(await program("promtool"), args, input === undefined ? {} : { input });
}

/** One series of an instant query's answer. */
export interface PrometheusSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface PrometheusTargetState {
  readonly scrapeUrl: string;
  readonly health: "up" | "down" | "unknown";
  readonly lastError: string;
}

export interface PrometheusOptions {
  /** `host:port` of what it scrapes, at /metrics. */
  readonly targets: readonly string[];
  /** More of `scrape_configs`, in Prometheus' own form. */
  readonly scrapeConfigs?: readonly object[];
  readonly scrapeInterval?: string;
  /** Alerting and recording rules: the text of a rule file. */
  readonly rules?: string;
  /** More command line flags, for instance `--enable-feature=exemplar-storage`. */
  readonly args?: readonly string[];
}

export interface PrometheusServer extends AsyncDisposable {
  readonly url: string;
  /** An instant query that gives series. */
  query(expression: string): Promise<readonly PrometheusSample[]>;
  /** The same query, asked until it gives something; rejects after 30 s. */
  queryUntilAny(expression: string): Promise<readonly PrometheusSample[]>;
  targets(): Promise<readonly PrometheusTargetState[]>;
  /** Any other path of its API, `/api/v1/rules`: the `data` of the answer. */
  api(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

const LIMIT_MS = 30_000;

/** Starts a real Prometheus on a free loopback port that scrapes `targets`, and waits until it is ready. */
export async function startPrometheus(options: PrometheusOptions): Promise<PrometheusServer> {
  const { targets, scrapeConfigs = [], scrapeInterval = "1s", rules, args = [] } = options;
  const folder = await mkdtemp(join(tmpdir(), "gorewind-prometheus-"));
  const [config, rulesFile] = [join(folder, "prometheus.yml"), join(folder, "rules.yml")];
  if (rules !== undefined) await writeFile(rulesFile, rules);
  // JSON is YAML.
  const content = {
    global: {
      scrape_interval: scrapeInterval,
      scrape_timeout: scrapeInterval,
      evaluation_interval: scrapeInterval,
    },
    rule_files: rules === undefined ? [] : [rulesFile],
    scrape_configs: [{ job_name: "gorewind", static_configs: [{ targets }] }, ...scrapeConfigs],
  };
  await writeFile(config, JSON.stringify(content));

  const address = `127.0.0.1:${await freePort()}`;
  const child = await start(await program("prometheus"), [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=${address}`,
    ...args,
  ]);
  const url = `http://${address}`;

  const api = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}${path}`);
    const answer = (await response.json()) as { readonly data?: unknown; readonly error?: string };
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${answer.error}`);
    return answer.data;
  };
  const query = async (expression: string): Promise<readonly PrometheusSample[]> => {
    const data = (await api(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
      readonly resultType: string;
      readonly result: readonly { metric: Record<string, string>; value: [number, string] }[];
    };
    if (data.resultType !== "vector") throw new Error(`${expression} is a ${data.resultType}, not a vector`);
    return data.result.map(({ metric, value }) => ({ metric, value: sampleValue(value[1]) }));
  };
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };

  try {
    // It listens before it is ready, and says so here.
    await until("Prometheus was not ready", async () => {
      if (!child.running) throw new Error("Prometheus ended");
      const response = await fetch(`${url}/-/ready`).catch(() => undefined);
      return response?.status === 200 ? true : undefined;
    });
  } catch (error) {
    await stop();
    throw new Error(child.lines("stderr").join("\n"), { cause: error });
  }
  return {
    url,
    query,
    queryUntilAny: (expression) =>
      until(`${expression} gave nothing`, async () => {
        const samples = await query(expression);
        return samples.length > 0 ? samples : undefined;
      }),
    targets: async () => {
      const data = (await api("/api/v1/targets")) as { readonly activeTargets: PrometheusTargetState[] };
      return data.activeTargets;
    },
    api,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Prometheus spells infinities `+Inf` and `-Inf`. */
function sampleValue(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}

/** Asks every 100 ms until there is an answer. */
async function until<T>(failure: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`${failure} within ${LIMIT_MS} ms`);
    await sleep(100);
  }
}
