import { parseDuration } from "../base/duration.ts";
import { GorewindError } from "../base/errors.ts";

/** A command line that cannot be meant. */
export class UsageError extends GorewindError {
  constructor(message: string) {
    super("usage", message);
  }
}

/** `name=value` of an option that takes labels. @throws {UsageError} */
export function splitLabel(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`--label: expected name=value, not "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** An option's duration in ns. @param expected completes "expected …" for who wrote something else. @throws {UsageError} */
export function nanosecondsOf(option: string, text: string, expected: string): number {
  const duration = parseDuration(text);
  if (duration !== undefined) return duration * 1e6;
  throw new UsageError(`${option}: expected ${expected}, not "${text}"`);
}
