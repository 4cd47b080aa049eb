import type { Labels } from "../signals/signal.ts";
import type { LabelPattern } from "./rule.ts";

/** `*` stands for any text; the rest is literal. */
export function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  if (parts.length === 1) return pattern === text;
  const last = parts[parts.length - 1] ?? "";
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  // Greedy from the left is exact: each middle part takes its first place, which leaves the most for the next.
  let from = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const at = text.indexOf(part, from);
    if (at < 0 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}

/** Whether `labels` are as asked for. A label that is not there has the empty value, as in Prometheus. */
export function labelsMatch(patterns: readonly LabelPattern[], labels: Labels): boolean {
  return patterns.every(({ label, negated, patterns: any }) => {
    const value = labels[label] ?? "";
    return any.some((pattern) => globMatches(pattern, value)) !== negated;
  });
}

/** One string per label set, the same whatever the order of the keys. */
export function labelsKey(labels: Labels): string {
  const names = Object.keys(labels);
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0] ?? ""}\u0000${labels[names[0] ?? ""] ?? ""}`;
  return names
    .sort()
    .map((name) => `${name}\u0000${labels[name] ?? ""}`)
    .join("\u0001");
}

/** The labels by which `by` tells apart. */
export function projectLabels(labels: Labels, by: readonly string[] | "all"): Labels {
  if (by === "all") return labels;
  const projected: Record<string, string> = {};
  for (const name of by) {
    const value = labels[name];
    if (value !== undefined) projected[name] = value;
  }
  return projected;
}
