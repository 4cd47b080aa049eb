import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseExposition, ExpositionParser } from "../../src/signals/exposition.ts";
import type { MetricSample } from "../../src/signals/exposition.ts";

const metricName = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,12}$/);
const labelName = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/).filter((name) => name !== "__proto__");
const labelValue = fc.string({ unit: "grapheme", maxLength: 12 });
const blanks = fc.stringMatching(/^[ \t]{0,2}$/);
const gap = fc.stringMatching(/^[ \t]{1,2}$/);
const value = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);

interface Rendered {
  readonly sample: MetricSample;
  readonly line: string;
}

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

function numberText(number: number): string {
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "+Inf" : "-Inf";
  return Object.is(number, -0) ? "-0" : String(number);
}

/** A sample, and one of the legal ways to write it. */
const rendered: fc.Arbitrary<Rendered> = fc
  .record({
    name: metricName,
    labels: fc.dictionary(labelName, labelValue, { maxKeys: 4 }),
    value,
    timestamp: fc.option(fc.integer({ min: -1e12, max: 2e12 }), { nil: undefined }),
    blanks: fc.array(blanks, { minLength: 40, maxLength: 40 }),
    gaps: fc.array(gap, { minLength: 2, maxLength: 2 }),
    quoteNames: fc.boolean(),
    comma: fc.boolean(),
    exemplar: fc.boolean(),
  })
  .map(({ name, labels, value: number, timestamp, ...style }) => {
    let next = 0;
    const blank = (): string => style.blanks[next++ % style.blanks.length] ?? "";
    const parts = Object.entries(labels).map(([label, text]) => {
      const written = style.quoteNames ? `"${escaped(label)}"` : label;
      return `${blank()}${written}${blank()}=${blank()}"${escaped(text)}"${blank()}`;
    });
    if (style.quoteNames) parts.unshift(`${blank()}"${escaped(name)}"${blank()}`);
    const hasBraces = style.quoteNames || parts.length > 0 || style.comma;
    const braces = `{${parts.join(",")}${style.comma && parts.length > 0 ? "," : ""}${blank()}}`;
    const head = `${blank()}${style.quoteNames ? "" : name}${hasBraces ? blank() + braces : ""}`;
    const tail = timestamp === undefined ? "" : (style.gaps[1] ?? " ") + String(timestamp);
    const exemplar = style.exemplar ? ' # {trace_id="a b"} 0.5 1.5' : "";
    return {
      sample: { name, labels, value: number, timestamp },
      line: `${head}${style.gaps[0] ?? " "}${numberText(number)}${tail}${exemplar}${exemplar === "" ? blank() : ""}`,
    };
  });

const comment = fc.oneof(
  fc.constantFrom("", "  \t", "# just a comment", "#", "# HELP a b \\n c", "# TYPE", "# UNIT a seconds"),
);

