/**
 * `/debug/vars`: every number in the JSON as `metric:PATH`, the path's parts joined by dots (`memstats.HeapAlloc`). Truth
 * values are 0 and 1. Lists and texts are left out: they are no series.
 */

import { METRIC_PREFIX } from "./catalog.ts";
import type { Observation } from "./signal.ts";

export interface ExpvarOptions {
  /** Numbers taken, in the order of the document. Beyond: left out. */
  readonly series?: number;
  readonly wants?: (signal: string) => boolean;
}

const DEFAULT_SERIES = 2000;
/** Objects within objects; deeper ones are left out. */
const MAX_DEPTH = 8;

/** The observations of a parsed `/debug/vars` document. */
export function expvarObservations(document: unknown, options: ExpvarOptions = {}): readonly Observation[] {
  const { series = DEFAULT_SERIES, wants = () => true } = options;
  const into: Observation[] = [];
  const walk = (value: unknown, path: string, depth: number): void => {
    if (into.length >= series) return;
    if (typeof value === "number" || typeof value === "boolean") {
      const signal = METRIC_PREFIX + path;
      if (wants(signal)) into.push({ signal, labels: {}, values: [Number(value)] });
    } else if (typeof value === "object" && value !== null && !Array.isArray(value) && depth < MAX_DEPTH) {
      for (const [key, inner] of Object.entries(value)) {
        const part = metricPart(key);
        walk(inner, path === "" ? part : `${path}.${part}`, depth + 1);
      }
    }
  };
  walk(document, "", 0);
  return into.filter(({ signal }) => signal !== METRIC_PREFIX);
}

/** A key as part of a metric's name: what may not stand in one becomes `_`. */
function metricPart(key: string): string {
  const part = key.replaceAll(/[^a-zA-Z0-9_:]/g, "_");
  return /^[a-zA-Z_]/.test(part) ? part : `_${part}`;
}
