/**
 * Durations in Go's spelling (`time.ParseDuration`, and Prometheus' `d` and `w`): `200ms`, `1m30s`, `1.5h`, `7d`.
 */

import { milliseconds, type Milliseconds } from "./units.ts";

/** Milliseconds of each unit. `µs` is accepted in both of its code points, as Go does. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d|w)/y;

/** The duration that `text` spells, or undefined when it spells none. A sign is refused: no setting takes one. */
export function parseDuration(text: string): Milliseconds | undefined {
  if (text === "0") return milliseconds(0);
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const match = PART.exec(text);
    if (match === null) return undefined;
    total += Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? Number.NaN);
  }
  return text === "" || !Number.isFinite(total) ? undefined : milliseconds(total);
}

/** The shortest exact spelling that `parseDuration` reads back: `90000` → `1m30s`, `0.25` → `250us`. */
export function formatDuration(duration: number): string {
  if (duration === 0) return "0s";
  if (duration < 0) return `-${formatDuration(-duration)}`;
  if (duration < 1) {
    return duration < 1e-3 ? `${trim(duration * 1e6)}ns` : `${trim(duration * 1e3)}us`;
  }
  if (duration < 1000) return `${trim(duration)}ms`;
  const hours = Math.floor(duration / 3_600_000);
  const minutes = Math.floor((duration % 3_600_000) / 60_000);
  const rest = (duration % 60_000) / 1000;
  return `${hours > 0 ? `${hours}h` : ""}${minutes > 0 ? `${minutes}m` : ""}${rest > 0 ? `${trim(rest)}s` : ""}`;
}

function trim(value: number): string {
  return String(Number(value.toPrecision(12)));
}
