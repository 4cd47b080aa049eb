/** A pod as Kubernetes describes it → targets with Prometheus' `__meta_kubernetes_…` labels. Pure. */

import type { TargetGroup } from "./targets.ts";

/** What is read of a pod; anything may be missing. */
export interface Pod {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly {
      readonly kind?: string;
      readonly name?: string;
      readonly controller?: boolean;
    }[];
  };
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly PodContainer[];
    readonly initContainers?: readonly PodContainer[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly hostIP?: string;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
    readonly containerStatuses?: readonly { readonly name?: string; readonly containerID?: string }[];
    readonly initContainerStatuses?: readonly { readonly name?: string; readonly containerID?: string }[];
  };
}

interface PodContainer {
  readonly name?: string;
  readonly image?: string;
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort?: number;
    readonly protocol?: string;
  }[];
}

/** Longest value of a label or annotation that is looked at. */
const MAX_VALUE = 4096;

/**
 * One target for each port of each container, or for a container without ports one without a port. None while the pod
 * has no address, or when it has ended.
 */
export function podTargets(pod: Pod): TargetGroup[] {
  const ip = pod.status?.podIP ?? "";
  const phase = pod.status?.phase ?? "";
  if (ip === "" || phase === "Succeeded" || phase === "Failed") return [];
  const host = ip.includes(":") ? `[${ip}]` : ip;
  const common = podLabels(pod);
  const containers = (pod.spec?.containers ?? []).map((container) => ({ container, init: false }));
  const inits = (pod.spec?.initContainers ?? []).map((container) => ({ container, init: true }));
  return [...containers, ...inits].flatMap(({ container, init }) => {
    const labels = { ...common, ...containerLabels(pod, container, init) };
    const ports = container.ports ?? [];
    if (ports.length === 0) return [{ targets: [host], labels }];
    return ports.map((port) => ({
      targets: [`${host}:${port.containerPort ?? 0}`],
      labels: {
        ...labels,
        __meta_kubernetes_pod_container_port_name: port.name ?? "",
        __meta_kubernetes_pod_container_port_number: String(port.containerPort ?? ""),
        __meta_kubernetes_pod_container_port_protocol: port.protocol ?? "TCP",
      },
    }));
  });
}

function podLabels({ metadata = {}, spec = {}, status = {} }: Pod): Record<string, string> {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  const ready = status.conditions?.find(({ type }) => type === "Ready")?.status;
  return {
    __meta_kubernetes_namespace: metadata.namespace ?? "",
    __meta_kubernetes_pod_name: metadata.name ?? "",
    __meta_kubernetes_pod_uid: metadata.uid ?? "",
    __meta_kubernetes_pod_ip: status.podIP ?? "",
    __meta_kubernetes_pod_host_ip: status.hostIP ?? "",
    __meta_kubernetes_pod_node_name: spec.nodeName ?? "",
    __meta_kubernetes_pod_phase: status.phase ?? "",
    __meta_kubernetes_pod_ready: ready?.toLowerCase() ?? "unknown",
    ...(owner !== undefined && {
      __meta_kubernetes_pod_controller_kind: owner.kind ?? "",
      __meta_kubernetes_pod_controller_name: owner.name ?? "",
    }),
    ...named("label", metadata.labels),
    ...named("annotation", metadata.annotations),
  };
}

function containerLabels(pod: Pod, container: PodContainer, init: boolean): Record<string, string> {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const status = (init ? initContainerStatuses : containerStatuses).find(
    ({ name }) => name === container.name,
  );
  return {
    __meta_kubernetes_pod_container_name: container.name ?? "",
    __meta_kubernetes_pod_container_image: container.image ?? "",
    __meta_kubernetes_pod_container_id: status?.containerID ?? "",
    __meta_kubernetes_pod_container_init: String(init),
  };
}

/** `app.kubernetes.io/name` becomes `…_label_app_kubernetes_io_name`, and `…_labelpresent_…` says that it is there. */
function named(
  kind: "label" | "annotation",
  values: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(values)) {
    if (value.length > MAX_VALUE) continue; // kubectl keeps whole manifests in an annotation
    const name = key.replaceAll(/[^a-zA-Z0-9_]/g, "_");
    labels[`__meta_kubernetes_pod_${kind}_${name}`] = value;
    labels[`__meta_kubernetes_pod_${kind}present_${name}`] = "true";
  }
  return labels;
}
