import { Resolver } from "node:dns/promises";
import { isIPv6 } from "node:net";
import type { DiscoveryContext } from "./context.ts";
import { DiscoveryError } from "./error.ts";
import type { DnsDiscoveryOptions } from "./options.ts";
import type { TargetGroup } from "./targets.ts";

/** How long one question may take, and how often it is asked of the servers. */
const PATIENCE = { timeout: 3000, tries: 3 };
/** Answers that there is nothing by this name: that is an answer, not a failure. */
const NOTHING = new Set(["ENOTFOUND", "ENODATA"]);

/** `dns_sd_configs`: asks the DNS for SRV, A or AAAA records, as Prometheus does. */
export async function discoverByDns(
  options: DnsDiscoveryOptions,
  { clock, onUpdate, onFailure }: DiscoveryContext,
  signal: AbortSignal,
): Promise<void> {
  const resolver = new Resolver(PATIENCE);
  const { names, nameservers, refresh } = options;
  if (nameservers !== undefined) resolver.setServers([...nameservers]);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const known = new Map<string, readonly TargetGroup[]>();
  let said = "";
  while (!signal.aborted) {
    await Promise.all(
      names.map(async (name) => {
        try {
          known.set(name, await ask(resolver, name, options));
        } catch (error) {
          if (!signal.aborted) onFailure(failure(name, error));
        }
      }),
    );
    const groups = names.flatMap((name) => known.get(name) ?? []);
    const text = JSON.stringify(groups);
    // Until a name has been answered there is nothing to say of it.
    if (!signal.aborted && known.size > 0 && text !== said) onUpdate(groups);
    if (known.size > 0) said = text;
    await clock.sleep(refresh, signal).catch(() => undefined);
  }
  signal.removeEventListener("abort", cancel);
}

async function ask(
  resolver: Resolver,
  name: string,
  { type, port }: DnsDiscoveryOptions,
): Promise<TargetGroup[]> {
  try {
    if (type === "SRV") {
      const records = await resolver.resolveSrv(name);
      return records
        .map((record) => srvGroup(name, record.name.replace(/\.$/, ""), record.port))
        .sort(byAddress);
    }
    const addresses = type === "A" ? await resolver.resolve4(name) : await resolver.resolve6(name);
    return addresses
      .map((address) => ({
        targets: [`${isIPv6(address) ? `[${address}]` : address}:${port}`],
        labels: { __meta_dns_name: name },
      }))
      .sort(byAddress);
  } catch (error) {
    if (NOTHING.has((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** Servers turn the order of their answers. */
const byAddress = (a: TargetGroup, b: TargetGroup): number =>
  (a.targets[0] ?? "") < (b.targets[0] ?? "") ? -1 : 1;

function srvGroup(name: string, host: string, port: number): TargetGroup {
  return {
    targets: [`${host}:${port}`],
    labels: {
      __meta_dns_name: name,
      __meta_dns_srv_record_target: `${host}.`,
      __meta_dns_srv_record_port: String(port),
    },
  };
}

function failure(name: string, error: unknown): DiscoveryError {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
  return new DiscoveryError("dns", `the DNS does not answer for ${name} (${code})`, {
    cause: error,
    hint: "The targets that were known before go on.",
  });
}
