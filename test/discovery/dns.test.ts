import { describe, expect, it } from "vitest";
import { dnsUnavailable, startDns } from "../support/dns.ts";
import { requireOrSkip } from "../support/require.ts";
import { discover, discoveryOptions } from "./support.ts";

const skip = requireOrSkip("discovery by a DNS server", await dnsUnavailable());

const dns = (address: string, more: object) =>
  discover(
    discoveryOptions({
      dns_sd_configs: [{ nameservers: [address], refresh_interval: "200ms", ...more }],
    }),
    "/",
  );

describe.skipIf(skip)("dns_sd_configs", { timeout: 240_000 }, () => {
  it("takes SRV records with their ports, follows changes, and takes no records for no targets", async () => {
    const srv = (host: string, port: number) => `srv-host=_pprof._tcp.shop.test,${host}.shop.test,${port}`;
    await using server = await startDns([srv("a", 6060), srv("b", 6061)]);
    await using found = dns(server.address, { names: ["_pprof._tcp.shop.test"] });
    await found.until(["a.shop.test:6060", "b.shop.test:6061"]);
    expect(found.updates[0]?.[0]?.labels).toEqual({
      __meta_dns_name: "_pprof._tcp.shop.test",
      __meta_dns_srv_record_target: "a.shop.test.",
      __meta_dns_srv_record_port: "6060",
    });
    await server.serve([srv("b", 6061), srv("c", 6062)]);
    await found.until(["b.shop.test:6061", "c.shop.test:6062"]);
    await server.serve([]);
    await found.until([]);
  });

  it("takes A and AAAA records with the port that is given", async () => {
    const records = ["10.0.0.1", "10.0.0.2"].map((ip) => `host-record=shop.test,${ip}`);
    await using server = await startDns([...records, "host-record=shop.test,fd00::1"]);
    await using a = dns(server.address, { names: ["shop.test"], type: "A", port: 6060 });
    await a.until(["10.0.0.1:6060", "10.0.0.2:6060"]);
    await using aaaa = dns(server.address, { names: ["shop.test"], type: "AAAA", port: 6060 });
    await aaaa.until(["[fd00::1]:6060"]);
  });

  it("keeps what it knows while the server is away", async () => {
    await using server = await startDns(["host-record=shop.test,10.0.0.1"]);
    await using found = dns(server.address, { names: ["shop.test"], type: "A", port: 6060 });
    await found.until(["10.0.0.1:6060"]);
    await server.stop();
    const error = await found.failure(/does not answer for shop\.test/);
    expect(error.code).toBe("discovery_dns");
    expect(found.addresses()).toEqual(["10.0.0.1:6060"]);
    await server.serve(["host-record=shop.test,10.0.0.9"]);
    await found.until(["10.0.0.9:6060"]);
  });
});