describe("an exposition", () => {
  it("is read in every legal spelling, in any split", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(rendered, comment), { maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 5 }),
        fc.boolean(),
        (lines, cuts, hasEnd) => {
          const text =
            lines.map(([{ line }, other]) => `${other}\n${line}`).join("\n") + (hasEnd ? "\n" : "");
          const parser = new ExpositionParser();
          let from = 0;
          for (const cut of [...cuts].sort((a, b) => a - b)) {
            parser.push(text.slice(from, Math.max(from, cut)));
            from = Math.max(from, cut);
          }
          parser.push(text.slice(from));
          parser.end();
          expect(parser.badLines).toEqual([]);
          expect(parser.samples).toEqual(lines.map(([{ sample }]) => sample));
        },
      ),
    );
  });

  it("loses one line to one bad line", () => {
    const bad = fc.constantFrom(
      "<html>404 page not found</html>",
      "no_value",
      "a{b} 1",
      'a{b="c" 1',
      'a{b="c} 1',
      "a 1 2 3",
      "a one",
      "1a 1",
      'a{b="1",b="2"} 1',
      "{} 1",
      "a{,} 1",
      "a 0x 1",
      "a 1,5",
    );
    fc.assert(
      fc.property(rendered, bad, rendered, (before, line, after) => {
        const parser = parseExposition(`${before.line}\n${line}\n${after.line}\n`);
        expect(parser.samples).toEqual([before.sample, after.sample]);
        expect(parser.badLineCount).toBe(1);
        expect(parser.badLines[0]).toMatchObject({ line: 2 });
      }),
    );
  });

  it("of whatever text never throws, and accounts for every line", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('a{}"=,\\ \t\n#1.eE+-_:x')) }), (text) => {
        const parser = parseExposition(text);
        expect(parser.samples.length + parser.badLineCount).toBeLessThanOrEqual(text.split("\n").length);
      }),
    );
  });

  it("may write its numbers as Go does", () => {
    const read = (text: string): number | undefined => parseExposition(`a ${text}`).samples[0]?.value;
    expect(read("1e-3")).toBe(0.001);
    expect(read("+.5")).toBe(0.5);
    expect(read("5.")).toBe(5);
    expect(read("0x1p-2")).toBe(0.25);
    expect(read("-0x1.8p1")).toBe(-3);
    expect(read("inf")).toBe(Number.POSITIVE_INFINITY);
    expect(read("-Infinity")).toBe(Number.NEGATIVE_INFINITY);
    expect(read("nan")).toBeNaN();
    expect(read("")).toBeUndefined();
    expect(read("0x")).toBeUndefined();
  });

  it("says the types of its families", () => {
    const text = [
      "# TYPE a counter",
      "#  TYPE\tb   histogram",
      "# TYPE c untyped",
      '# TYPE "d.e" gauge',
      "# TYPE of a comment",
      '{"d.e",x="1"} 2',
    ].join("\n");
    const { types, samples, badLineCount } = parseExposition(text);
    expect(Object.fromEntries(types)).toEqual({ a: "counter", b: "histogram", c: "unknown", "d.e": "gauge" });
    expect(samples).toEqual([{ name: "d.e", labels: { x: "1" }, value: 2, timestamp: undefined }]);
    expect(badLineCount).toBe(0);
  });

  it("of OpenMetrics has seconds, exemplars, and an end", () => {
    const text = [
      "# TYPE foo histogram",
      'foo_bucket{le="0.1"} 8 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.067 1520879607.7',
      "# EOF",
      "after 1",
      "",
    ].join("\n");
    const parser = parseExposition(text, { format: "openmetrics" });
    expect(parser.sawEof).toBe(true);
    expect(parser.samples).toEqual([
      { name: "foo_bucket", labels: { le: "0.1" }, value: 8, timestamp: 1_520_879_607_789 },
    ]);
    // In the text format that is a comment as any other.
    expect(parseExposition("# EOF\nafter 1").samples).toHaveLength(1);
  });

  it("is bounded: samples, labels, the length of a line", () => {
    const many = parseExposition("a 1\nb 2\nc 3\n", { maxSamples: 2 });
    expect(many.samples).toHaveLength(2);
    expect(many.skipped).toBe(1);
    const parser = new ExpositionParser({ maxLineLength: 100, maxLabels: 2 });
    parser.push('a{b="');
    for (let i = 0; i < 1000; i++) parser.push("x".repeat(1000));
    parser.push('"} 1\nb 2\nc{d="",e="",f=""} 1\n');
    parser.end();
    expect(parser.samples.map(({ name }) => name)).toEqual(["b"]);
    expect(parser.badLines.map(({ line, message }) => [line, message])).toEqual([
      [1, "the line is longer than 100"],
      [3, "more than 2 labels"],
    ]);
  });

  it("with Windows' line ends is read as well", () => {
    expect(parseExposition("a 1\r\nb 2\r\n").samples.map((each) => each.value)).toEqual([1, 2]);
  });
});
