import type { Dispatcher } from "undici";
import { errorMessage } from "../../base/errors.ts";
import { bytes, MiB } from "../../base/units.ts";
import { fetchUrl } from "../page.ts";
import { targetUrl, type Target } from "../target.ts";
import type { ProbeOptions } from "./options.ts";

/** A health check says no more. */
const MAX_PROBE_BYTES = bytes(MiB);

export interface ProbeResult {
  /** 0 without an answer. */
  readonly status: number;
  readonly success: boolean;
  /** Why there was no answer. */
  readonly error?: string;
}

/** Makes one probe; a failure is a result. Whoever asks takes the time. */
export async function runProbe(
  client: Dispatcher,
  target: Target,
  probe: ProbeOptions,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const url = probe.url === undefined ? targetUrl(target, probe.path ?? "/") : new URL(probe.url);
  const limits = { timeout: probe.timeout, maxBytes: MAX_PROBE_BYTES };
  try {
    const { status } = await fetchUrl(client, url, limits, signal);
    const success =
      probe.expect === undefined ? status >= 200 && status < 400 : probe.expect.includes(status);
    return { status, success };
  } catch (error) {
    if (signal.aborted) throw error;
    return { status: 0, success: false, error: errorMessage(error) };
  }
}
