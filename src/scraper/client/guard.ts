import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { ScrapeError } from "../../base/errors.ts";

/**
 * How far an address is trusted.
 *
 * configured: an operator wrote it down, anything goes. discovered: someone else said it, so it must not lead the agent
 * to the machine's own services or to a cloud's metadata. discovered-loopback: the same, but loopback is allowed.
 */
export type AddressTrust = "configured" | "discovered" | "discovered-loopback";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Never a target: where credentials of the machine are handed out, and addresses that are no one machine's. */
const never = new BlockList();
never.addSubnet("169.254.0.0", 16, "ipv4"); // link-local, with the metadata of AWS, Azure, Google Cloud, OpenStack
never.addSubnet("fe80::", 10, "ipv6");
never.addAddress("fd00:ec2::254", "ipv6"); // AWS metadata
never.addAddress("fd20:ce::254", "ipv6"); // Google Cloud metadata
never.addAddress("100.100.100.200", "ipv4"); // Alibaba Cloud metadata
never.addAddress("168.63.129.16", "ipv4"); // Azure WireServer
never.addAddress("192.0.0.192", "ipv4"); // Oracle Cloud metadata
never.addSubnet("0.0.0.0", 8, "ipv4"); // "this host": Linux connects it to loopback
never.addAddress("::", "ipv6");
never.addSubnet("224.0.0.0", 4, "ipv4");
never.addAddress("255.255.255.255", "ipv4");
never.addSubnet("ff00::", 8, "ipv6");

/** Why the agent must not connect to `ip` (an IP address, no name), or undefined. */
export function refusedAddress(ip: string, trust: AddressTrust): string | undefined {
  if (trust === "configured") return undefined;
  const bare = ip.replace(/%.*$/, ""); // a zone
  const embedded = embeddedIPv4(bare);
  if (embedded !== undefined) return refusedAddress(embedded, trust);
  const family = isIP(bare) === 6 ? "ipv6" : "ipv4";
  if (never.check(bare, family)) return `${ip} is link-local, a cloud's metadata, or no single host`;
  if (trust === "discovered" && loopback.check(bare, family)) return `${ip} is loopback`;
  return undefined;
}

/** The IPv4 address inside a mapped (`::ffff:0:0/96`), compatible (`::/96`), NAT64 (`64:ff9b::/96`) or 6to4 one. */
function embeddedIPv4(ip: string): string | undefined {
  if (isIP(ip) !== 6) return undefined;
  const groups = groupsOf(ip);
  const at = (i: number): number => groups[i] ?? 0;
  const v4 = (i: number): string => [at(i) >> 8, at(i) & 0xff, at(i + 1) >> 8, at(i + 1) & 0xff].join(".");
  const zeroUntil = (end: number): boolean => groups.slice(0, end).every((group) => group === 0);
  if (zeroUntil(5) && at(5) === 0xffff) return v4(6);
  if (zeroUntil(6) && (at(6) !== 0 || at(7) > 1)) return v4(6);
  if (at(0) === 0x64 && at(1) === 0xff9b) return v4(6);
  return at(0) === 0x2002 ? v4(1) : undefined;
}

/** The eight groups of an IPv6 address in any spelling; WHATWG URLs write each one way. */
function groupsOf(ip: string): number[] {
  const [head = "", tail] = new URL(`http://[${ip}]/`).hostname.slice(1, -1).split("::");
  const parse = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [front, back] = [parse(head), parse(tail ?? "")];
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
}

export function forbidden(host: string, why: string): ScrapeError {
  return new ScrapeError("forbidden", `${host} was discovered and is not connected to: ${why}`, {
    hint: "Discovered addresses may not lead to link-local or metadata addresses, nor to loopback unless allow_loopback is set.",
  });
}

/**
 * Resolves names for `net.connect` and leaves out what must not be connected to: the answer that was judged is the one
 * that is used, so a name cannot change its address in between.
 */
export function guardedLookup(trust: AddressTrust): LookupFunction {
  return (hostname, options: LookupOptions, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const addresses: LookupAddress[] = found.filter(
        ({ address }) => refusedAddress(address, trust) === undefined,
      );
      const [first] = addresses;
      if (first === undefined) {
        const why = refusedAddress(found[0]?.address ?? "", trust) ?? "it has no address";
        callback(forbidden(hostname, why), []);
      } else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** The same for host:port, as far as the host is an IP address; names are judged when they are resolved. */
export function refusedLiteral(address: string, trust: AddressTrust): string | undefined {
  if (trust === "configured" || address.startsWith("unix:")) return undefined;
  // The URL parser knows the other spellings of an IPv4 address, 0x7f.1 and 2130706433.
  const { hostname } = new URL(`http://${address}/`);
  const host = hostname.replace(/^\[|\]$/g, "");
  return isIP(host) === 0 ? undefined : refusedAddress(host, trust);
}
