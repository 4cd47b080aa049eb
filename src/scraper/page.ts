import type { Dispatcher } from "undici";
import { withDeadline } from "../base/abort.ts";
import { ScrapeError } from "../base/errors.ts";
import type { Bytes, Milliseconds } from "../base/units.ts";
import { asScrapeError, get } from "./request.ts";
import { targetUrl, type Target } from "./target.ts";

/** How long an answer may take from first to last byte, and how large it may be. */
export interface PageLimits {
  readonly timeout: Milliseconds;
  readonly maxBytes: Bytes;
}

/** A whole answer of a target, whatever its status. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
}

/**
 * Reads one answer, whole, within its limits: one that never ends or drips is given up, as is one that is too large.
 * Redirects are not followed, and nothing is unpacked.
 *
 * @throws {ScrapeError} connect, timeout, truncated, limit, format (packed, though nobody asked for that). An abort of
 * `signal` is rethrown as it is.
 */
export async function fetchPage(
  dispatcher: Dispatcher,
  target: Target,
  path: string,
  query: Readonly<Record<string, string>>,
  limits: PageLimits,
  signal: AbortSignal,
): Promise<Page> {
  return await fetchUrl(dispatcher, targetUrl(target, path, query), limits, signal);
}

/** The same of any address. */
export async function fetchUrl(
  dispatcher: Dispatcher,
  url: URL,
  limits: PageLimits,
  signal: AbortSignal,
): Promise<Page> {
  const late = (): ScrapeError =>
    new ScrapeError(
      "timeout",
      `${url.host} did not answer ${url.pathname} within ${limits.timeout / 1000} s`,
    );
  return await withDeadline(signal, limits.timeout, late, async (within) => {
    try {
      return await readPage(dispatcher, url, limits, within);
    } catch (error) {
      if (signal.aborted) throw error;
      throw within.aborted ? late() : asScrapeError(error, url);
    }
  });
}

async function readPage(
  dispatcher: Dispatcher,
  url: URL,
  limits: PageLimits,
  signal: AbortSignal,
): Promise<Page> {
  const times = { headersTimeout: limits.timeout, idleTimeout: limits.timeout };
  const response = await get(dispatcher, url, times, signal);
  try {
    const packed = response.headers["content-encoding"];
    if (packed !== undefined && packed !== "identity") {
      throw new ScrapeError(
        "format",
        `${url.host} packs ${url.pathname} as ${String(packed)}, which was not asked for`,
      );
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      const piece = chunk as Uint8Array;
      size += piece.length;
      if (size > limits.maxBytes) {
        throw new ScrapeError(
          "limit",
          `${url.pathname} of ${url.host} is larger than ${limits.maxBytes} bytes`,
        );
      }
      chunks.push(piece);
    }
    const contentType = response.headers["content-type"];
    return {
      status: response.statusCode,
      contentType: typeof contentType === "string" ? contentType : "application/octet-stream",
      chunks,
      bytes: size,
    };
  } finally {
    // Of an answer that was given up in the middle; of a whole one nothing is left. The error is known already.
    response.body.on("error", () => undefined).destroy();
  }
}
