/** That whatever is wrong with a configuration is said in plain English: each key of the schema, with each kind of wrong value. */

import { describe, expect, it } from "vitest";
import { configJsonSchema } from "../../src/config/load.ts";
import { configSchema } from "../../src/config/options.ts";
import { explainIssues } from "../../src/config/problems.ts";
import { parseYaml } from "../../src/config/yaml.ts";
import type { ConfigProblem } from "../../src/base/errors.ts";

type JsonSchema = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

const root: JsonSchema = configJsonSchema();
/** Conditions are in conditions. */
const DEPTH = 9;

/** Every key that the schema knows, as a path into a configuration. */
function* pathsOf(schema: JsonSchema, path: Path = []): Generator<Path> {
  if (path.length > DEPTH) return;
  if (path.length > 0) yield path;
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    const parts = reference.split("/").slice(1);
    const target = parts.reduce<unknown>((here, part) => (here as JsonSchema)[part], root) as JsonSchema;
    // One turn is enough: what is inside is the same.
    if (
      parts.length > 0 &&
      path.filter((part) => part === "all" || part === "any" || part === "not").length < 1
    )
      yield* pathsOf(target, path);
    return;
  }
  for (const list of [schema["anyOf"], schema["oneOf"], schema["allOf"]]) {
    for (const each of (list as JsonSchema[] | undefined) ?? []) yield* pathsOf(each, path);
  }
  for (const [key, inner] of Object.entries((schema["properties"] as JsonSchema | undefined) ?? {}))
    yield* pathsOf(inner as JsonSchema, [...path, key]);
  for (const [key, part] of [
    ["items", 0],
    ["additionalProperties", "key"],
  ] as const) {
    const inner = schema[key];
    if (typeof inner === "object" && inner !== null) yield* pathsOf(inner as JsonSchema, [...path, part]);
  }
}

/** A value at a path, with no more around it than it needs. */
function placed(path: Path, value: unknown): unknown {
  return path.reduceRight<unknown>(
    (inner, part) => (typeof part === "number" ? [inner] : { [part]: inner }),
    value,
  );
}

const WRONG: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e300,
  Number.NaN,
  "",
  "strem",
  "a\u0000 b",
  "x".repeat(11_000),
  [],
  [null],
  [[1, 2]],
  {},
  { "a key": 1 },
  { kind: "s4" },
  Array.from({ length: 1001 }, (_, i) => `text ${i}`),
];

const NOWHERE = parseYaml("", "gorewind.yaml", {});

function problemsOf(value: unknown): readonly ConfigProblem[] {
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return [];
  // Where it stands is asked of real files, in load.test.ts.
  return explainIssues(parsed.error.issues, { ...NOWHERE, value }, root);
}

/** Words of the validation library, of its types, and of JavaScript; `regex` is a key of ours as well. */
const JARGON =
  /\b(Invalid|invalid|received|Unrecognized|Too (small|big)|too (small|big)|expected (string|number|object|array|boolean|record|int|union)|regular expression|match pattern|null|undefined|safeint|discriminator)\b|[<>]=/;

describe("what is said of a wrong value", () => {
  const paths = [...new Map([...pathsOf(root)].map((path) => [path.join("."), path])).values()];

  it("is asked of every key", () => {
    expect(paths.length).toBeGreaterThan(300);
  });

  it.each([...new Set(paths.map(([first]) => String(first)))])("of %s is in plain English", (section) => {
    const seen = new Set<string>();
    let refused = 0;
    for (const path of paths.filter(([first]) => first === section)) {
      for (const wrong of WRONG) {
        const problems = problemsOf(placed(path, wrong));
        if (problems.length > 0) refused++;
        for (const { message } of problems) {
          if (JARGON.test(message)) seen.add(`${path.join(".")}: ${message.slice(0, 200)}`);
        }
      }
    }
    expect([...seen]).toEqual([]);
    expect(refused).toBeGreaterThan(0);
  });
});
