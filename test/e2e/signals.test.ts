/** Rules on every signal that only a running agent sees, of real services: what has to fire does, what must not does not. */

import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { request } from "undici";
import { LIVE_CASES } from "../signals/coverage.ts";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { repoRoot } from "../support/cache.ts";
import { buildGo, goUnavailable } from "../support/go.ts";
import { start, type Child } from "../support/process.ts";
import { prometheusUnavailable, startPrometheus, type PrometheusServer } from "../support/prometheus.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop, type Shop } from "../support/shop.ts";

const skip = requireOrSkip(
  "rules on the signals of running services",
  (await goUnavailable()) ?? (await prometheusUnavailable()),
);

const cases = Object.entries(LIVE_CASES);
const nameOf = (signal: string): string => signal.replace(/[^a-z0-9]+/gi, "_");

/** Two rules a signal, neither of which captures anything. */
const rules = cases.flatMap(([signal, { job, fires, quiet }]) => {
  const elsewhere = "job" in quiet;
  const rule = (name: string, on: string, when: object): object => ({
    name: `${name}-${nameOf(signal)}`,
    match: { job: on },
    dry_run: true,
    when: { signal, ...when },
    limits: { cooldown: "1h" },
  });
  return [rule("fires", job, fires), rule("quiet", elsewhere ? "zoo" : job, elsewhere ? fires : quiet)];
});

describe.skipIf(skip)("a rule on a signal of a running service", { timeout: 120_000 }, () => {
  const opened: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(thing: T): T => {
    opened.push(thing);
    return thing;
  };
  const folder = mkdtempSync(join(tmpdir(), "gorewind-signals-"));
  let agent: RunningAgent;

  beforeAll(async () => {
    const zoo = keep(
      await start(await buildGo("test/go/signals"), ["zoo"], {
        env: { ...process.env, GODEBUG: "schedtrace=50" },
      }),
    );
    const zooAddress = await zoo.line((line) => /^127\.0\.0\.1:\d+$/.test(line));
    const shop = keep(await startShop({ args: ["-load", "10", "-slow-every", "1", "-slow", "300ms"] }));
    const held = keep(await startShop());
    // Somebody else has the tracer of this one, before the agent comes.
    const holder = await request(`${held.debugUrl}/debug/pprof/trace?seconds=600`);
    holder.body.on("error", () => undefined).resume();
    keep({ [Symbol.asyncDispose]: async () => void holder.body.destroy() });
    const prometheus: PrometheusServer = keep(await startPrometheus({ targets: [] }));
    mkdirSync(join(folder, "dropped"));
    agent = keep(await startAgent({ folder, config: configOf({ zooAddress, shop, held, prometheus }) }));
    follow(zoo, join(folder, "zoo.log"));
    await agent.event(
      (line) => line.event === "generation.sealed" && String(line["target"]).startsWith("shop@"),
      60_000,
    );
    // What was there at the first look is not new.
    while (!(await agent.targets()).some(({ reason }) => /for the next file/.test(reason))) await sleep(100);
    dropTrace(join(folder, "dropped"));
    await postAlert(agent);
    await killAndRestart(agent, shop, keep);
  }, 240_000);

  afterAll(async () => {
    for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const heard = (name: string) => (line: { readonly event: string; readonly rule?: unknown }) =>
    line.event === "trigger.suppressed" && line.rule === name;

  it.each(cases)("%s", async (signal) => {
    await agent.event(heard(`fires-${nameOf(signal)}`), 90_000);
    expect(agent.events().filter(heard(`quiet-${nameOf(signal)}`))).toEqual([]);
  });
});

interface Services {
  readonly zooAddress: string;
  readonly shop: Shop;
  readonly held: Shop;
  readonly prometheus: PrometheusServer;
}

function configOf({ zooAddress, shop, held, prometheus }: Services): string {
  return `
scrape_configs:
  - job_name: zoo
    static_configs: [{ targets: ["${zooAddress}"] }]
    schedtrace: { file: $FOLDER/zoo.log }
    profiles: { every: 1s, list: [goroutine, heap, threadcreate, { mutex: 1s }, { block: 1s }] }
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
    metrics: { interval: 1s }
    vars: { interval: 1s }
    probes:
      - { name: home, url: "${shop.url}/healthz", interval: 1s, timeout: 20s }
      - { name: slow, url: "${shop.url}/checkout", interval: 1s, timeout: 20s }
      - { name: missing, path: /no/such/page, interval: 1s, timeout: 20s }
  - job_name: held
    static_configs: [{ targets: ["${new URL(held.debugUrl).host}"] }]
  - job_name: dropped
    static_configs: [{ targets: ["127.0.0.1:1"] }]
    trace: { mode: file, folder: $FOLDER/dropped, interval: 1s }
schedules:
  - { name: often, cron: "*/2 * * * * *" }
  - { name: yearly, cron: "0 0 1 1 *" }
promql: [{ name: three, url: "${prometheus.url}", query: "vector(3)", interval: 1s, timeout: 1s }]
triggers: ${JSON.stringify(rules)}
`;
}

/** The program's standard error as its container's log. */
function follow(child: Child, file: string): void {
  child.onLine((stream, line) => {
    if (stream === "stderr") appendFileSync(file, `${line}\n`);
  });
}

/** As a service's own flight recorder leaves a trace. */
function dropTrace(folder: string): void {
  const trace = gunzipSync(readFileSync(join(repoRoot, "test/fixtures/replay/trace.out.gz")));
  writeFileSync(join(folder, ".tmp"), trace);
  renameSync(join(folder, ".tmp"), join(folder, "slow-1.trace"));
}

async function postAlert(agent: RunningAgent): Promise<void> {
  const { statusCode, body } = await request(`${agent.url}/api/v1/alerts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      alerts: [{ status: "firing", labels: { alertname: "Slow", job: "zoo", team: "web" } }],
    }),
  });
  expect([statusCode, await body.json()]).toEqual([200, { targets: 1 }]);
}

/** The shop dies, is away until the agent has noticed, and comes back on the same ports. */
async function killAndRestart(
  agent: RunningAgent,
  shop: Shop,
  keep: <T extends AsyncDisposable>(thing: T) => T,
): Promise<void> {
  // What is read beside the trace was read at least twice: rates are known.
  for (const rule of [
    "fires-metric_http_requests_total",
    "fires-probe_duration_seconds",
    "fires-probe_status",
  ]) {
    await agent.event((line) => line.event === "trigger.suppressed" && line["rule"] === rule, 90_000);
  }
  await shop.child.kill9();
  await agent.event(
    (line) => line.event === "trigger.suppressed" && line["rule"] === "fires-target_up",
    60_000,
  );
  const [port, debugPort] = [shop.url, shop.debugUrl].map((url) => Number(new URL(url).port));
  keep(await startShop({ args: ["-load", "10"], port: port ?? 0, debugPort: debugPort ?? 0 }));
}
