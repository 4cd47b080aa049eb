import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { relabelConfig } from "../../src/discovery/options.ts";
import { resolveTargets, type TargetRules } from "../../src/discovery/targets.ts";
import type { AddressTrust } from "../../src/scraper/client/guard.ts";

const rules = (...relabel: object[]): TargetRules => ({
  jobName: "job",
  scheme: "http",
  globalLabels: { region: "eu" },
  relabel: relabel.map((rule) => relabelConfig.parse(rule)),
});
const group = (targets: string[], labels: Record<string, string> = {}) => ({ targets, labels });
const refusals = (address: string, trust: AddressTrust) =>
  resolveTargets(rules(), [group([address])], trust).refused.map(({ reason }) => reason);

describe("resolveTargets", () => {
  it("gives a target its labels, the nearer ones first, and none that begin with two underscores", () => {
    const { targets } = resolveTargets(
      rules(
        { target_label: "__param_debug", replacement: "1" },
        { target_label: "__metrics_path__", replacement: "/m" },
      ),
      [group(["a:1"], { region: "us", __meta_x: "y", zone: "z" })],
      "discovered",
    );
    expect(targets).toEqual([
      {
        name: "job@a:1",
        job: "job",
        address: "a:1",
        scheme: "http",
        labels: { job: "job", instance: "a:1", service: "job", region: "us", zone: "z" },
        metricsPath: "/m",
        params: { debug: "1" },
      },
    ]);
  });

  it("takes the very same target once, and refuses one that differs in its labels", () => {
    const port = {
      source_labels: ["__address__"],
      regex: "(.*):.*",
      target_label: "__address__",
      replacement: "$1:6060",
    };
    const found = [group(["a:1", "a:2"]), group(["a:3"], { other: "label" })];
    const resolved = resolveTargets(rules(port), found, "configured");
    expect(resolved.targets.map(({ name }) => name)).toEqual(["job@a:6060"]);
    expect(resolved.merged).toEqual(["a:2"]);
    expect(resolved.refused).toEqual([{ address: "a:3", reason: "duplicate" }]);
  });

  it("cuts every fleet into shards: each target is in exactly one, whoever asks", () => {
    const shardOf = (shard: number, shards: number) =>
      rules(
        {
          source_labels: ["__address__"],
          action: "hashmod",
          modulus: String(shards),
          target_label: "__tmp_shard",
        },
        { source_labels: ["__tmp_shard"], regex: String(shard), action: "keep" },
      );
    const fleet = fc.uniqueArray(
      fc.ipV4().map((ip) => `${ip}:6060`),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(fleet, fc.integer({ min: 1, max: 7 }), (addresses, shards) => {
        const parts = Array.from({ length: shards }, (_, shard) =>
          resolveTargets(shardOf(shard, shards), [group(addresses)], "configured").targets.map(
            (t) => t.address,
          ),
        );
        expect(parts.flat().sort()).toEqual([...addresses].sort());
      }),
    );
  });

  it.each<[string, AddressTrust, string[]]>([
    ["10.0.0.1:6060", "discovered", []],
    ["shop.internal:6060", "discovered", []],
    ["[2001:db8::1]:6060", "discovered", []],
    ["10.0.0.1", "discovered", []],
    ["127.0.0.1:6060", "discovered", ["forbidden"]],
    ["127.0.0.1:6060", "discovered-loopback", []],
    ["0x7f.1:6060", "discovered", ["forbidden"]],
    ["[::1]:6060", "discovered", ["forbidden"]],
    ["[::ffff:7f00:1]:6060", "discovered", ["forbidden"]],
    ["[64:ff9b::a9fe:a9fe]:80", "discovered-loopback", ["forbidden"]],
    ["[2002:a9fe:a9fe::]:80", "discovered-loopback", ["forbidden"]],
    ["169.254.169.254:80", "discovered-loopback", ["forbidden"]],
    ["2852039166:80", "discovered-loopback", ["forbidden"]],
    ["[fe80::1]:80", "discovered-loopback", ["forbidden"]],
    ["[fe80::1%eth0]:80", "configured", ["address"]],
    ["[fd00:ec2::254]:80", "discovered-loopback", ["forbidden"]],
    ["100.100.100.200:80", "discovered-loopback", ["forbidden"]],
    ["0.0.0.0:80", "discovered-loopback", ["forbidden"]],
    ["169.254.169.254:80", "configured", []],
    ["unix:/run/x.sock", "configured", []],
    ["unix:/run/x.sock", "discovered", ["address"]],
    ["a:1/path", "configured", ["address"]],
    ["user@a:1", "configured", ["address"]],
    ["a:99999", "configured", ["address"]],
    ["a b:1", "configured", ["address"]],
    ["a\0", "configured", ["address"]],
    ["a:1?x#y", "configured", ["address"]],
  ])("%s that is %s is refused for %j", (address, trust, reasons) => {
    expect(refusals(address, trust)).toEqual(reasons);
  });

  it("never throws, and never lets an address through that is no host and port", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (address) => {
        for (const { address: through } of resolveTargets(rules(), [group([address])], "discovered")
          .targets) {
          const url = new URL(`http://${through}/debug`);
          expect([url.username, url.search, url.hash, url.pathname]).toEqual(["", "", "", "/debug"]);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it("refuses what relabeling made unusable, and cuts what is too long", () => {
    const refused = (...relabel: object[]) =>
      resolveTargets(rules(...relabel), [group(["a:1"])], "configured").refused[0]?.reason;
    expect(refused({ target_label: "__scheme__", replacement: "ftp" })).toBe("scheme");
    expect(refused({ target_label: "__address__", replacement: "" })).toBe("address");
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`l${i}`, "v"]));
    expect(resolveTargets(rules(), [group(["a:1"], many)], "configured").refused[0]?.reason).toBe("labels");
    const long = resolveTargets(rules(), [group(["a:1"], { l: "x".repeat(1000) })], "configured");
    expect(long.targets[0]?.labels["l"]).toHaveLength(256);
  });
});
