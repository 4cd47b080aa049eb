import { request, type Dispatcher } from "undici";
import { withDeadline } from "../base/abort.ts";
import { errorMessage, type GorewindError } from "../base/errors.ts";
import type { Milliseconds } from "../base/units.ts";
import { asScrapeError } from "../scraper/request.ts";
import { DiscoveryError } from "./error.ts";

export interface FetchOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** From the request to the last byte. */
  readonly timeout: Milliseconds;
  readonly maxBytes: number;
}

/**
 * GETs a text, whole and within its limits.
 *
 * @throws {DiscoveryError} unreachable, status, limit, format. {ScrapeError} credentials, tls. An abort of `signal` is
 * rethrown as it is.
 */
export async function fetchText(
  dispatcher: Dispatcher,
  url: URL,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly contentType: string; readonly text: string }> {
  const late = (): DiscoveryError =>
    new DiscoveryError("unreachable", `${url.host} did not answer within ${options.timeout / 1000} s`);
  return await withDeadline(signal, options.timeout, late, async (within) => {
    try {
      return await readText(dispatcher, url, options, within);
    } catch (error) {
      if (signal.aborted) throw error;
      throw within.aborted ? late() : asDiscoveryError(error, url);
    }
  });
}

async function readText(dispatcher: Dispatcher, url: URL, options: FetchOptions, signal: AbortSignal) {
  const headers = { "accept-encoding": "identity", "user-agent": "gorewind", ...options.headers };
  const response = await request(url, { dispatcher, signal, headers });
  try {
    const packed = response.headers["content-encoding"] ?? "identity";
    if (packed !== "identity") {
      throw new DiscoveryError("format", `${url.host} packs its answer as ${String(packed)}, unasked`);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body) {
      size += (chunk as Uint8Array).length;
      if (size > options.maxBytes) {
        throw new DiscoveryError("limit", `${url.host} sends more than ${options.maxBytes} bytes`);
      }
      chunks.push(chunk as Uint8Array);
    }
    return {
      status: response.statusCode,
      contentType: String(response.headers["content-type"] ?? ""),
      text: Buffer.concat(chunks).toString("utf8"),
    };
  } finally {
    response.body.on("error", () => undefined).destroy();
  }
}

/** Any failure of an exchange with a server that lists targets. */
export function asDiscoveryError(error: unknown, url: URL): GorewindError {
  if (error instanceof DiscoveryError) return error;
  const known = asScrapeError(error, url);
  if (known.kind === "credentials" || known.kind === "tls") return known;
  return new DiscoveryError("unreachable", `${url.host} could not be asked: ${errorMessage(error)}`, {
    cause: error,
  });
}
