import type { Dispatcher } from "undici";
import { withDeadline } from "../base/abort.ts";
import { ScrapeError } from "../base/errors.ts";
import { milliseconds } from "../base/units.ts";
import type { TraceOptions } from "./options.ts";
import { get } from "./request.ts";
import { drain, refusal, type ChunkSink } from "./stream.ts";
import { targetUrl, type Target } from "./target.ts";

/** A flight recorder holds seconds: no snapshot takes longer to send. */
const TRANSFER_LIMIT = milliseconds(60_000);

/**
 * Asks the service for what its own flight recorder holds, and hands it to `sink` as it comes.
 *
 * @throws {ScrapeError} connect, timeout, status, truncated. An abort of `signal` is rethrown as it is.
 */
export async function fetchSnapshot(
  dispatcher: Dispatcher,
  target: Target,
  options: TraceOptions,
  sink: ChunkSink,
  signal: AbortSignal,
): Promise<void> {
  const url = targetUrl(target, options.path);
  const limit = milliseconds(options.headersTimeout + TRANSFER_LIMIT);
  const late = (): ScrapeError =>
    new ScrapeError("timeout", `${url.host} did not send its snapshot within ${limit / 1000} s`);
  await withDeadline(signal, limit, late, async (within) => {
    const response = await get(dispatcher, url, options, within, options.method);
    if (response.statusCode !== 200) throw await refusal(response, url);
    const end = await drain(response, url, sink, within);
    if (end.kind === "lost") throw end.error;
  });
}
