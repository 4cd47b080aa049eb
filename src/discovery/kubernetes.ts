import { readFile } from "node:fs/promises";
import { errorMessage } from "../base/errors.ts";
import { milliseconds } from "../base/units.ts";
import { createClient } from "../scraper/client/client.ts";
import type { DiscoveryContext } from "./context.ts";
import { DiscoveryError } from "./error.ts";
import { followPods, type PodSink } from "./kubernetes-watch.ts";
import type { KubernetesDiscoveryOptions } from "./options.ts";
import { podTargets, type Pod } from "./pods.ts";
import type { TargetGroup } from "./targets.ts";

/** How long the file that names the agent's own namespace is waited for. */
const NAMESPACE_RETRY = milliseconds(10_000);

/** `kubernetes_sd_configs` with the role pod: the pods of some namespaces, as they come and go. */
export async function discoverPods(
  options: KubernetesDiscoveryOptions,
  context: DiscoveryContext,
  signal: AbortSignal,
): Promise<void> {
  const { apiServer, labelSelector, fieldSelector } = options;
  const { clock, random, folder, onUpdate, onFailure } = context;
  const paths = (await namespacesOf(options, context, signal)).map((namespace) =>
    namespace === undefined ? "/api/v1/pods" : `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
  );
  const address = new URL(apiServer).host;
  const client = createClient(options.client, { address, trust: "configured", folder });
  const pods = new Map(paths.map((path) => [path, new Map<string, readonly TargetGroup[]>()]));
  const publish = (): void => onUpdate([...pods.values()].flatMap((found) => [...found.values()].flat()));
  await Promise.all(
    [...pods].map(([path, found]) =>
      followPods(
        { client, server: apiServer, path, labelSelector, fieldSelector, clock, random },
        new FoundPods(found, publish),
        onFailure,
        signal,
      ),
    ),
  );
  await client.destroy();
}

/** Undefined stands for all of them. */
async function namespacesOf(
  { namespaces, ownNamespaceFile }: KubernetesDiscoveryOptions,
  { clock, onFailure }: DiscoveryContext,
  signal: AbortSignal,
): Promise<readonly (string | undefined)[]> {
  if (namespaces.kind === "all") return [undefined];
  const names = new Set(namespaces.names);
  while (namespaces.own && !signal.aborted) {
    try {
      names.add((await readFile(ownNamespaceFile, "utf8")).trim());
      break;
    } catch (error) {
      onFailure(
        new DiscoveryError("file", `the agent's own namespace is not known: ${errorMessage(error)}`, {
          hint: "Outside of a cluster, or without a service account's token, list the namespaces by name.",
        }),
      );
      await clock.sleep(NAMESPACE_RETRY, signal).catch(() => undefined);
    }
  }
  return [...names];
}

/** Keeps the targets of each pod, and says when they have changed. */
class FoundPods implements PodSink {
  readonly #found: Map<string, readonly TargetGroup[]>;
  readonly #onChange: () => void;

  constructor(found: Map<string, readonly TargetGroup[]>, onChange: () => void) {
    this.#found = found;
    this.#onChange = onChange;
  }

  replaceAll(pods: readonly Pod[]): void {
    this.#found.clear();
    for (const pod of pods) this.#found.set(keyOf(pod), podTargets(pod));
    this.#onChange();
  }

  put(pod: Pod): void {
    const targets = podTargets(pod);
    // Most changes of a pod are none of its targets: a status is written, a probe is answered.
    if (JSON.stringify(this.#found.get(keyOf(pod))) === JSON.stringify(targets)) return;
    this.#found.set(keyOf(pod), targets);
    this.#onChange();
  }

  remove(pod: Pod): void {
    if (this.#found.delete(keyOf(pod))) this.#onChange();
  }
}

const keyOf = ({ metadata = {} }: Pod): string => `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
