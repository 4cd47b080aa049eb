import { assertNever } from "../base/errors.ts";
import type { Manifest } from "../capture/manifest.ts";

/**
 * Where a capture lies in a store: a folder-like prefix made from its manifest alone, so that the same capture always
 * has the same key, whoever uploads it and however often.
 */

export const DEFAULT_KEY_TEMPLATE = "{service}/{yyyy}/{mm}/{dd}/{time}-{rule}-{id}";

const PLACEHOLDER = /\{([a-z_]*)\}/g;
const FIELDS = [
  "service",
  "job",
  "target",
  "rule",
  "severity",
  "id",
  "time",
  "yyyy",
  "mm",
  "dd",
  "hh",
] as const;
type Field = (typeof FIELDS)[number];

/** S3 takes keys of 1024 bytes; with eleven fields of this length and a file's name a key stays below. */
const MAX_SEGMENT = 64;

/** What is wrong with a template, or undefined when nothing is. */
export function keyTemplateProblem(template: string): string | undefined {
  const used = [...template.matchAll(PLACEHOLDER)].map((match) => match[1] ?? "");
  const unknown = used.find((name) => !isField(name));
  if (unknown !== undefined) return `knows no {${unknown}}: use ${FIELDS.map((f) => `{${f}}`).join(", ")}`;
  if (!used.includes("id")) return "must hold {id}: without it two captures may take the same key";
  if (template.startsWith("index=")) return "must not begin with index=, where the index lies";
  const rest = template.replaceAll(PLACEHOLDER, "x");
  if (!/^[\w./=-]+$/.test(rest)) return "may hold letters, digits and . _ - = / beside its placeholders";
  if (rest.split("/").some((segment) => segment === "" || /^\.+$/.test(segment))) {
    return "must not start or end with /, nor hold //, . or .. as a segment";
  }
  return template.length > 256 ? "must not be longer than 256 characters" : undefined;
}

/** The capture's prefix, ending in `/`. */
export function capturePrefix(template: string, manifest: Manifest): string {
  const path = template.replaceAll(PLACEHOLDER, (_, name: string) => fieldValue(name, manifest));
  return `${path}/`;
}

/** Name of the service a capture belongs to: the target's `service` label, else its job. */
export function serviceOf(manifest: Manifest): string {
  return manifest.target.labels["service"] ?? manifest.target.job;
}

function fieldValue(name: string, manifest: Manifest): string {
  const created = manifest.created; // 2026-03-11T14:25:02.123Z
  const reason = manifest.reasons[0];
  if (!isField(name)) return "_";
  switch (name) {
    case "service":
      return safeSegment(serviceOf(manifest));
    case "job":
      return safeSegment(manifest.target.job);
    case "target":
      return safeSegment(manifest.target.name);
    case "rule":
      return safeSegment(reason?.rule ?? "");
    case "severity":
      return safeSegment(reason?.severity ?? "");
    case "id":
      return safeSegment(manifest.id);
    case "time":
      return `${created.slice(0, 10)}T${created.slice(11, 23).replaceAll(/[:.]/g, "")}Z`.replaceAll("-", "");
    case "yyyy":
      return created.slice(0, 4);
    case "mm":
      return created.slice(5, 7);
    case "dd":
      return created.slice(8, 10);
    case "hh":
      return created.slice(11, 13);
    default:
      return assertNever(name);
  }
}

/**
 * A value made fit for one segment of a key and one file name: letters, digits, `.`, `_`, `-`; never empty, never
 * only dots, bounded. Two values may become one: uniqueness is the id's business.
 */
export function safeSegment(value: string): string {
  const safe = value
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[.-]+/, "")
    .slice(0, MAX_SEGMENT);
  return safe === "" ? "_" : safe;
}

function isField(name: string): name is Field {
  return (FIELDS as readonly string[]).includes(name);
}
