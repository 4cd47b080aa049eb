import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { podTargets } from "../../src/discovery/pods.ts";
import { KubeApi, podOf as pod } from "../support/kube-api.ts";
import { discover, discoveryOptions } from "./support.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-kubernetes-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const follow = (api: KubeApi, more: object = {}) =>
  discover(
    discoveryOptions({
      kubernetes_sd_configs: [{ role: "pod", api_server: api.url, namespaces: { names: ["shop"] }, ...more }],
    }),
    folder,
  );

describe("kubernetes_sd_configs", () => {
  it("lists by pages, then follows what is added, changed and deleted", async () => {
    await using api = await KubeApi.start({ pageSize: 2 });
    for (let i = 1; i <= 5; i++) api.put(pod(`p${i}`, { ip: `10.0.0.${i}` }));
    api.put(pod("elsewhere", { namespace: "other", ip: "10.0.1.1" }));
    await using found = follow(api);
    const five = [1, 2, 3, 4, 5].map((i) => `10.0.0.${i}:6060`);
    await found.until(five);
    expect(api.requests.filter((path) => path.includes("continue="))).toHaveLength(2);

    api.put(pod("p6", { ip: "10.0.0.6" }));
    await found.until([...five, "10.0.0.6:6060"]);
    api.put(pod("p6", { ip: "10.0.0.60" }));
    await found.until([...five, "10.0.0.60:6060"]);
    api.remove("shop", "p6");
    await found.until(five);
    api.put(pod("p5", { ip: "10.0.0.5", phase: "Succeeded" }));
    await found.until(five.slice(0, 4));
    expect(found.failures).toEqual([]);
  });

  it("says nothing when a pod changes in what does not matter", async () => {
    await using api = await KubeApi.start();
    api.put(pod("p1"));
    await using found = follow(api);
    await found.until(["10.0.0.1:6060"]);
    const updates = found.updates.length;
    api.put(pod("p1"));
    api.put(pod("p2", { ip: "10.0.0.2" }));
    await found.until(["10.0.0.1:6060", "10.0.0.2:6060"]);
    expect(found.updates).toHaveLength(updates + 1);
  });

  it("goes on after a cut connection from where it was, without listing again or missing anything", async () => {
    await using api = await KubeApi.start();
    api.put(pod("p1"));
    await using found = follow(api);
    await found.until(["10.0.0.1:6060"]);
    api.put(pod("p2", { ip: "10.0.0.2" }));
    await found.until(["10.0.0.1:6060", "10.0.0.2:6060"]);
    const again = api.next("watch");
    api.cut();
    api.put(pod("p3", { ip: "10.0.0.3" }));
    api.remove("shop", "p1");
    await found.until(["10.0.0.2:6060", "10.0.0.3:6060"]);
    expect(await again).toMatch(/resourceVersion=102/);
    expect(api.requests.filter((path) => !path.includes("watch=1"))).toHaveLength(1);
    await found.failure(/could not be asked/);
  });

  it("resumes at a bookmark, though older versions were compacted", async () => {
    await using api = await KubeApi.start();
    api.put(pod("p1"));
    const watching = api.next("watch");
    await using found = follow(api, { selectors: [{ role: "pod", label: "app=shop" }] });
    await watching;
    // Changes that the selector hides: only a bookmark tells of the version.
    for (let i = 0; i < 5; i++) api.put(pod("noise", { ip: `10.1.0.${i}` }));
    api.bookmark();
    api.put(pod("p2", { ip: "10.0.0.2", labels: { app: "shop" } }));
    await found.until(["10.0.0.2:6060"]);
    api.remove("shop", "p2");
    await found.until([]);
    for (let i = 0; i < 5; i++) api.put(pod("noise", { ip: `10.1.0.${i}` }));
    api.bookmark();
    api.compact();
    const again = api.next("watch");
    api.end();
    await again;
    api.put(pod("p3", { ip: "10.0.0.3", labels: { app: "shop" } }));
    await found.until(["10.0.0.3:6060"]);
    expect(api.requests.filter((path) => !path.includes("watch=1"))).toHaveLength(1);
  });

  it("lists anew when its version is gone", async () => {
    await using api = await KubeApi.start();
    api.put(pod("p1"));
    const watching = api.next("watch");
    await using found = follow(api);
    await found.until(["10.0.0.1:6060"]);
    await watching;
    api.cut();
    api.remove("shop", "p1");
    api.put(pod("p2", { ip: "10.0.0.2" }));
    api.compact();
    await found.until(["10.0.0.2:6060"]);
    expect(api.requests.filter((path) => !path.includes("watch=1"))).toHaveLength(2);
  });

  it("reads a rotated token again, and keeps what it knows while it is refused", async () => {
    await using api = await KubeApi.start({ tokens: ["first"] });
    const token = join(folder, "token");
    await writeFile(token, "first\n");
    api.put(pod("p1"));
    const watching = api.next("watch");
    await using found = follow(api, { authorization: { credentials_file: "token" } });
    await found.until(["10.0.0.1:6060"]);
    await watching;
    api.tokens.clear();
    api.tokens.add("second");
    api.cut();
    const refused = await found.failure(/answered 401/);
    expect(refused.hint).toMatch(/read again/);
    expect(found.addresses()).toEqual(["10.0.0.1:6060"]);
    await writeFile(`${token}.new`, "second");
    await rename(`${token}.new`, token);
    api.put(pod("p2", { ip: "10.0.0.2" }));
    await found.until(["10.0.0.1:6060", "10.0.0.2:6060"]);
  });

  it("says which right is missing", async () => {
    await using api = await KubeApi.start({ allowed: ["other"] });
    await using found = follow(api);
    const refused = await found.failure(/answered 403.*pods is forbidden/);
    expect(refused.code).toBe("discovery_status");
    expect(refused.hint).toMatch(/get, list and watch on pods/);
  });

  it("asks for the pods of one node only, in all namespaces", async () => {
    await using api = await KubeApi.start();
    api.put(pod("here", { node: "node-7", ip: "10.0.0.1" }));
    api.put(pod("there", { namespace: "other", node: "node-7", ip: "10.0.0.2" }));
    api.put(pod("away", { ip: "10.0.0.3" }));
    await using found = follow(api, {
      namespaces: { all: true },
      selectors: [{ role: "pod", field: "spec.nodeName=node-7" }],
    });
    await found.until(["10.0.0.1:6060", "10.0.0.2:6060"]);
    expect(api.requests[0]).toMatch(/^\/api\/v1\/pods\?/);
  });
});

