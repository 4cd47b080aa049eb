/** CEL, the Common Expression Language: the only file that knows the library. */

import { Environment } from "@marcbachmann/cel-js";
import { parseDuration } from "../base/duration.ts";
import { errorMessage } from "../base/errors.ts";
import { parseSize } from "../base/size.ts";
import type { ExpressionInput } from "./rule.ts";

export type CompiledExpression =
  | { readonly ok: true; readonly evaluate: (input: ExpressionInput) => boolean }
  | { readonly ok: false; readonly message: string };

/** The names an expression sees besides its queries. */
export const RESERVED_NAMES: readonly string[] = [
  "labels",
  "target",
  "seconds",
  "bytes",
  "true",
  "false",
  "null",
  "in",
];

/** @param names the queries whose values, doubles in base units, the expression may use. */
export function compileExpression(text: string, names: readonly string[]): CompiledExpression {
  const environment = createEnvironment(names);
  const checked = environment.check(text);
  if (!checked.valid) return { ok: false, message: checked.error?.message ?? "no valid CEL" };
  if (checked.type !== "bool" && checked.type !== "dyn") {
    return {
      ok: false,
      message: `the expression is a ${String(checked.type)}, but has to say true or false (bool)`,
    };
  }
  const wrongLiteral = badLiteral(text);
  if (wrongLiteral !== undefined) return { ok: false, message: wrongLiteral };
  const program = environment.parse(text);
  return {
    ok: true,
    evaluate: ({ values, labels, targetLabels }) => {
      const result: unknown = program({ ...values, labels, target: targetLabels });
      if (typeof result !== "boolean")
        throw new TypeError(`the expression is ${typeof result}, not true or false`);
      return result;
    },
  };
}

/** `seconds_of("50ms")` and `bytes_of("512MiB")` make thresholds readable in base units. */
function createEnvironment(names: readonly string[]): Environment {
  const environment = new Environment({ unlistedVariablesAreDyn: false })
    .registerVariable("labels", "map<string, string>")
    .registerVariable("target", "map<string, string>")
    .registerFunction("seconds_of(string): double", (text: string) => {
      const parsed = parseDuration(text);
      if (parsed === undefined) throw new TypeError(`"${text}" is no duration`);
      return parsed / 1000;
    })
    .registerFunction("bytes_of(string): double", (text: string) => {
      const parsed = parseSize(text);
      if (parsed === undefined) throw new TypeError(`"${text}" is no size`);
      return parsed;
    });
  for (const name of names) environment.registerVariable(name, "double");
  return environment;
}

/** A literal that the run would stumble over is told when the rule is loaded. */
function badLiteral(text: string): string | undefined {
  for (const [whole, name, literal] of text.matchAll(
    /\b(seconds_of|bytes_of)\(\s*(?:"([^"]*)"|'[^']*')\s*\)/g,
  )) {
    const spelled = literal ?? /'([^']*)'/.exec(whole)?.[1] ?? "";
    const parsed = name === "seconds_of" ? parseDuration(spelled) : parseSize(spelled);
    if (parsed === undefined)
      return `${whole}: "${spelled}" is no ${name === "seconds_of" ? "duration" : "size"}`;
  }
  return undefined;
}

/** Runs the expression; a failure is a sentence, not an exception. */
export function tryEvaluate(
  evaluate: (input: ExpressionInput) => boolean,
  input: ExpressionInput,
): { readonly result: boolean } | { readonly failure: string } {
  try {
    return { result: evaluate(input) };
  } catch (error) {
    return { failure: errorMessage(error) };
  }
}
