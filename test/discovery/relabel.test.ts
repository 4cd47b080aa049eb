import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { relabelConfig } from "../../src/discovery/options.ts";
import { anchoredRegex, expand, RegexError } from "../../src/discovery/regex.ts";
import { relabel, type Labels } from "../../src/discovery/relabel.ts";

type Rule = Record<string, unknown>;
const after = (labels: Labels, ...rules: Rule[]): Labels | undefined => {
  const set = new Map(Object.entries(labels).filter(([, value]) => value !== ""));
  const stays = relabel(
    set,
    rules.map((rule) => relabelConfig.parse(rule)),
  );
  return stays ? Object.fromEntries(set) : undefined;
};

const labels: Labels = {
  __address__: "10.0.0.7:8080",
  __meta_pod_label_app: "shop",
  __meta_pod_label_team: "core",
  a: "foo",
  b: "bar",
  c: "baz",
};

describe("relabel", () => {
  // Expectations worked out by hand from Prometheus' description of each action.
  it.each<[string, Rule, Partial<Labels> | undefined]>([
    [
      "replaces by a group",
      { source_labels: ["a"], regex: "f(.*)", target_label: "d", replacement: "ch$1-ch$1" },
      { d: "choo-choo" },
    ],
    [
      "joins by the separator",
      { source_labels: ["a", "b"], regex: "foo;(.*)", target_label: "d" },
      { d: "bar" },
    ],
    [
      "joins by another separator",
      { source_labels: ["a", "b"], separator: "/", target_label: "d" },
      { d: "foo/bar" },
    ],
    ["is anchored", { source_labels: ["a"], regex: "fo", target_label: "d", replacement: "x" }, {}],
    [
      "takes a missing label for empty",
      { source_labels: ["none"], regex: "()", target_label: "d", replacement: "x" },
      { d: "x" },
    ],
    [
      "deletes by an empty replacement",
      { source_labels: ["a"], regex: "foo", target_label: "b", replacement: "" },
      { b: "" },
    ],
    [
      "writes to a name from a group",
      { source_labels: ["a"], regex: "(.*)", target_label: "x_${1}", replacement: "y" },
      { x_foo: "y" },
    ],
    [
      "does not write to a bad name",
      { source_labels: ["__address__"], target_label: "${1}", replacement: "y" },
      {},
    ],
    [
      "sets a port",
      {
        source_labels: ["__address__"],
        regex: "([^:]+)(?::\\d+)?",
        target_label: "__address__",
        replacement: "$1:6060",
      },
      { __address__: "10.0.0.7:6060" },
    ],
    [
      "takes $1x for a group of that name",
      { source_labels: ["a"], regex: "(.*)", target_label: "d", replacement: "$1x" },
      {},
    ],
    [
      "takes ${1}x for the group",
      { source_labels: ["a"], regex: "(.*)", target_label: "d", replacement: "${1}x" },
      { d: "foox" },
    ],
    ["keeps", { source_labels: ["a"], regex: "foo", action: "keep" }, {}],
    ["keeps only what matches", { source_labels: ["a"], regex: "fo", action: "keep" }, undefined],
    ["drops", { source_labels: ["a", "b"], regex: "foo;bar", action: "drop" }, undefined],
    ["drops not", { source_labels: ["a"], regex: "bar", action: "drop" }, {}],
    ["keepequal", { source_labels: ["a"], target_label: "b", action: "keepequal" }, undefined],
    ["dropequal", { source_labels: ["a"], target_label: "a", action: "dropequal" }, undefined],
    ["dropequal of different ones", { source_labels: ["a"], target_label: "b", action: "dropequal" }, {}],
    ["maps names", { regex: "__meta_pod_label_(.+)", action: "labelmap" }, { app: "shop", team: "core" }],
    [
      "maps names by template",
      { regex: "__meta_(pod)_label_(.+)", replacement: "${2}_of_$1", action: "labelmap" },
      { app_of_pod: "shop", team_of_pod: "core" },
    ],
    ["drops names", { regex: "a|b", action: "labeldrop" }, { a: "", b: "" }],
    ["uppercases", { source_labels: ["a"], target_label: "a", action: "uppercase" }, { a: "FOO" }],
    [
      "takes actions in any case",
      { source_labels: ["a"], target_label: "a", action: "UpperCase" },
      { a: "FOO" },
    ],
  ])("%s", (_, rule, change) => {
    const expected =
      change === undefined
        ? undefined
        : Object.fromEntries(Object.entries({ ...labels, ...change }).filter(([, value]) => value !== ""));
    expect(after(labels, rule)).toEqual(expected);
  });

  it("keeps names", () => {
    expect(after(labels, { regex: "__address__|a", action: "labelkeep" })).toEqual({
      __address__: "10.0.0.7:8080",
      a: "foo",
    });
  });

  it("cuts targets into shards that are the same for everyone and miss none", () => {
    const hashmod = (value: string, modulus: number) =>
      after({ v: value }, { source_labels: ["v"], target_label: "shard", modulus, action: "hashmod" })?.[
        "shard"
      ];
    // The low eight bytes of the MD5, big-endian: worked out here on its own.
    const expected = (value: string, modulus: number): string => {
      const hex = createHash("md5").update(value).digest("hex").slice(16);
      return (BigInt(`0x${hex}`) % BigInt(modulus)).toString();
    };
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1 }),
        fc.integer({ min: 1, max: 1000 }),
        (value, modulus) => {
          expect(hashmod(value, modulus)).toBe(expected(value, modulus));
          expect(Number(hashmod(value, modulus))).toBeLessThan(modulus);
        },
      ),
    );
  });

  it("does nothing by rules that match nothing, and never makes a label without a value", () => {
    const values = fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.string());
    fc.assert(
      fc.property(values, (given) => {
        const kept = after(given, { source_labels: ["zzzz"], regex: "never", target_label: "x" }) ?? {};
        expect(Object.values(kept)).not.toContain("");
        expect({ ...given, ...kept }).toEqual(given);
      }),
    );
  });

  it.each<[Rule, RegExp]>([
    [{ source_labels: ["a"] }, /replace needs a target_label/],
    [{ action: "hashmod", target_label: "x" }, /hashmod needs a modulus/],
    [{ action: "labelmap", replacement: "not a name" }, /labelmap writes label names/],
    [{ target_label: "a-b" }, /a-b.* is no label name/],
    [{ action: "lowercase", target_label: "${1}" }, /is no label name/],
    [{ action: "remove" }, /Invalid option/],
    [{ regex: "(", action: "keep" }, /is no regular expression/],
  ])("refuses %j", (rule, message) => {
    expect(relabelConfig.safeParse(rule).error?.message).toMatch(message);
  });
});

