import { assertNever } from "../base/errors.ts";
import type { AddressTrust } from "../scraper/client/guard.ts";
import type { DiscoveryContext } from "./context.ts";
import { discoverByDns } from "./dns.ts";
import { discoverInFiles } from "./file.ts";
import { discoverByHttp } from "./http.ts";
import { discoverPods } from "./kubernetes.ts";
import type { DiscoveryOptions } from "./options.ts";

/** Looks for targets until `signal` is aborted, and ends not before; never throws. */
export async function discover(
  options: DiscoveryOptions,
  context: DiscoveryContext,
  signal: AbortSignal,
): Promise<void> {
  switch (options.kind) {
    case "file":
      return discoverInFiles(options, context, signal);
    case "http":
      return discoverByHttp(options, context, signal);
    case "dns":
      return discoverByDns(options, context, signal);
    case "kubernetes":
      return discoverPods(options, context, signal);
    default:
      return assertNever(options);
  }
}

/** How far the addresses that it finds are trusted. Files are the operator's own. */
export function trustOf(options: DiscoveryOptions): AddressTrust {
  if (options.kind === "file") return "configured";
  return options.allowLoopback ? "discovered-loopback" : "discovered";
}
