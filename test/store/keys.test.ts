import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { captureId } from "../../src/store/id.ts";
import { epochMilliseconds } from "../../src/base/units.ts";
import { manifestSchema } from "../../src/capture/manifest.ts";
import {
  capturePrefix,
  DEFAULT_KEY_TEMPLATE,
  keyTemplateProblem,
  safeSegment,
} from "../../src/store/keys.ts";
import { uploadSchema } from "../../src/store/options.ts";
import { idOf, manifestOf } from "./support/captures.ts";

describe("a capture's key", () => {
  test("follows from its manifest", () => {
    const manifest = manifestOf({ id: idOf(1), files: {} }, []);
    expect(capturePrefix(DEFAULT_KEY_TEMPLATE, manifest)).toBe(
      `checkout/2026/03/11/20260311T142502123Z-slow-${idOf(1)}/`,
    );
    expect(capturePrefix("{job}/{target}/{severity}/{hh}-{id}", manifest)).toBe(
      `checkout/checkout-0/warning/14-${idOf(1)}/`,
    );
  });

  test("stays where it belongs, whatever services and rules are called", () => {
    const name = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("..", ".", "/", "a/../b", "", "\0", "-"),
    );
    fc.assert(
      fc.property(name, name, (service, rule) => {
        const prefix = capturePrefix(
          DEFAULT_KEY_TEMPLATE,
          manifestOf({ id: idOf(1), service, rule, files: {} }, []),
        );
        expect(prefix).toMatch(/^[\w.-]+\/\d{4}\/\d\d\/\d\d\/[\w.-]+\/$/);
        expect(prefix.split("/").some((segment) => /^\.*$/.test(segment) && segment !== "")).toBe(false);
        expect(prefix.endsWith(`${idOf(1)}/`)).toBe(true);
        expect(Buffer.byteLength(prefix)).toBeLessThan(512);
      }),
    );
    expect(safeSegment("../../etc")).toBe("etc");
    expect(safeSegment("...")).toBe("_");
  });

  test.each([
    ["{service}/{time}", /must hold \{id\}/],
    ["{service}/{nonsense}-{id}", /knows no \{nonsense\}/],
    ["../{id}", /\.\. as a segment/],
    ["/{id}", /must not start/],
    ["a b/{id}", /letters, digits/],
    ["index=captures/{id}", /index=/],
  ])("the template %s is refused", (template, message) => {
    expect(keyTemplateProblem(template)).toMatch(message);
    expect(uploadSchema.safeParse({ key: template }).success).toBe(false);
  });
});

test("ids are unique without a counter, sort by time, and are what a manifest takes", () => {
  const ids = new Set<string>();
  const now = Date.parse("2026-03-11T14:25:02.123Z");
  for (let i = 0; i < 10_000; i++) ids.add(captureId(epochMilliseconds(now), Math.random));
  expect(ids.size).toBe(10_000);
  for (const id of [...ids].slice(0, 100)) {
    expect(manifestSchema.shape.id.safeParse(id).success).toBe(true);
    expect(captureId(epochMilliseconds(now + 1), Math.random) > id).toBe(true);
  }
  expect(captureId(epochMilliseconds(now), () => 0.999_999)).toBe("20260311t142502123-zzzzzzzzzzzzz");
});
