import { describe, expect, it } from "vitest";
import { boundedLabels, isAbout } from "../../src/outside/match.ts";

const target = { instance: "10.0.0.7:6060", job: "shop", service: "shop", pod: "shop-1" };

describe("isAbout", () => {
  it.each<[Record<string, string>, boolean, string]>([
    [{ instance: "10.0.0.7:6060", job: "whatever" }, true, "the same instance settles it"],
    [{ instance: "10.0.0.8:6060", service: "shop" }, false, "another host settles it too"],
    [{ instance: "10.0.0.7:8080", service: "shop" }, true, "another port of the same host and service"],
    [{ instance: "10.0.0.7:8080", service: "billing" }, false, "another service on the host"],
    [{ service: "shop", severity: "page" }, true, "no instance: what both carry agrees"],
    [{ service: "billing" }, false, "no instance: another service"],
    [{ alertname: "Everything" }, true, "nothing to tell targets apart by: all of them"],
  ])("%j: %s (%s)", (labels, expected) => {
    expect(isAbout(labels, target)).toBe(expected);
  });
});

describe("boundedLabels", () => {
  it("keeps a bounded number of bounded values, and no metric name", () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`l${i}`, "x".repeat(1000)]));
    const kept = boundedLabels({ __name__: "up", "bad-name": 1, ...many });
    expect(Object.keys(kept).length).toBe(30);
    expect(kept["l0"]?.length).toBe(256);
    expect(kept).not.toHaveProperty("__name__");
  });
});
