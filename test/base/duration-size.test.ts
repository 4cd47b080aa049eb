import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../../src/base/duration.ts";
import { formatSize, parseSize } from "../../src/base/size.ts";

describe("parseDuration", () => {
  it.each([
    ["0", 0],
    ["200ms", 200],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["250us", 0.25],
    ["250µs", 0.25],
    [".5s", 500],
    ["7d", 604_800_000],
    ["1h2m3s4ms", 3_723_004],
  ])("reads %s as Go does", (text, expected) => {
    expect(parseDuration(text)).toBeCloseTo(expected, 9);
  });

  it.each(["", "10", "s", "1x", "-5s", "1s ", " 1s", "1 s", "1..5s", "1e3s", "1s2"])("refuses %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it("reads back what it writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe("parseSize", () => {
  it.each([
    ["0", 0],
    ["4096", 4096],
    ["512KiB", 524_288],
    ["10MiB", 10_485_760],
    ["1.5GiB", 1_610_612_736],
    ["10MB", 10_000_000],
    ["10 MB", 10_000_000],
  ])("reads %s", (text, expected) => {
    expect(parseSize(text)).toBe(expected);
  });

  it.each(["", "MiB", "-1", "1.5.5MiB", "10mib", "10 M", "99999999TiB"])("refuses %j", (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  it("writes three digits for people", () => {
    expect([0, 999, 1024, 1536, 10_485_760, 1_610_612_736].map(formatSize)).toEqual([
      "0B",
      "999B",
      "1KiB",
      "1.5KiB",
      "10MiB",
      "1.5GiB",
    ]);
  });
});
