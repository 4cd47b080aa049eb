/** Thresholds are written in the unit of the signal, so that a wrong unit is seen when the rule is loaded. */

import { assertNever } from "../base/errors.ts";
import { formatDuration, parseDuration } from "../base/duration.ts";
import { formatSize, parseSize } from "../base/size.ts";
import { findSignal, type SignalUnit } from "../signals/catalog.ts";
import type { Aggregate, SignalQuery } from "./rule.ts";

/** The unit of what an aggregate yields: a number of values is a count whatever they measure. */
export interface ValueUnit {
  readonly unit: SignalUnit;
  readonly perSecond: boolean;
}

function unitOf(aggregate: Aggregate, unit: SignalUnit, cumulative: boolean): ValueUnit {
  if (aggregate.kind === "count") return { unit: "count", perSecond: false };
  // The rate of a duration is how many there are a second; that of a gauge or a counter is how fast it moves.
  if (aggregate.kind === "rate") return { unit: cumulative ? unit : "count", perSecond: true };
  return { unit, perSecond: false };
}

/** In what unit the query's value is. */
export function queryUnit({ signal, aggregate }: SignalQuery): ValueUnit {
  if (aggregate.kind === "quantile" && signal.name.endsWith(BUCKETS)) {
    // Of a histogram's buckets: in the unit of what it counts.
    const base = findSignal(signal.name.slice(0, -BUCKETS.length));
    return { unit: base?.unit ?? signal.unit, perSecond: false };
  }
  return unitOf(aggregate, signal.unit, signal.kind === "gauge" || signal.kind === "counter");
}

const BUCKETS = "_bucket";

/** A threshold in base units, or the sentence that says how to write it. */
export type ParsedThreshold =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly message: string };

export function parseThreshold(input: string | number, { unit, perSecond }: ValueUnit): ParsedThreshold {
  const text = typeof input === "number" ? input : perSecond ? input.replace(/\s*\/\s*s$/, "") : input;
  const value = parseInUnit(text, unit);
  if (value !== undefined) return { ok: true, value };
  return {
    ok: false,
    message: `${JSON.stringify(input)} is no ${UNIT_WORDS[unit]}${perSecond ? " per second" : ""}`,
  };
}

const UNIT_WORDS: Readonly<Record<SignalUnit, string>> = {
  seconds: "duration: write a number with its unit, such as 50ms or 1.5s",
  bytes: "size: write a number with its unit, such as 512KiB or 1GiB",
  ratio: "ratio: write a share such as 5% or 0.05",
  count: "count: write a plain number, such as 100",
};

function parseInUnit(input: string | number, unit: SignalUnit): number | undefined {
  if (input === 0 || input === "0") return 0;
  switch (unit) {
    case "seconds": {
      if (typeof input === "number") return undefined;
      const negative = input.startsWith("-");
      const parsed = parseDuration(negative ? input.slice(1) : input);
      return parsed === undefined ? undefined : (negative ? -1 : 1) * (parsed / 1000);
    }
    case "bytes": {
      if (typeof input === "number" || !/[A-Za-z]/.test(input)) return undefined;
      const negative = input.startsWith("-");
      const parsed = parseSize(negative ? input.slice(1) : input);
      return parsed === undefined ? undefined : (negative ? -1 : 1) * parsed;
    }
    case "ratio":
      return parseRatio(input);
    case "count":
      return typeof input === "number" ? input : parseNumber(input);
    default:
      return assertNever(unit);
  }
}

/** `5%` or `0.05`. */
export function parseRatio(input: string | number): number | undefined {
  if (typeof input === "number") return input;
  return input.endsWith("%") ? divide(parseNumber(input.slice(0, -1)), 100) : parseNumber(input);
}

function divide(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by;
}

function parseNumber(text: string): number | undefined {
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

/** A value for people, in its unit's spelling, with three significant digits. */
export function formatValue(value: number, { unit, perSecond }: ValueUnit): string {
  const suffix = perSecond ? "/s" : "";
  const rounded = Number(value.toPrecision(3));
  switch (unit) {
    case "seconds":
      return `${formatDuration(Number((value * 1000).toPrecision(3)))}${suffix}`;
    case "bytes":
      return `${formatSize(value)}${suffix}`;
    case "ratio":
      return `${Number((value * 100).toPrecision(3))}%${suffix}`;
    case "count":
      return `${Number.isInteger(value) ? value : rounded}${suffix}`;
    default:
      return assertNever(unit);
  }
}
