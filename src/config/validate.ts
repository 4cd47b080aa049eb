import { z } from "zod";
import { ConfigError } from "../base/errors.ts";
import { explainIssues } from "./problems.ts";
import { parseYaml, type Environment } from "./yaml.ts";

/**
 * YAML text → what the schema makes of it.
 *
 * @param prepare works on the plain value before the schema sees it.
 * @throws {ConfigError} everything that is wrong, each with its place and the nearest valid key.
 */
export function parseWith<S extends z.ZodType>(
  schema: S,
  text: string,
  file: string,
  env: Environment,
  prepare: (value: unknown) => unknown = (value) => value,
): z.output<S> {
  const source = parseYaml(text, file, env);
  const parsed = schema.safeParse(prepare(source.value ?? {}));
  if (parsed.success) return parsed.data;
  const jsonSchema = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  throw new ConfigError(explainIssues(parsed.error.issues, source, jsonSchema));
}
