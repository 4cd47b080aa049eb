import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { analyse } from "../../src/analysis/analyse.ts";
import { buildReport, SCREEN_ROWS } from "../../src/report/build.ts";
import { duration, integer, middle, percent } from "../../src/report/format.ts";
import { renderMarkdown } from "../../src/report/markdown.ts";
import { plain } from "../../src/report/paint.ts";
import type { Paint } from "../../src/report/paint.ts";
import { renderText } from "../../src/report/text.ts";
import { readTrace } from "../../src/trace/reader.ts";
import { sharedTrace, sharedTraces, skipShared } from "../analysis/traces.ts";
import { buildTrace } from "../support/trace-builder.ts";
import { hostileTrace } from "./hostile.ts";

const textOf = (bytes: Uint8Array, width = 100, paint: Paint = plain): string =>
  renderText(buildReport(analyse(readTrace(bytes)), { rows: SCREEN_ROWS }), { paint, width });

const longestLine = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

describe.skipIf(skipShared)("the report of a real trace", () => {
  it.each(sharedTraces)("%s, as text", async (name) => {
    const text = textOf(sharedTrace(name));
    await expect(text).toMatchFileSnapshot(`golden/${name}.txt`);
    expect(longestLine(text)).toBeLessThanOrEqual(100);
  });

  it("is Markdown for a ticket", async () => {
    const result = analyse(readTrace(sharedTrace("tour-go1.27")));
    const text = renderMarkdown(buildReport(result, { rows: 12 }), "tour-go1.27");
    await expect(text).toMatchFileSnapshot("golden/ticket-tour-go1.27.txt");
  });

  it("fits other widths", () => {
    for (const width of [80, 100, 160])
      expect(longestLine(textOf(sharedTrace("tour-go1.26"), width))).toBeLessThanOrEqual(width);
  });

  it("says the same with colours", () => {
    const bold: Paint = { ...plain, heading: (text) => `\u001b[1m${text}\u001b[22m` };
    const bytes = sharedTrace("tour-go1.22");
    const coloured = textOf(bytes, 100, bold);
    expect(coloured).toContain("\u001b[1mUser tasks\u001b[22m");
    expect(coloured.replaceAll("\u001b[1m", "").replaceAll("\u001b[22m", "")).toBe(textOf(bytes));
  });
});

describe("the report of any trace", () => {
  it("is written for one without events", () => {
    const text = textOf(buildTrace(26).bytes());
    expect(text).toContain("duration 0ns · events 1");
    expect(text).toContain("no cycle in the trace");
  });

  it("moves no cursor, whatever the program's names are", () => {
    const text = textOf(hostileTrace());
    expect(text).toContain("\\u001b[31mred");
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
    expect(longestLine(text)).toBeLessThanOrEqual(100);
  });

  it("makes no markup of names in Markdown", () => {
    const text = renderMarkdown(buildReport(analyse(readTrace(hostileTrace())), { rows: 12 }), "x");
    expect(text).not.toMatch(/(?<!\\)<(?:script|img|b|svg)/);
    expect(text).not.toMatch(/(?<!\\)\]\(/);
    expect(text).not.toContain("@everyone");
    const columns = text.split("\n").filter((line) => line.startsWith("|"));
    const bars = (line: string): number => line.replace(/\\\|/g, "").split("|").length;
    expect(new Set(columns.slice(0, 8).map(bars)).size).toBe(1);
  });
});

describe("numbers", () => {
  it.each([
    [0, "0ns"],
    [193, "193ns"],
    [999.7, "1µs"],
    [11_072, "11.1µs"],
    [999_800, "1ms"],
    [2_483_328, "2.48ms"],
    [1_014_077_761, "1.01s"],
    [119.6e9, "120s"],
    [187e9, "3m07s"],
    [7500e9, "2h05m"],
    [-1500, "-1.5µs"],
  ])("%d ns is %s", (ns, text) => expect(duration(ns)).toBe(text));

  it("shares keep what is small visible", () => {
    expect([0, 0.0002, 0.034, 0.0996, 0.5, 1].map(percent)).toEqual([
      "0%",
      "<0.1%",
      "3.4%",
      "10%",
      "50%",
      "100%",
    ]);
  });

  it("durations are within half a unit of the third digit", () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 119e9, noNaN: true }), (ns) => {
        const [, value = "", unit = ""] = /^([\d.]+)(ns|µs|ms|s)$/.exec(duration(ns)) ?? [];
        const back = Number(value) * { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 }[unit]!;
        expect(Math.abs(back - ns) / ns).toBeLessThanOrEqual(0.0051);
      }),
    );
  });

  it("integers are grouped", () =>
    expect([7, 1000, 1234567].map(integer)).toEqual(["7", "1,000", "1,234,567"]));

  it("a shortened name keeps both ends", () => {
    expect(middle("net/http.(*persistConn).writeLoop", 20)).toBe("net/htt…n).writeLoop");
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 40 }), (text, width) => {
        expect(middle(text, width).length).toBeLessThanOrEqual(Math.max(width, 0));
      }),
    );
  });
});