describe("anchoredRegex", () => {
  it.each([
    ["(?=a)", /lookaround/],
    ["(?<!a)b", /lookaround/],
    ["(a)\\1", /backreference/],
    ["(?P<n>a)\\k<n>", /backreference/],
    ["[[:alpha:]]+", /\[:alpha:\]; write \[A-Za-z\]/],
    ["a(?i:b)", /put \(\?i\) at its beginning/],
    ["(?U)a", /of which only i and s/],
    ["\\C", /\\C, which is not known here/],
    ["a\\", /a backslash at its end/],
    ["a**", /no regular expression/],
    ["[b-a]", /no regular expression/],
  ])("refuses %s and says why", (pattern, message) => {
    expect(() => anchoredRegex(pattern)).toThrow(RegexError);
    expect(() => anchoredRegex(pattern)).toThrow(message);
  });

  it.each([
    ["(?i)ab", "AB", true],
    ["a.b", "a\nb", true],
    ["[\\w-.]+", "a-b.c", true],
    ["a\\-b\\/c\\_d\\@", "a-b/c_d@", true],
    ["(?P<year>\\d{4})", "2024", true],
    ["\\x{1F600}", "😀", true],
    ["\\pL+", "äé", true],
    ["\\p{Greek}", "λ", true],
    ["\\P{Greek}", "λ", false],
    ["[^\\pL]", "1", true],
    ["[]a]+", "]a", true],
    ["a{,2}", "a{,2}", true],
    ["\\s", "\u00a0", false],
    ["a$", "a", true],
    ["\\Aa\\z", "a", true],
  ])("%s against %j is %s", (pattern, text, matches) => {
    expect(anchoredRegex(pattern).test(text)).toBe(matches);
  });

  it("matches nothing but the whole of a literal", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (text, other) => {
        const literal = text.replaceAll(/[\\^$.|?*+()[\]{}]/g, "\\$&");
        const regex = anchoredRegex(literal);
        expect(regex.test(text)).toBe(true);
        expect(regex.test(other)).toBe(text === other);
      }),
    );
  });

  it("expands as Go does", () => {
    const match = anchoredRegex("(?P<first>a)(b)?(c)").exec("ac");
    if (match === null) throw new Error("no match");
    expect(expand("$first-${3}-$2-$$-$0-$-$9-${", match)).toBe("a-c--$-ac-$--${");
  });
});
