/**
 * YAML text → plain value, with the position of each node kept for error messages, and `${ENV}` put into scalars.
 */

import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, visit, type Document } from "yaml";
import { ConfigError, type ConfigProblem, type SourcePosition } from "../base/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
export type Path = readonly (string | number)[];

export interface YamlSource {
  readonly value: unknown;
  /** Where the node at `path` stands, or the deepest one on the way that exists. */
  positionOf(path: Path): SourcePosition;
  /** Where the key `key` of the map at `path` stands. */
  positionOfKey(path: Path, key: string): SourcePosition;
}

const MAX_ALIASES = 100;

/**
 * @param file named in messages only.
 * @throws {ConfigError} YAML that cannot be read, or a variable that is not set.
 */
export function parseYaml(text: string, file: string, env: Environment): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  // An unresolved alias is among the errors, and makes toJS() throw: look first.
  const problems: ConfigProblem[] = document.errors.map((error) => ({
    position: at(error.pos[0]),
    path: "",
    message: error.message,
  }));
  if (problems.length === 0) problems.push(...substitute(document, env, at));
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown,
    positionOf: (path) => at(offsetOf(document, path)),
    positionOfKey: (path, key) => at(keyOffsetOf(document, path, key)),
  };
}

const VARIABLE = /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})/g;

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every plain or quoted scalar value; `$$` is a dollar sign. Done on the
 * nodes, not on the text, so that a value with a colon or a newline never changes the structure.
 */
function substitute(
  document: Document,
  env: Environment,
  at: (offset: number) => SourcePosition,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("$")) return;
      node.value = node.value.replaceAll(
        VARIABLE,
        (whole, name: string | undefined, fallback: string | undefined) => {
          if (name === undefined) return "$";
          const value = env[name] ?? fallback;
          if (value !== undefined) return value;
          problems.push({
            position: at(node.range?.[0] ?? 0),
            path: "",
            message: `the environment variable ${name} is not set: set it, or write \${${name}:-default} (or $$ for a dollar sign)`,
          });
          return whole;
        },
      );
    },
  });
  return problems;
}

function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.range) return node.range[0];
  }
  return 0;
}

function keyOffsetOf(document: Document, path: Path, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (isMap(map)) {
    for (const pair of map.items) {
      if (isPair(pair) && isScalar(pair.key) && String(pair.key.value) === key && pair.key.range) {
        return pair.key.range[0];
      }
    }
  }
  return offsetOf(document, path);
}
