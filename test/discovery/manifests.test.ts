import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DaemonSet, Deployment, StatefulSet } from "kubernetes-models/apps/v1";
import {
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
} from "kubernetes-models/rbac.authorization.k8s.io/v1";
import { ConfigMap, Service, ServiceAccount } from "kubernetes-models/v1";
import { beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { parseConfig } from "../../src/config/load.ts";
import { repoRoot } from "../support/cache.ts";
import { kustomizeBuild, kustomizeUnavailable } from "../support/kustomize.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";

const skip = requireOrSkip("the Kubernetes manifests", await kustomizeUnavailable());

const MODELS = {
  "apps/v1": { DaemonSet, Deployment, StatefulSet },
  "rbac.authorization.k8s.io/v1": { ClusterRole, ClusterRoleBinding, Role, RoleBinding },
  v1: { ConfigMap, Service, ServiceAccount },
} as const;

interface Resource {
  readonly apiVersion: keyof typeof MODELS;
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly { readonly resources?: readonly string[]; readonly verbs?: readonly string[] }[];
  readonly spec?: { readonly replicas?: number; readonly template?: { readonly spec?: PodSpec } };
}

interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly EnvironmentVariable[];
}

interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath?: string } };
}

async function build(name: string): Promise<Resource[]> {
  const text = await kustomizeBuild(join(repoRoot, "config", "kubernetes", name));
  return parseAllDocuments(text).map((document) => document.toJS() as Resource);
}

/** The schemas accept keys they do not know, TypeScript does not: it is asked about each manifest as a literal. */
async function excessKeys(resources: readonly Resource[]): Promise<string> {
  const folder = join(repoRoot, "node_modules", ".cache", "gorewind", `manifests-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    const imports = Object.entries(MODELS).map(
      ([version, kinds]) =>
        `import type { ${Object.keys(kinds)
          .map((kind) => `I${kind}`)
          .join(", ")} } from "kubernetes-models/${version}";`,
    );
    const literals = resources.map(
      (resource, i) => `export const r${i}: I${resource.kind} = ${JSON.stringify(resource)};`,
    );
    await writeFile(join(folder, "manifests.ts"), [...imports, ...literals].join("\n"));
    const flags = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "nodenext",
      "--types",
      "",
      "--ignoreConfig",
    ];
    const { exitCode, stdout } = await run(
      join(repoRoot, "node_modules/.bin/tsc"),
      [...flags, "manifests.ts"],
      {
        cwd: folder,
      },
    );
    return exitCode === 0 ? "" : stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.skipIf(skip)("config/kubernetes", { timeout: 120_000 }, () => {
  const built = new Map<string, Resource[]>();
  beforeAll(async () => {
    for (const name of ["sidecar", "namespace", "node"]) built.set(name, await build(name));
  });

  it("has resources that Kubernetes' schemas accept, and no key that they do not know", async () => {
    const all = [...built.values()].flat();
    expect(all.length).toBeGreaterThan(10);
    for (const resource of all) {
      const kinds: Readonly<Record<string, new (data: never) => { validate(): void }>> =
        MODELS[resource.apiVersion];
      const Model = kinds[resource.kind];
      if (Model === undefined) throw new Error(`what is ${resource.kind}?`);
      expect(() => new Model(resource as never).validate(), JSON.stringify(resource)).not.toThrow();
    }
    expect(await excessKeys(all)).toBe("");
  });

  it("would be found wrong if it were", async () => {
    const [daemonSet] = (built.get("node") ?? []).filter(({ kind }) => kind === "DaemonSet");
    const text = JSON.stringify(daemonSet);
    const misspelt = JSON.parse(text.replace('"serviceAccountName"', '"serviceAcountName"')) as Resource;
    expect(await excessKeys([misspelt])).toMatch(/serviceAcountName/);
    const stringPort = JSON.parse(text.replace('"containerPort":7099', '"containerPort":"7099"')) as never;
    expect(() => new DaemonSet(stringPort).validate()).toThrow(/containerPort/);
  });

  it("namespace: has as many shards as agents, and each agent has its own", () => {
    const set = (built.get("namespace") ?? []).find(({ kind }) => kind === "StatefulSet");
    const env = new Map(
      set?.spec?.template?.spec?.containers[0]?.env?.map((variable) => [variable.name, variable]),
    );
    expect(set?.spec?.replicas).toBeGreaterThan(1);
    expect(env.get("SHARDS")?.value).toBe(String(set?.spec?.replicas));
    expect(env.get("SHARD")?.valueFrom?.fieldRef?.fieldPath).toBe(
      "metadata.labels['apps.kubernetes.io/pod-index']",
    );
  });

  it.each([
    ["sidecar", undefined],
    ["namespace", "Role"],
    ["node", "ClusterRole"],
  ])("%s: the agent can start with its configuration, and has the rights that it needs", (name, role) => {
    const resources = built.get(name) ?? [];
    const pod = resources.find(({ spec }) => spec?.template !== undefined)?.spec?.template?.spec;
    const container = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].find(
      (each) => each.name === "gorewind",
    );
    expect(container?.image).toBe("gorewind:0.1.0");
    // Only what the manifest sets is there; a field of the pod stands for any text.
    const env = Object.fromEntries((container?.env ?? []).map((each) => [each.name, each.value ?? "7"]));
    const map = resources.find(({ kind }) => kind === "ConfigMap");
    const { options, targets } = parseConfig(map?.data?.["gorewind.yaml"] ?? "", "gorewind.yaml", env);
    const [discovery] = options.scrapeConfigs[0]?.discovery ?? [];
    const rights = resources.find(({ kind }) => kind === "Role" || kind === "ClusterRole");
    expect(rights?.kind).toBe(role);
    if (role === undefined) {
      expect(discovery).toBeUndefined();
      expect(targets.map(({ target }) => target.address)).toEqual(["127.0.0.1:6060"]);
      return;
    }
    expect(rights?.rules).toEqual([
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
    ]);
    expect(discovery).toMatchObject({
      kind: "kubernetes",
      namespaces: role === "ClusterRole" ? { kind: "all" } : { kind: "named", names: [], own: true },
      client: { authorization: { type: "Bearer" } },
    });
  });
});
