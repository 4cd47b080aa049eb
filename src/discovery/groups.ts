/** Lists of targets in Prometheus' form, `[{ targets, labels }]`, as files and HTTP servers give them. */

import { DiscoveryError } from "./error.ts";
import type { TargetGroup } from "./targets.ts";

const MAX_ADDRESS = 1024;

/**
 * @param where named in messages.
 * @param strict whether a key that means nothing is an error.
 * @throws {DiscoveryError} format
 */
export function parseGroups(value: unknown, where: string, strict: boolean): TargetGroup[] {
  if (!Array.isArray(value)) throw wrong(where, "expected a list of { targets, labels }");
  return value.map((entry: unknown, i) => parseGroup(entry, `${where}: entry ${i + 1}`, strict));
}

function parseGroup(entry: unknown, where: string, strict: boolean): TargetGroup {
  if (!isRecord(entry)) throw wrong(where, "expected { targets, labels }");
  const { targets, labels = {}, ...others } = entry;
  const unknown = Object.keys(others)[0];
  if (strict && unknown !== undefined) throw wrong(where, `unknown key ${unknown}`);
  if (!Array.isArray(targets) || !targets.every((target) => isAddress(target))) {
    throw wrong(where, "targets is a list of host:port");
  }
  // YAML takes 8080 and true for what they look like; as labels they are texts.
  if (!isRecord(labels ?? {})) throw wrong(where, "labels is a map of texts");
  const texts = Object.entries((labels ?? {}) as Record<string, unknown>).map(([name, label]) => {
    if (typeof label === "string") return [name, label] as const;
    if (typeof label === "number" || typeof label === "boolean") return [name, String(label)] as const;
    throw wrong(where, `the label ${name} is no text`);
  });
  return { targets, labels: Object.fromEntries(texts) };
}

const isAddress = (target: unknown): target is string =>
  typeof target === "string" && target !== "" && target.length <= MAX_ADDRESS;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function wrong(where: string, message: string): DiscoveryError {
  return new DiscoveryError("format", `${where}: ${message}`, {
    hint: "The targets that were known before go on.",
  });
}
