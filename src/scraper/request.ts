import { errors, request, type Dispatcher } from "undici";
import { ScrapeError } from "../base/errors.ts";
import type { Milliseconds } from "../base/units.ts";

export type Response = Dispatcher.ResponseData;

export interface RequestLimits {
  /** Until the response's headers are there. */
  readonly headersTimeout: Milliseconds;
  /** Longest silence inside the body. */
  readonly idleTimeout: Milliseconds;
}

/** The most that is read of an error response's body. */
const ERROR_BODY_LIMIT = 4096;

/**
 * GETs `url`; redirects are not followed. The caller must drain or destroy the body.
 *
 * @throws {ScrapeError} connect, timeout. An abort of `signal` is rethrown as it is.
 */
export async function get(
  dispatcher: Dispatcher,
  url: URL,
  limits: RequestLimits,
  signal: AbortSignal,
): Promise<Response> {
  try {
    return await request(url, {
      dispatcher,
      signal,
      headersTimeout: limits.headersTimeout,
      bodyTimeout: limits.idleTimeout,
    });
  } catch (error) {
    throw signal.aborted ? error : asScrapeError(error, url);
  }
}

/** Any failure of an HTTP exchange with a target, as the error taxonomy has it. */
export function asScrapeError(error: unknown, url: URL): ScrapeError {
  if (error instanceof ScrapeError) return error;
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.ConnectTimeoutError) {
    return new ScrapeError("timeout", `${url.host} did not answer in time`, { cause: error });
  }
  if (error instanceof errors.BodyTimeoutError) {
    return new ScrapeError("timeout", `${url.host} went silent in the middle of ${url.pathname}`, {
      cause: error,
    });
  }
  const code = (error as { code?: unknown } | null)?.code;
  if (
    code === "ECONNREFUSED" ||
    code === "ENOTFOUND" ||
    code === "EHOSTUNREACH" ||
    code === "ENETUNREACH" ||
    code === "EAI_AGAIN"
  ) {
    return new ScrapeError("connect", `cannot connect to ${url.host} (${code})`, {
      cause: error,
      hint: "Is the service up, and does it serve net/http/pprof on this address?",
    });
  }
  return new ScrapeError("truncated", `the connection to ${url.host} was lost in ${url.pathname}`, {
    cause: error,
  });
}

/** The beginning of an error response's text, on one line; the rest of the body is given up. */
export async function errorText(response: Response): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body) {
      const bytes = chunk as Buffer;
      chunks.push(bytes);
      size += bytes.length;
      if (size >= ERROR_BODY_LIMIT) break;
    }
  } catch {
    // What arrived before the failure is all there is to say.
  }
  response.body.destroy();
  return Buffer.concat(chunks).subarray(0, ERROR_BODY_LIMIT).toString("utf8").replace(/\s+/g, " ").trim();
}
