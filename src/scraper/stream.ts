import type { Dispatcher } from "undici";
import { ScrapeError } from "../base/errors.ts";
import { milliseconds, type Milliseconds } from "../base/units.ts";
import type { TraceOptions } from "./options.ts";
import { asScrapeError, errorText, get, type Response } from "./request.ts";
import { targetUrl, type Target } from "./target.ts";

/**
 * Takes each piece of the body as it comes. It runs inside the socket's read, so it must return at once and must not
 * throw: a reader that stalls makes the Go runtime buffer the trace in the service's memory without bound.
 * Returning `false` ends the stream.
 */
export type ChunkSink = (chunk: Uint8Array) => boolean | undefined;

/** How a trace stream came to its end. */
export type StreamEnd =
  /** The server ended it after the seconds asked for: the last generation is whole. */
  | { readonly kind: "finished" }
  /** The sink did not want more. */
  | { readonly kind: "declined" }
  /** The connection broke: the tail is torn. */
  | { readonly kind: "lost"; readonly error: ScrapeError };

/**
 * GETs the target's execution trace for `seconds` and hands every chunk to `sink` at line rate, never pausing the
 * socket.
 *
 * @param onOpen called once the server has agreed to trace.
 * @throws {ScrapeError} when no stream came to be: connect, timeout, already-enabled, limit (the server does not allow
 * so many seconds), status. An abort of `signal` is rethrown as it is.
 */
export async function streamTrace(
  dispatcher: Dispatcher,
  target: Target,
  options: TraceOptions,
  duration: Milliseconds,
  onOpen: () => void,
  sink: ChunkSink,
  signal: AbortSignal,
): Promise<StreamEnd> {
  const url = targetUrl(target, options.path, { seconds: String(duration / 1000) });
  const response = await get(dispatcher, url, options, signal);
  if (response.statusCode !== 200) throw await refusal(response, url);
  const packed = response.headers["content-encoding"] ?? "identity";
  if (packed !== "identity") {
    response.body.on("error", () => undefined).destroy();
    throw new ScrapeError(
      "format",
      `${url.host} packs its trace as ${String(packed)}, which was not asked for`,
      {
        hint: "Something between the agent and the service compresses: a stream that is packed comes late and in lumps.",
      },
    );
  }
  onOpen();
  return await drain(response, url, sink, signal);
}

/** Hands the body to `sink` as it comes, to its end. */
export async function drain(
  response: Response,
  url: URL,
  sink: ChunkSink,
  signal: AbortSignal,
): Promise<StreamEnd> {
  const { body } = response;
  return await new Promise<StreamEnd>((resolve, reject) => {
    let declined = false;
    body.on("data", (chunk: Uint8Array) => {
      if (declined || sink(chunk) !== false) return;
      declined = true;
      resolve({ kind: "declined" });
      body.destroy();
    });
    body.on("end", () => resolve({ kind: "finished" }));
    body.on("error", (error) => {
      if (signal.aborted) reject(signal.reason as Error);
      else resolve({ kind: "lost", error: asScrapeError(error, url) });
    });
    body.on("close", () => {
      if (signal.aborted) reject(signal.reason as Error);
      else
        resolve({
          kind: "lost",
          error: new ScrapeError("truncated", `the trace stream from ${url.host} was cut off`),
        });
    });
  });
}

/** What a server that does not send a trace meant by it, from the words of `net/http/pprof` (Go 1.11 to 1.27). */
export async function refusal(response: Response, url: URL): Promise<ScrapeError> {
  const text = await errorText(response);
  const said = `${url.host} answered ${response.statusCode} to ${url.pathname}${text === "" ? "" : `: ${text.slice(0, 200)}`}`;
  if (/already (been )?enabled/.test(text)) {
    return new ScrapeError("already-enabled", `${url.host} is already being traced by someone else`, {
      hint: "A Go process has one tracer for streams: a profiler such as Datadog's, a person with curl or go tool trace, or another gorewind holds it. It is taken when it is free.",
    });
  }
  if (/WriteTimeout|exceeds server/i.test(text)) {
    return new ScrapeError("limit", said, {
      hint: "The server's WriteTimeout is shorter than the stream; shorter ones are tried.",
    });
  }
  const hint = /HTTP request to an HTTPS server/i.test(text)
    ? "The server speaks TLS here: set scheme: https."
    : response.statusCode === 404
      ? "Does the service import net/http/pprof, and is this the right address and path?"
      : response.statusCode >= 300 && response.statusCode < 400
        ? "Redirects are not followed: give the final address."
        : undefined;
  return new ScrapeError("status", said, hint === undefined ? {} : { hint });
}

/** The next shorter stream to ask a server for that refused `refused` because of its WriteTimeout. */
export function shorterStream(refused: Milliseconds): Milliseconds {
  const steps = [600_000, 300_000, 120_000, 60_000, 30_000, 15_000, 10_000, 5000, 2000, 1000];
  return milliseconds(steps.find((step) => step < refused) ?? 1000);
}
