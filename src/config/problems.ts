/**
 * What a schema says is wrong → messages for an operator: file, line, column, the key, and the nearest valid key.
 */

import type { z } from "zod";
import type { ConfigProblem } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { Path, YamlSource } from "./yaml.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * In the order of the file.
 *
 * @param jsonSchema the same schema as JSON Schema (input side), from which valid keys are known.
 */
export function explainIssues(
  issues: readonly z.core.$ZodIssue[],
  source: YamlSource,
  jsonSchema: JsonSchema,
): ConfigProblem[] {
  const problems = issues.flatMap((issue) => explainIssue(issue, [], source, jsonSchema));
  return problems.sort(({ position: a }, { position: b }) =>
    a === undefined || b === undefined ? 0 : a.line - b.line || a.column - b.column,
  );
}

function explainIssue(
  issue: z.core.$ZodIssue,
  base: Path,
  source: YamlSource,
  jsonSchema: JsonSchema,
): ConfigProblem[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
  if (issue.code === "unrecognized_keys") {
    const valid = keysAt(jsonSchema, path);
    return issue.keys.map((key) => {
      const suggestion = nearest(key, valid);
      const known =
        (Object.hasOwn(ELSEWHERE, key) ? ELSEWHERE[key] : undefined) ??
        (suggestion === undefined ? `valid keys are ${valid.join(", ")}` : `did you mean ${suggestion}?`);
      return {
        position: source.positionOfKey(path, key),
        path: [...path, key].join("."),
        message: `unknown key; ${known}`,
      };
    });
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const best = issue.errors.reduce((a, b) => (nearness(b) > nearness(a) ? b : a));
    // Where the schema has a sentence for all of them, it is better than one about a single one of them.
    if (nearness(best) >= (LIBRARY_WORDS.test(issue.message) ? 0.5 : 1))
      return best.flatMap((inner) => explainIssue(inner, path, source, jsonSchema));
  }
  return [
    {
      position: source.positionOf(path),
      path: path.join("."),
      message: messageOf(issue, valueAt(source.value, path)),
    },
  ];
}

/** What Prometheus has as a key of a scrape config, and gorewind in another place. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  metrics_path: "write metrics: { path: … }",
  scrape_interval: "write metrics: { interval: … }",
  scrape_timeout: "write metrics: { timeout: … }",
  params: "relabel_configs set parameters, as the label __param_<name>",
  bearer_token: "write authorization: { credentials: … }",
  bearer_token_file: "write authorization: { credentials_file: … }",
};

/** How much of an alternative fits: the one that got furthest is what was meant. 0: the value is of another type. */
function nearness(branch: readonly z.core.$ZodIssue[]): number {
  return Math.max(
    ...branch.map(({ code, path }) => path.length + (code === "invalid_type" ? 0 : 0.5)),
    branch.length === 0 ? 1 : 0,
  );
}

/** What the schema says itself stands; where it leaves the words to the library, they are ours. */
function messageOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (!LIBRARY_WORDS.test(issue.message)) {
    const isAbsent = issue.message.startsWith("expected ") && (value === undefined || value === null);
    return isAbsent ? `${value === null ? "is empty" : "is missing"}: ${issue.message}` : issue.message;
  }
  switch (issue.code) {
    case "invalid_type": {
      const quoted = issue.expected === "string" && ["number", "boolean"].includes(typeof value);
      return `${instead(named(issue.expected), value)}${quoted ? `; in quotes it is one: "${String(value)}"` : ""}`;
    }
    case "invalid_union":
      // Of a key by which alternatives are told apart, or of their types.
      return "options" in issue && Array.isArray(issue.options)
        ? choice(issue.options.map(String), value)
        : instead(typesOf(issue.errors.flat()), value);
    case "invalid_value":
      return choice(issue.values.map(String), value);
    case "too_small":
      return instead(`${NAMES[issue.origin] ?? "a value"}${bound("small", issue, issue.minimum)}`, value);
    case "too_big":
      return instead(`${NAMES[issue.origin] ?? "a value"}${bound("big", issue, issue.maximum)}`, value);
    case "invalid_format":
      return instead(formatOf(issue), value);
    case "invalid_key":
      return issue.issues.map((inner) => messageOf(inner, issue.path.at(-1))).join("; ");
    default:
      return instead("another value", value);
  }
}

