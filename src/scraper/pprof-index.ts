import type { Dispatcher } from "undici";
import { ScrapeError } from "../base/errors.ts";
import { bytes, MiB } from "../base/units.ts";
import type { ProfileOptions } from "./options.ts";
import { fetchPage } from "./page.ts";
import type { Target } from "./target.ts";

/** No process has more, and more would be no index. */
const MAX_PROFILES = 200;
const MAX_INDEX_BYTES = bytes(MiB);

/**
 * The profiles a process has, by its own index page (`/debug/pprof/`): those of the runtime, and those the service
 * added with `pprof.NewProfile`.
 *
 * @throws {ScrapeError} the page cannot be had.
 */
export async function fetchPprofIndex(
  dispatcher: Dispatcher,
  target: Target,
  options: ProfileOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const limits = { timeout: options.timeout, maxBytes: MAX_INDEX_BYTES };
  const page = await fetchPage(dispatcher, target, options.pathPrefix, {}, limits, signal);
  if (page.status !== 200) {
    throw new ScrapeError("status", `${target.address} answered ${page.status} to ${options.pathPrefix}`);
  }
  return parsePprofIndex(Buffer.concat(page.chunks).toString("utf8"));
}

/** The names an index page links to: `href='heap?debug=1'` in every Go since 1.11. */
export function parsePprofIndex(html: string): readonly string[] {
  const names = new Set<string>();
  for (const [, name] of html.matchAll(/href=['"]([A-Za-z0-9_.%/-]{1,200})(?:\?[^'"]*)?['"]/g)) {
    if (name === undefined || name.startsWith("/") || names.size >= MAX_PROFILES) continue;
    names.add(decodeName(name));
  }
  return [...names].sort();
}

/** A custom profile is called by an import path as a rule, which the page escapes. */
function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
