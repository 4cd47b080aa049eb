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
 * Asks for `url`; redirects are not followed. The caller must drain or destroy the body.
 *
 * @throws {ScrapeError} connect, timeout. An abort of `signal` is rethrown as it is.
 */
export async function get(
  dispatcher: Dispatcher,
  url: URL,
  limits: RequestLimits,
  signal: AbortSignal,
  method: "GET" | "POST" = "GET",
): Promise<Response> {
  try {
    return await request(url, {
      method,
      dispatcher,
      signal,
      headers: { "accept-encoding": "identity" },
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
  const code = codeOf(error);
  if (CONNECT_CODES.has(code)) {
    const path = (error as { address?: unknown }).address;
    const where = code === "ENOENT" || code === "EACCES" ? String(path) : url.host;
    return new ScrapeError("connect", `cannot connect to ${where} (${code})`, {
      cause: error,
      hint: "Is the service up, and does it serve net/http/pprof on this address?",
    });
  }
  if (TLS_CODES.test(code)) return tlsError(error, code, url);
  return new ScrapeError("truncated", `the connection to ${url.host} was lost in ${url.pathname}`, {
    cause: error,
  });
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

const CONNECT_CODES = new Set(
  "ECONNREFUSED ENOTFOUND EHOSTUNREACH ENETUNREACH EAI_AGAIN ENOENT EACCES".split(" "),
);

/** What OpenSSL and Node's own checks of a certificate say. */
const TLS_CODES =
  /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_|HOSTNAME_MISMATCH|EPROTO)/;

function tlsError(error: unknown, code: string, url: URL): ScrapeError {
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") {
    return new ScrapeError("tls", `${url.host} does not speak TLS (${code})`, {
      hint: "It most likely speaks plain HTTP here: is scheme http meant?",
    });
  }
  const certificate = /^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_|ERR_TLS_CERT|HOSTNAME_)/.test(code);
  return new ScrapeError("tls", `no TLS with ${url.host} (${code})`, {
    cause: error,
    hint: certificate
      ? "The server's certificate is not trusted for this name: see tls_config's ca_file and server_name."
      : "Does the server speak TLS here, and does it ask for a client certificate (tls_config's cert_file and key_file)?",
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
