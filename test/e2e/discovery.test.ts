import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { createAuthority, opensslUnavailable } from "../support/certificates.ts";
import { dnsUnavailable, startDns } from "../support/dns.ts";
import { goUnavailable } from "../support/go.ts";
import { KubeApi, podOf } from "../support/kube-api.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop, type Shop } from "../support/shop.ts";

const skip = requireOrSkip(
  "discovery beside real Go services",
  (await goUnavailable()) ??
    (await goUnavailable("1.22")) ??
    (await opensslUnavailable()) ??
    (await dnsUnavailable()),
);

const open: AsyncDisposable[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-discovery-"));
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function keep<T extends AsyncDisposable>(thing: T): T {
  open.push(thing);
  return thing;
}

const hostOf = (shop: Shop): string => new URL(shop.debugUrl).host;
const sealed = (agent: RunningAgent, target: string) =>
  agent.event((line) => line.event === "generation.sealed" && line["target"] === target);
const resolved = (agent: RunningAgent, active: number) =>
  agent.event((line) => line.event === "discovery.resolved" && line["active"] === active);
const names = async (agent: RunningAgent): Promise<string[]> =>
  (await agent.targets()).map(({ name }) => name).sort();

describe.skipIf(skip)("targets that come and go", { timeout: 180_000 }, () => {
  it("follows a file: a new target is recorded, the others are not interrupted, a removed one leaves nothing", async () => {
    const [first, second] = await Promise.all([
      startShop({ args: ["-load", "20"] }),
      startShop({ version: "1.22", args: ["-load", "20"] }),
    ]);
    keep(first);
    keep(second);
    const [a, b] = [`shops@${hostOf(first)}`, `shops@${hostOf(second)}`];
    const file = join(folder, "shops.json");
    const list = async (...shops: Shop[]): Promise<void> => {
      await writeFile(`${file}.new`, JSON.stringify([{ targets: shops.map(hostOf), labels: { zone: "a" } }]));
      await rename(`${file}.new`, file);
    };
    await list(first);
    const agent = keep(
      await startAgent({
        config: `
scrape_configs:
  - job_name: shops
    file_sd_configs: [{ files: ["${folder}/*.json"], refresh_interval: 1h }]
`,
      }),
    );
    await sealed(agent, a);
    expect((await agent.targets())[0]).toMatchObject({ name: a, labels: { zone: "a", job: "shops" } });

    await list(first, second);
    await sealed(agent, b);
    expect(await names(agent)).toEqual([a, b].sort());
    await writeFile(file, '[{"targets": [');
    await agent.event((line) => line.event === "discovery.failed");
    expect(await names(agent)).toEqual([a, b].sort());

    await list(second);
    await expect.poll(() => names(agent), { timeout: 60_000 }).toEqual([b]);
    const { text } = await agent.get("/metrics");
    expect(text).toMatch(`target="${b}"`);
    expect(text).not.toMatch(`target="${a}"`);
    expect(text).toMatch(/^gorewind_discovery_targets\{job="shops",state="active"\} 1$/m);
    // The slot of the removed one is free again: its tracer was let go.
    const trace = await fetch(`${first.debugUrl}/debug/pprof/trace?seconds=1`);
    expect(trace.status).toBe(200);
    await trace.arrayBuffer();
    // One stream each, from the beginning to the end.
    const opened = agent.events().filter((line) => line.event === "stream.opened");
    expect(opened.map((line) => line["target"])).toEqual([a, b]);
  });

  it("follows the pods of a namespace, by annotation, with the account's token and authority", async () => {
    const shops = await Promise.all([
      startShop({ args: ["-load", "20"] }),
      startShop({ args: ["-load", "20"] }),
    ]);
    shops.forEach(keep);
    const authority = await createAuthority(folder);
    const server = await authority.issue("kube", ["IP:127.0.0.1"]);
    const tls = { key: await readFile(server.key, "utf8"), cert: await readFile(server.cert, "utf8") };
    const api = keep(await KubeApi.start({ tls, tokens: ["account-token"], allowed: ["shop"] }));
    await writeFile(join(folder, "token"), "account-token");
    const put = (name: string, shop: Shop, annotations: Record<string, string> = {}): void => {
      const [ip, port] = hostOf(shop).split(":");
      api.put(
        podOf(name, {
          ip: ip ?? "",
          labels: { app: "checkout", "app.kubernetes.io/version": "7" },
          annotations: { "gorewind.io/scrape": "true", "gorewind.io/port": port ?? "", ...annotations },
        }),
      );
    };
    const [one, two] = shops;
    put("checkout-1", one);
    put("not-asked-for", two, { "gorewind.io/scrape": "false" });
    const agent = keep(
      await startAgent({
        config: `
scrape_configs:
  - job_name: pods
    kubernetes_sd_configs:
      - role: pod
        api_server: ${api.url}
        namespaces: { names: [shop] }
        authorization: { credentials_file: ${folder}/token }
        tls_config: { ca_file: ${authority.cert} }
        allow_loopback: true
    relabel_configs:
      - { source_labels: [__meta_kubernetes_pod_annotation_gorewind_io_scrape], regex: "true", action: keep }
      - source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_gorewind_io_port]
        regex: (.+);(\\d+)
        replacement: $1:$2
        target_label: __address__
      - { source_labels: [__meta_kubernetes_pod_name], target_label: instance }
      - { source_labels: [__meta_kubernetes_pod_label_app], target_label: service }
      - { regex: __meta_kubernetes_pod_label_(app_.+), action: labelmap }
`,
      }),
    );
    await sealed(agent, `pods@${hostOf(one)}`);
    expect((await agent.targets())[0]?.labels).toEqual({
      job: "pods",
      instance: "checkout-1",
      service: "checkout",
      app_kubernetes_io_version: "7",
    });
    api.cut();
    put("checkout-2", two);
    await sealed(agent, `pods@${hostOf(two)}`);
    api.remove("shop", "checkout-1");
    await expect.poll(() => names(agent), { timeout: 60_000 }).toEqual([`pods@${hostOf(two)}`]);
    expect(api.requests.filter((path) => !path.includes("watch=1"))).toHaveLength(1);
  });

  it("follows the DNS: a service's records come and go, and with them its targets", async () => {
    const shops = await Promise.all([
      startShop({ args: ["-load", "20"] }),
      startShop({ version: "1.22", args: ["-load", "20"] }),
    ]);
    shops.forEach(keep);
    const record = (shop: Shop): string =>
      `srv-host=_pprof._tcp.shop.test,localhost,${new URL(shop.debugUrl).port}`;
    const name = (shop: Shop): string => `dns@localhost:${new URL(shop.debugUrl).port}`;
    const [one, two] = shops;
    const dns = keep(await startDns([record(one)]));
    const agent = keep(
      await startAgent({
        config: `
scrape_configs:
  - job_name: dns
    dns_sd_configs:
      - names: [_pprof._tcp.shop.test]
        nameservers: ["${dns.address}"]
        refresh_interval: 500ms
        allow_loopback: true
`,
      }),
    );
    await sealed(agent, name(one));
    await dns.serve([record(one), record(two)]);
    await sealed(agent, name(two));
    await dns.serve([record(two)]);
    await expect.poll(() => names(agent), { timeout: 60_000 }).toEqual([name(two)]);
    expect((await agent.get("/metrics")).text).not.toMatch(`target="${name(one)}"`);
  });

  it("does not go where a list of others must not lead it, and counts what it refused", async () => {
    const shop = keep(await startShop());
    const targets = [
      hostOf(shop),
      "169.254.169.254:80",
      "[fe80::1]:6060",
      "localhost:1",
      "unix:/run/docker.sock",
    ];
    const lists = createServer((_, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify([{ targets }]));
    });
    await new Promise<void>((resolve) => {
      lists.listen(0, "127.0.0.1", resolve);
    });
    keep({
      [Symbol.asyncDispose]: async () => {
        lists.closeAllConnections();
        await new Promise((resolve) => {
          lists.close(resolve);
        });
      },
    });
    const url = `http://127.0.0.1:${(lists.address() as AddressInfo).port}/`;
    const config = (more: string): string => `
scrape_configs:
  - job_name: listed
    http_sd_configs: [{ url: "${url}", refresh_interval: 200ms ${more} }]
`;
    const agent = keep(await startAgent({ config: config("") }));
    const line = await resolved(agent, 1);
    // A name is judged when it is resolved, each time.
    expect(line["refused"]).toEqual({ forbidden: 3, address: 1 });
    const refused = await agent.event((each) => each.event === "stream.refused");
    expect(refused).toMatchObject({ target: "listed@localhost:1", code: "scrape_forbidden" });
    expect((await agent.get("/metrics")).text).toMatch(
      /^gorewind_discovery_targets\{job="listed",state="forbidden"\} 3$/m,
    );

    await agent.configure(config(", allow_loopback: true"));
    await agent.post("/-/reload");
    await sealed(agent, `listed@${hostOf(shop)}`);
    expect(await names(agent)).toEqual([`listed@${hostOf(shop)}`, "listed@localhost:1"].sort());
  });
});