/** How the library begins what it says by itself. */
const LIBRARY_WORDS = /^(Invalid|Too (small|big)|Unrecognized)\b/;

/** @param expected with its article. */
function instead(expected: string, value: unknown): string {
  if (value === undefined) return `is missing: expected ${expected}`;
  if (value === null) return `is empty: expected ${expected}`;
  return `expected ${expected}, not ${written(value)}`;
}

/** What stands in the file, short enough for a line. */
function written(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value === "" ? "an empty text" : `"${value.length > 40 ? `${value.slice(0, 39)}…` : value}"`;
    case "boolean":
      return "true or false";
    case "object":
      if (!Array.isArray(value)) return "a map";
      return value.length === 0 ? "an empty list" : `a list${value.length > 1 ? ` of ${value.length}` : ""}`;
    default:
      return String(value);
  }
}

interface Bound {
  readonly origin: string;
  readonly inclusive?: boolean | undefined;
}

function bound(side: "small" | "big", { origin, inclusive = true }: Bound, limit: number | bigint): string {
  const unit = UNITS[origin];
  const strict = side === "small" ? "above" : "below";
  const loose = side === "small" ? "of at least" : "of at most";
  if (unit === undefined) return ` ${inclusive ? loose : strict} ${limit}`;
  return ` ${loose} ${limit} ${Number(limit) === 1 ? unit : `${unit}s`}`;
}

const UNITS: Readonly<Record<string, string>> = { string: "character", array: "item" };

function formatOf(issue: Extract<z.core.$ZodIssue, { code: "invalid_format" }>): string {
  if (issue.format === "starts_with" && "prefix" in issue)
    return `a text that begins with ${String(issue.prefix)}`;
  return issue.format === "url" ? "a URL" : "a text of another form";
}

function choice(words: readonly string[], value: unknown): string {
  const expected = instead(words.length === 1 ? words[0]! : `one of ${words.join(", ")}`, value);
  const suggestion = typeof value === "string" ? nearest(value, words) : undefined;
  return suggestion === undefined ? expected : `${expected}; did you mean ${suggestion}?`;
}

function typesOf(issues: readonly z.core.$ZodIssue[]): string {
  return [...new Set(issues.map((issue) => ("expected" in issue ? named(issue.expected) : "a value")))].join(
    " or ",
  );
}

const NAMES: Readonly<Record<string, string>> = {
  object: "a map",
  record: "a map",
  array: "a list",
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

const named = (type: string): string => NAMES[type] ?? type;

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((here, part) => (here as Record<string, unknown> | undefined)?.[part], value);
}

/** The keys a JSON Schema allows at `path`; alternatives are united. */
function keysAt(root: JsonSchema, path: Path): string[] {
  let here: JsonSchema[] = expand(root, root);
  for (const part of path) {
    here = here.flatMap((schema) => {
      const properties = schema["properties"] as Record<string, JsonSchema> | undefined;
      const next =
        typeof part === "number" ? schema["items"] : (properties?.[part] ?? schema["additionalProperties"]);
      return typeof next === "object" && next !== null ? expand(next as JsonSchema, root) : [];
    });
  }
  return [
    ...new Set(here.flatMap((schema) => Object.keys((schema["properties"] as object | undefined) ?? {}))),
  ];
}

function expand(schema: JsonSchema, root: JsonSchema): JsonSchema[] {
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    let target: unknown = root;
    for (const part of reference.replace(/^#\/?/, "").split("/").filter(Boolean)) {
      target = (target as Record<string, unknown>)[part];
    }
    return expand(target as JsonSchema, root);
  }
  const alternatives = [schema["anyOf"], schema["oneOf"], schema["allOf"]].flatMap((list) =>
    Array.isArray(list) ? (list as JsonSchema[]) : [],
  );
  return [schema, ...alternatives.flatMap((alternative) => expand(alternative, root))];
}
