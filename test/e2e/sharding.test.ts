import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { repoRoot } from "../support/cache.ts";
import { goUnavailable } from "../support/go.ts";
import { KubeApi, podOf } from "../support/kube-api.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop, type Shop } from "../support/shop.ts";

const skip = requireOrSkip(
  "sharded agents beside real Go services",
  (await goUnavailable()) ?? (await goUnavailable("1.22")),
);

const SHARDS = 3;
const PATIENCE_MS = 60_000;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()));
});

function keep<T extends AsyncDisposable>(thing: T): T {
  open.push(thing);
  return thing;
}

const hostOf = (shop: Shop): string => new URL(shop.debugUrl).host;
const targetOf = (shop: Shop): string => `pods@${hostOf(shop)}`;

/** The shipped configuration of config/kubernetes/namespace, led to the test's cluster and a folder as its store. */
async function shippedConfig(api: KubeApi): Promise<string> {
  const text = await readFile(join(repoRoot, "config/kubernetes/namespace/gorewind.yaml"), "utf8");
  const config = parse(text) as Record<string, unknown> & { scrape_configs: [Record<string, unknown>] };
  const [pods] = config.scrape_configs;
  pods["kubernetes_sd_configs"] = [
    { role: "pod", api_server: api.url, namespaces: { names: ["shop"] }, allow_loopback: true },
  ];
  for (const own of ["store", "spool", "http"]) delete config[own];
  return stringify(config);
}

/** Which agents have recorded the target: their numbers. */
const recordedBy = (agents: readonly RunningAgent[], target: string): readonly number[] =>
  agents.flatMap((agent, shard) =>
    agent.events().some((line) => line.event === "generation.sealed" && line["target"] === target)
      ? [shard]
      : [],
  );

describe.skipIf(skip)("a fleet of agents, sharded by hashmod", { timeout: 180_000 }, () => {
  it("records each pod of the namespace in exactly one of them; a new pod moves no other", async () => {
    const api = keep(await KubeApi.start({ allowed: ["shop"] }));
    // Names whose hashes are spread over all three shards, without the last one too.
    const pods = Array.from({ length: 6 }, (_, i) => `checkout-${i + 2}`);
    const shops: Shop[] = [];
    for (const [i] of pods.entries()) {
      shops.push(keep(await startShop({ version: i % 2 === 0 ? "1.22" : "local", args: ["-load", "5"] })));
    }
    const put = (i: number): void => {
      const port = new URL(shops[i]?.debugUrl ?? "").port;
      const annotations = { "gorewind.io/scrape": "true", "gorewind.io/port": port };
      api.put(podOf(pods[i] ?? "", { ip: "127.0.0.1", annotations }));
    };
    const early = shops.slice(0, -1);
    for (const i of early.keys()) put(i);

    const config = await shippedConfig(api);
    const agents: RunningAgent[] = [];
    for (let shard = 0; shard < SHARDS; shard++) {
      const env = { SHARD: String(shard), SHARDS: String(SHARDS) };
      agents.push(keep(await startAgent({ config, env })));
    }
    const recorded = (some: readonly Shop[]): readonly number[][] =>
      some.map((shop) => [...recordedBy(agents, targetOf(shop))]);
    await expect
      .poll(() => recorded(early).every((by) => by.length > 0), { timeout: PATIENCE_MS })
      .toBe(true);
    const owners = recorded(early);
    expect(owners.map((by) => by.length)).toEqual(early.map(() => 1));
    expect(new Set(owners.flat())).toEqual(new Set([0, 1, 2]));
    const watched = async (): Promise<string[]> =>
      (await Promise.all(agents.map((agent) => agent.targets())))
        .flat()
        .map(({ name }) => name)
        .sort();
    expect(await watched()).toEqual(early.map(targetOf).sort());

    const late = shops.length - 1;
    put(late);
    await expect.poll(() => recorded(shops)[late]?.length, { timeout: PATIENCE_MS }).toBe(1);
    expect(await watched()).toEqual(shops.map(targetOf).sort());
    expect(recorded(early)).toEqual(owners);
    // One stream each, from the beginning to the end, and nobody met another at a process's tracer.
    const said = agents.flatMap((agent) => agent.events());
    expect(
      said
        .filter((line) => line.event === "stream.opened")
        .map((line) => String(line["target"]))
        .sort(),
    ).toEqual(shops.map(targetOf).sort());
    expect(said.filter((line) => line.event === "stream.refused")).toEqual([]);

    api.remove("shop", pods[0] ?? "");
    await expect.poll(watched, { timeout: PATIENCE_MS }).toEqual(shops.slice(1).map(targetOf).sort());
  });
});
