import type { Labels } from "../signals/signal.ts";
import { IDENTITY_LABELS, MAX_OUTSIDE_LABELS } from "./options.ts";

const MAX_VALUE = 256;

/**
 * Whether an alert, or a series, is about a target. The same `instance` settles it, another host too. Else Prometheus
 * may scrape another port of the same process, or there is no instance: then every other identity label that both
 * carry must be the same.
 */
export function isAbout(outside: Labels, target: Labels): boolean {
  const [theirs, ours] = [outside["instance"], target["instance"]];
  if (theirs !== undefined && ours !== undefined) {
    if (theirs === ours) return true;
    if (hostOf(theirs) !== hostOf(ours)) return false;
  }
  return IDENTITY_LABELS.every(
    (name) => outside[name] === undefined || target[name] === undefined || outside[name] === target[name],
  );
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, "");
}

/** Labels of somebody else's making, bounded. */
export function boundedLabels(labels: Readonly<Record<string, unknown>>): Labels {
  const kept = Object.entries(labels)
    .filter(([name]) => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && name !== "__name__")
    .slice(0, MAX_OUTSIDE_LABELS);
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value).slice(0, MAX_VALUE)]));
}
