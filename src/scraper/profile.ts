import type { Dispatcher } from "undici";
import { ScrapeError } from "../base/errors.ts";
import { bytes, milliseconds, type Milliseconds } from "../base/units.ts";
import type { ProfileOptions } from "./options.ts";
import { fetchPage } from "./page.ts";
import { targetUrl, type Target } from "./target.ts";

/** One pprof profile to take. */
export interface ProfileRequest {
  /** The endpoint's name: `goroutine`, `heap`, `profile` (CPU), … */
  readonly endpoint: string;
  /** CPU: how long to sample. Others: take the difference over this time (Go's `?seconds=`). */
  readonly seconds?: Milliseconds;
}

const GZIP_MAGIC = 0x8b1f;

/**
 * Reads one profile, whole and gzipped as Go sends it.
 *
 * @throws {ScrapeError} connect, timeout, status, truncated, limit (larger than `maxBytes`), format (no gzip). An abort
 * of `signal` is rethrown as it is.
 */
export async function fetchProfile(
  dispatcher: Dispatcher,
  target: Target,
  options: ProfileOptions,
  profile: ProfileRequest,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const query: Record<string, string> =
    profile.seconds === undefined ? {} : { seconds: String(profile.seconds / 1000) };
  const path = options.pathPrefix + profile.endpoint;
  const limits = {
    timeout: milliseconds(options.timeout + (profile.seconds ?? 0)),
    maxBytes: bytes(options.maxBytes),
  };
  const page = await fetchPage(dispatcher, target, path, query, limits, signal);
  if (page.status !== 200) {
    const text = Buffer.concat(page.chunks).subarray(0, 200).toString("utf8").replace(/\s+/g, " ").trim();
    throw new ScrapeError("status", `${target.address} answered ${page.status} to ${path}: ${text}`);
  }
  requireGzip(page.chunks, targetUrl(target, path));
  return [...page.chunks];
}

function requireGzip(chunks: readonly Uint8Array[], url: URL): void {
  const head = Buffer.concat(chunks.slice(0, 2)).subarray(0, 2);
  if (head.length === 2 && head.readUInt16LE() === GZIP_MAGIC) return;
  throw new ScrapeError("format", `${url.pathname} of ${url.host} is no pprof profile: it is not gzipped`);
}
