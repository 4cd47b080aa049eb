import type { Dispatcher } from "undici";
import { ScrapeError } from "../base/errors.ts";
import { milliseconds, type Milliseconds } from "../base/units.ts";
import type { ProfileOptions } from "./options.ts";
import { asScrapeError, errorText, get } from "./request.ts";
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
  const url = targetUrl(target, options.pathPrefix + profile.endpoint, query);
  const patience = milliseconds(options.timeout + (profile.seconds ?? 0));
  const response = await get(dispatcher, url, { headersTimeout: patience, idleTimeout: patience }, signal);
  if (response.statusCode !== 200) {
    const text = await errorText(response);
    throw new ScrapeError(
      "status",
      `${url.host} answered ${response.statusCode} to ${url.pathname}: ${text.slice(0, 200)}`,
    );
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body) {
      const bytes = chunk as Uint8Array;
      size += bytes.length;
      if (size > options.maxBytes) {
        throw new ScrapeError(
          "limit",
          `${url.pathname} of ${url.host} is larger than ${options.maxBytes} bytes`,
        );
      }
      chunks.push(bytes);
    }
  } catch (error) {
    throw signal.aborted ? error : asScrapeError(error, url);
  } finally {
    response.body.destroy();
  }
  requireGzip(chunks, url);
  return chunks;
}

function requireGzip(chunks: readonly Uint8Array[], url: URL): void {
  const head = Buffer.concat(chunks.slice(0, 2)).subarray(0, 2);
  if (head.length === 2 && head.readUInt16LE() === GZIP_MAGIC) return;
  throw new ScrapeError("format", `${url.pathname} of ${url.host} is no pprof profile: it is not gzipped`);
}
