import { milliseconds } from "../base/units.ts";
import { createClient } from "../scraper/client/client.ts";
import type { DiscoveryContext } from "./context.ts";
import { DiscoveryError } from "./error.ts";
import { asDiscoveryError, fetchText } from "./fetch.ts";
import { parseGroups } from "./groups.ts";
import type { HttpDiscoveryOptions } from "./options.ts";
import type { TargetGroup } from "./targets.ts";

const MAX_BYTES = 16 * 1024 * 1024;
const TIMEOUT = milliseconds(30_000);

/** `http_sd_configs`: asks a URL for the list of targets, as Prometheus does. */
export async function discoverByHttp(
  options: HttpDiscoveryOptions,
  { clock, folder, onUpdate, onFailure }: DiscoveryContext,
  signal: AbortSignal,
): Promise<void> {
  const { client, refresh } = options;
  const url = new URL(options.url);
  const dispatcher = createClient(client, { address: url.host, trust: "configured", folder });
  const headers = {
    accept: "application/json",
    "x-prometheus-refresh-interval-seconds": String(refresh / 1000),
  };
  let known = "";
  while (!signal.aborted) {
    try {
      const limits = { timeout: TIMEOUT, maxBytes: MAX_BYTES, headers };
      const answer = await fetchText(dispatcher, url, limits, signal);
      const groups = parseAnswer(answer, url);
      if (answer.text !== known) onUpdate(groups);
      known = answer.text;
    } catch (error) {
      if (!signal.aborted) onFailure(asDiscoveryError(error, url));
    }
    await clock.sleep(refresh, signal).catch(() => undefined);
  }
  await dispatcher.destroy();
}

function parseAnswer(
  answer: { readonly status: number; readonly contentType: string; readonly text: string },
  url: URL,
): TargetGroup[] {
  const { status, contentType, text } = answer;
  if (status !== 200) {
    throw new DiscoveryError("status", `${url.host} answered ${status}: ${text.slice(0, 200)}`, {
      hint: "The targets that were known before go on.",
    });
  }
  if (!/^application\/json\b/i.test(contentType)) {
    throw new DiscoveryError("format", `${url.host} sends ${contentType || "no type"}, not application/json`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DiscoveryError("format", `${url.host} sends no JSON`, { cause: error });
  }
  return parseGroups(value, url.host, false).map(({ targets, labels }) => ({
    targets,
    labels: { ...labels, __meta_url: url.href },
  }));
}
