import { ConfigError } from "../base/errors.ts";
import type { Config } from "../config/load.ts";
import type { TriggerOptions } from "../triggers/rule.ts";

/** The rules and their limits. */
export function triggerOptionsOf({ options }: Config): TriggerOptions {
  return { rules: options.triggers, limits: options.triggerLimits };
}

/**
 * What is opened once at start cannot change while it is in use.
 *
 * @throws {ConfigError}
 */
export function requireRestartless(before: Config, next: Config): void {
  const fixed = ["store", "spool", "upload", "retention", "http", "analysis", "capture"] as const;
  const changed = fixed.filter(
    (key) => JSON.stringify(before.options[key]) !== JSON.stringify(next.options[key]),
  );
  if (changed.length === 0) return;
  throw new ConfigError(
    changed.map((key) => ({
      position: undefined,
      path: key,
      message: "is opened at start: restart the agent to change it",
    })),
  );
}
