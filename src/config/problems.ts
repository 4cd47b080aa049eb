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
    // Of the alternatives, the one that got furthest is what was meant.
    const depth = (branch: readonly z.core.$ZodIssue[]): number =>
      Math.max(...branch.map((inner) => inner.path.length + (inner.code === "unrecognized_keys" ? 0.5 : 0)));
    const best = issue.errors.reduce((a, b) => (depth(b) > depth(a) ? b : a));
    if (depth(best) > 0) return best.flatMap((inner) => explainIssue(inner, path, source, jsonSchema));
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

/** The schema library's words for what it says by itself, in ours. */
function messageOf(issue: z.core.$ZodIssue, value: unknown): string {
  const received = /^Invalid input: expected .*, received (.*)$/.exec(issue.message)?.[1];
  if (issue.code === "invalid_type" && received !== undefined) {
    const expected = named(issue.expected);
    return received === "undefined"
      ? `is missing: expected ${expected}`
      : `expected ${expected}, not ${named(received)}`;
  }
  if (issue.code === "invalid_value" && issue.message.startsWith("Invalid ")) {
    const options = issue.values.map(String);
    const suggestion = typeof value === "string" ? nearest(value, options) : undefined;
    const expected =
      options.length === 1 ? `expected ${options[0]}` : `expected one of ${options.join(", ")}`;
    return suggestion === undefined ? expected : `${expected}; did you mean ${suggestion}?`;
  }
  if (issue.code === "invalid_key") return issue.issues.map(({ message }) => lowerFirst(message)).join("; ");
  return lowerFirst(issue.message);
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

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
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
