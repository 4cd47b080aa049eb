import { assertNever } from "../base/errors.ts";
import type { AddressTrust } from "../scraper/client/guard.ts";
import type { Discoverer, DiscoveryContext } from "./discoverer.ts";
import { DnsDiscovery } from "./dns.ts";
import { FileDiscovery } from "./file.ts";
import { HttpDiscovery } from "./http.ts";
import { KubernetesDiscovery } from "./kubernetes.ts";
import type { DiscoveryOptions } from "./options.ts";

export function createDiscoverer(options: DiscoveryOptions, context: DiscoveryContext): Discoverer {
  switch (options.kind) {
    case "file":
      return new FileDiscovery(options, context);
    case "http":
      return new HttpDiscovery(options, context);
    case "dns":
      return new DnsDiscovery(options, context);
    case "kubernetes":
      return new KubernetesDiscovery(options, context);
    default:
      return assertNever(options);
  }
}

/** How far the addresses that it finds are trusted. Files are the operator's own. */
export function trustOf(options: DiscoveryOptions): AddressTrust {
  if (options.kind === "file") return "configured";
  return options.allowLoopback ? "discovered-loopback" : "discovered";
}
