import { createHash } from "node:crypto";
import { watch, type FSWatcher } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import type { Clock } from "../base/clock.ts";
import { errorMessage, type GorewindError } from "../base/errors.ts";
import { milliseconds, type Milliseconds } from "../base/units.ts";
import type { DiscoveryContext } from "./context.ts";
import { DiscoveryError } from "./error.ts";
import { parseGroups } from "./groups.ts";
import type { FileDiscoveryOptions } from "./options.ts";
import type { TargetGroup } from "./targets.ts";

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 1000;
/** A change of a ConfigMap is several changes of its folder; they are taken together. */
const SETTLE = milliseconds(100);

interface KnownFile {
  readonly hash: string;
  readonly groups: readonly TargetGroup[];
}

/**
 * `file_sd_configs`: lists of targets in JSON or YAML files. Their folders are watched, since editors and Kubernetes
 * replace files instead of writing them, and read again every now and then, since not every file system tells. A file
 * that cannot be read or understood keeps what it said last.
 */
export async function discoverInFiles(
  options: FileDiscoveryOptions,
  { clock, folder, onUpdate, onFailure }: DiscoveryContext,
  signal: AbortSignal,
): Promise<void> {
  const patterns = options.files.map((pattern) => resolve(folder, pattern));
  let known: ReadonlyMap<string, KnownFile> = new Map();
  let first = true;
  while (!signal.aborted) {
    // Watched before it is read, so that no change falls between the two.
    const wake = new AbortController();
    const stopWatching = watchFolders(patterns, () => wake.abort());
    const now = await readFiles(patterns, known, onFailure);
    if (first || !sameFiles(known, now)) onUpdate([...now.values()].flatMap(({ groups }) => groups));
    first = false;
    known = now;
    await pause(clock, options.refresh, wake.signal, signal);
    stopWatching();
  }
}

/** Until something changes and has settled, or until it is time anyway. */
async function pause(
  clock: Clock,
  refresh: Milliseconds,
  changed: AbortSignal,
  signal: AbortSignal,
): Promise<void> {
  const either = new AbortController();
  const end = (): void => either.abort();
  for (const each of [changed, signal]) {
    if (each.aborted) end();
    else each.addEventListener("abort", end, { once: true });
  }
  await clock.sleep(refresh, either.signal).catch(() => undefined);
  signal.removeEventListener("abort", end);
  if (changed.aborted) await clock.sleep(SETTLE, signal).catch(() => undefined);
}

async function readFiles(
  patterns: readonly string[],
  known: ReadonlyMap<string, KnownFile>,
  onFailure: (error: GorewindError) => void,
): Promise<ReadonlyMap<string, KnownFile>> {
  const now = new Map<string, KnownFile>();
  for (const path of await pathsOf(patterns, onFailure)) {
    const before = known.get(path);
    try {
      now.set(path, await readTargets(path, before));
    } catch (error) {
      // Gone between the listing and the reading: gone.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      onFailure(unusable(path, error));
      if (before !== undefined) now.set(path, before);
    }
  }
  return now;
}

/** The files there are, of all patterns. */
async function pathsOf(
  patterns: readonly string[],
  onFailure: (error: GorewindError) => void,
): Promise<readonly string[]> {
  const paths = new Set<string>();
  for (const pattern of patterns) {
    const folder = dirname(pattern);
    const matches = nameMatcher(basename(pattern));
    try {
      for (const name of await readdir(folder)) if (matches.test(name)) paths.add(join(folder, name));
    } catch (error) {
      onFailure(unusable(folder, error));
    }
  }
  if (paths.size > MAX_FILES) {
    onFailure(new DiscoveryError("limit", `${paths.size} files match; ${MAX_FILES} of them are read`));
  }
  return [...paths].sort().slice(0, MAX_FILES);
}

async function readTargets(path: string, before: KnownFile | undefined): Promise<KnownFile> {
  const { size } = await stat(path);
  if (size > MAX_BYTES)
    throw new DiscoveryError("limit", `${path} has ${size} bytes, more than ${MAX_BYTES}`);
  const text = await readFile(path, "utf8");
  const hash = createHash("sha256").update(text).digest("hex");
  if (before?.hash === hash) return before;
  // Emptied to be written anew, most likely.
  if (text.trim() === "") throw new DiscoveryError("format", `${path} is empty: write [] for no targets`);
  const value: unknown = path.endsWith(".json") ? JSON.parse(text) : parse(text);
  const groups = parseGroups(value, path, true).map(({ targets, labels }) => ({
    targets,
    labels: { ...labels, __meta_filepath: path },
  }));
  return { hash, groups };
}

function unusable(path: string, error: unknown): GorewindError {
  if (error instanceof DiscoveryError) return error;
  return new DiscoveryError("file", `${path} cannot be used: ${errorMessage(error).slice(0, 300)}`, {
    cause: error,
    hint: "The targets that it named before go on. Write files aside and rename them into place.",
  });
}

function nameMatcher(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s");
}

function sameFiles(a: ReadonlyMap<string, KnownFile>, b: ReadonlyMap<string, KnownFile>): boolean {
  return a.size === b.size && [...a].every(([path, { hash }]) => b.get(path)?.hash === hash);
}

/** Calls `onChange` at any change in the folders of `patterns`. What cannot be watched is read now and then anyway. */
function watchFolders(patterns: readonly string[], onChange: () => void): () => void {
  const watchers: FSWatcher[] = [];
  for (const folder of new Set(patterns.map((pattern) => dirname(pattern)))) {
    try {
      watchers.push(watch(folder, onChange).on("error", () => undefined));
    } catch {
      // It is not there yet.
    }
  }
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}