describe("podTargets", () => {
  it("gives Prometheus' labels", () => {
    const [target] = podTargets({
      ...pod("shop-1", {
        labels: { "app.kubernetes.io/name": "shop" },
        annotations: { "gorewind.io/scrape": "true" },
      }),
    });
    expect(target).toEqual({
      targets: ["10.0.0.1:6060"],
      labels: {
        __meta_kubernetes_namespace: "shop",
        __meta_kubernetes_pod_name: "shop-1",
        __meta_kubernetes_pod_uid: "uid-shop-1",
        __meta_kubernetes_pod_ip: "10.0.0.1",
        __meta_kubernetes_pod_host_ip: "192.0.2.1",
        __meta_kubernetes_pod_node_name: "node-1",
        __meta_kubernetes_pod_phase: "Running",
        __meta_kubernetes_pod_ready: "true",
        __meta_kubernetes_pod_label_app_kubernetes_io_name: "shop",
        __meta_kubernetes_pod_labelpresent_app_kubernetes_io_name: "true",
        __meta_kubernetes_pod_annotation_gorewind_io_scrape: "true",
        __meta_kubernetes_pod_annotationpresent_gorewind_io_scrape: "true",
        __meta_kubernetes_pod_container_name: "app",
        __meta_kubernetes_pod_container_image: "shop:1",
        __meta_kubernetes_pod_container_id: "containerd://shop-1",
        __meta_kubernetes_pod_container_init: "false",
        __meta_kubernetes_pod_container_port_name: "pprof",
        __meta_kubernetes_pod_container_port_number: "6060",
        __meta_kubernetes_pod_container_port_protocol: "TCP",
      },
    });
  });

  it("takes an IPv6 address, and containers without ports", () => {
    const found = podTargets({
      metadata: { name: "p", namespace: "n" },
      spec: { containers: [{ name: "a" }], initContainers: [{ name: "b", ports: [{ containerPort: 1 }] }] },
      status: { podIP: "fd00::7", phase: "Running" },
    });
    expect(found.map(({ targets }) => targets)).toEqual([["[fd00::7]"], ["[fd00::7]:1"]]);
    expect(found[1]?.labels["__meta_kubernetes_pod_container_init"]).toBe("true");
  });

  it("makes nothing of what may be missing", () => {
    expect(podTargets({})).toEqual([]);
    expect(podTargets({ status: { podIP: "10.0.0.1" } })).toEqual([]);
  });
});
