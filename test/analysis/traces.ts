import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

import { repoRoot } from "../support/cache.ts";
import { requireOrSkip } from "../support/require.ts";

/** Traces shared by the project's parts: real ones of eight Go versions, with what Go's own reader makes of them. */
const folder = join(process.env["GOREWIND_SHARED"] ?? resolve(repoRoot, "..", "shared"), "traces");

/** Whether to skip what needs the shared traces. */
export const skipShared = requireOrSkip(
  "the analysis of the shared traces",
  existsSync(folder) ? undefined : `there is no ${folder}`,
);

/** Names like `tour-go1.26`. */
export const sharedTraces: readonly string[] = skipShared
  ? []
  : readdirSync(folder)
      .filter((name) => name.endsWith(".trace"))
      .map((name) => name.slice(0, -".trace".length))
      .sort();

export function sharedTracePath(name: string): string {
  return join(folder, `${name}.trace`);
}

export function sharedTrace(name: string): Uint8Array {
  return readFileSync(sharedTracePath(name));
}

export interface Reference {
  readonly events: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly start_ns: number;
  readonly end_ns: number;
  readonly goroutines: readonly Readonly<Record<string, unknown>>[];
  readonly tasks: readonly Readonly<Record<string, unknown>>[];
  readonly regions: readonly Readonly<Record<string, unknown>>[];
  readonly range_begins: Readonly<Record<string, number>>;
}

export function referenceOf(name: string): Reference {
  return JSON.parse(readFileSync(join(folder, `${name}.reference.json`), "utf8")) as Reference;
}
