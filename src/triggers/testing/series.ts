import { ConfigError } from "../../base/errors.ts";
import { findSignal } from "../../signals/catalog.ts";
import { parseThreshold, type ValueUnit } from "../threshold.ts";

/** A series of so many intervals is a mistake. */
const MAX_INTERVALS = 1_000_000;

/**
 * One list of values an interval; empty: nothing was seen. The notation: `5ms` one value, `5ms,80ms` two in one
 * interval, `5ms*30` for 30 intervals, `100MiB+1MiB*60` and `9-1*5` rising or falling step by step, `_` nothing.
 *
 * @throws {ConfigError} what cannot be read, with the word.
 */
export function parseSeries(signal: string, text: string): readonly (readonly number[])[] {
  const unit: ValueUnit = {
    unit: findSignal(signal)?.unit ?? fail(`there is no signal ${signal}`),
    perSecond: false,
  };
  const intervals = text
    .split(/\s+/)
    .filter(Boolean)
    .flatMap((word) => parseWord(word, unit));
  if (intervals.length > MAX_INTERVALS)
    fail(`${signal} has ${intervals.length} intervals; ${MAX_INTERVALS} at most`);
  return intervals;
}

function parseWord(word: string, unit: ValueUnit): readonly (readonly number[])[] {
  const [body = "", times] = word.split("*");
  const count = times === undefined ? 1 : Number(times);
  if (!Number.isInteger(count) || count < 1 || count > MAX_INTERVALS)
    fail(`"${word}": after * stands how often`);
  if (body === "_") return Array.from({ length: count }, () => []);
  const stepped = /^([^,+]+?)([+-])([^,+-]+)$/.exec(body);
  if (stepped !== null) {
    const first = parseValue(stepped[1] ?? "", unit, word);
    const step = (stepped[2] === "-" ? -1 : 1) * parseValue(stepped[3] ?? "", unit, word);
    return Array.from({ length: count }, (_, i) => [first + i * step]);
  }
  const values = body.split(",").map((value) => parseValue(value, unit, word));
  return Array.from({ length: count }, () => values);
}

function parseValue(text: string, unit: ValueUnit, word: string): number {
  const parsed = parseThreshold(text, unit);
  return parsed.ok ? parsed.value : fail(`"${word}": ${parsed.message}`);
}

function fail(message: string): never {
  throw new ConfigError([{ position: undefined, path: "series", message }]);
}
