/**
 * Following pods by the Kubernetes API: list them page by page, then watch it from the version of the list. A
 * watch that ends or breaks goes on from the last version seen, bookmarks included; when the server no longer has that
 * version (410 Gone) they are listed anew.
 */

import { request, type Dispatcher } from "undici";
import type { Clock } from "../base/clock.ts";
import type { GorewindError } from "../base/errors.ts";
import { milliseconds } from "../base/units.ts";
import { Backoff } from "../scraper/backoff.ts";
import { DiscoveryError } from "./error.ts";
import { asDiscoveryError, fetchText } from "./fetch.ts";
import { readLines } from "./lines.ts";
import type { Pod } from "./pods.ts";

/** Takes the pods there are, and their changes. */
export interface PodSink {
  replaceAll(pods: readonly Pod[]): void;
  put(pod: Pod): void;
  remove(pod: Pod): void;
}

export interface PodCollection {
  readonly client: Dispatcher;
  /** Of the API server. */
  readonly server: string;
  /** `/api/v1/namespaces/shop/pods` */
  readonly path: string;
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

interface WatchEvent {
  readonly type?: string;
  readonly object?: Pod & { readonly code?: number; readonly message?: string };
}

interface PodList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly Pod[];
}

const PAGE = 500;
const MAX_ITEMS = 50_000;
const MAX_PAGE_BYTES = 128 * 1024 * 1024;
const MAX_EVENT_BYTES = 8 * 1024 * 1024;
const LIST_TIMEOUT = milliseconds(60_000);
const HEADERS_TIMEOUT = 30_000;
/** A watch lasts 2 to 3 minutes, so that a connection that died silently is noticed within that time. */
const WATCH_SECONDS = { least: 120, spread: 60, grace: 30 };
const BACKOFF = { first: milliseconds(500), max: milliseconds(30_000) };

/** Follows the pods until `signal` is aborted. Never throws. */
export async function followPods(
  collection: PodCollection,
  sink: PodSink,
  onFailure: (error: GorewindError) => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random } = collection;
  const backoff = new Backoff(BACKOFF, random);
  const place: { version: string | undefined } = { version: undefined };
  while (!signal.aborted) {
    const began = clock.monotonic();
    let heard = false;
    try {
      if (place.version === undefined) {
        const { items, version } = await list(collection, signal);
        sink.replaceAll(items);
        place.version = version;
      }
      heard = await watch(collection, place, sink, signal);
    } catch (error) {
      if (signal.aborted) return;
      const failure = asDiscoveryError(error, new URL(collection.server));
      if (failure.code === "discovery_expired") place.version = undefined;
      else onFailure(failure);
    }
    if (heard || clock.monotonic() - began > BACKOFF.max) backoff.reset();
    await clock.sleep(backoff.next(), signal).catch(() => undefined);
  }
}

async function list(
  collection: PodCollection,
  signal: AbortSignal,
): Promise<{ readonly items: readonly Pod[]; readonly version: string }> {
  const items: Pod[] = [];
  let next: string | undefined;
  for (;;) {
    const url = urlOf(collection, { limit: String(PAGE), ...(next !== undefined && { continue: next }) });
    const answer = await fetchText(
      collection.client,
      url,
      { timeout: LIST_TIMEOUT, maxBytes: MAX_PAGE_BYTES, headers: { accept: "application/json" } },
      signal,
    );
    if (answer.status !== 200) throw refusal(answer.status, answer.text, collection);
    const page = parseJson(answer.text, collection) as PodList;
    items.push(...(page.items ?? []));
    if (items.length > MAX_ITEMS) {
      throw new DiscoveryError("limit", `${collection.path} has more than ${MAX_ITEMS} entries`, {
        hint: "Narrow it down with namespaces and selectors.",
      });
    }
    next = page.metadata?.continue === "" ? undefined : page.metadata?.continue;
    if (next === undefined) return { items, version: page.metadata?.resourceVersion ?? "" };
  }
}

/** Returns whether anything came. `place` always says from where to go on. */
async function watch(
  collection: PodCollection,
  place: { version: string | undefined },
  sink: PodSink,
  signal: AbortSignal,
): Promise<boolean> {
  const lasts = Math.round(WATCH_SECONDS.least + collection.random() * WATCH_SECONDS.spread);
  const url = urlOf(collection, {
    watch: "1",
    allowWatchBookmarks: "true",
    timeoutSeconds: String(lasts),
    resourceVersion: place.version ?? "",
  });
  const { statusCode, body } = await request(url, {
    dispatcher: collection.client,
    signal,
    headers: { accept: "application/json", "accept-encoding": "identity", "user-agent": "gorewind" },
    headersTimeout: HEADERS_TIMEOUT,
    bodyTimeout: (lasts + WATCH_SECONDS.grace) * 1000,
  });
  let heard = false;
  try {
    for await (const line of readLines(body, MAX_EVENT_BYTES)) {
      if (statusCode !== 200) throw refusal(statusCode, line, collection);
      heard = true;
      take(parseJson(line, collection) as WatchEvent, place, sink, collection);
    }
    if (statusCode !== 200) throw refusal(statusCode, "", collection);
  } finally {
    body.on("error", () => undefined).destroy();
  }
  return heard;
}

function take(
  event: WatchEvent,
  place: { version: string | undefined },
  sink: PodSink,
  collection: PodCollection,
): void {
  const { type, object } = event;
  if (object === undefined) return;
  if (type === "ERROR") throw refusal(object.code ?? 500, object.message ?? "", collection);
  if (type === "ADDED" || type === "MODIFIED") sink.put(object);
  else if (type === "DELETED") sink.remove(object);
  place.version = object.metadata?.resourceVersion ?? place.version;
}

function urlOf(collection: PodCollection, query: Readonly<Record<string, string>>): URL {
  const url = new URL(collection.server.replace(/\/+$/, "") + collection.path);
  const { labelSelector, fieldSelector } = collection;
  const all = {
    ...query,
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
  for (const [key, value] of Object.entries(all)) url.searchParams.set(key, value);
  return url;
}

function parseJson(text: string, { server }: PodCollection): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DiscoveryError("format", `${server} sends no JSON: is it the Kubernetes API?`, {
      cause: error,
    });
  }
}

function refusal(status: number, text: string, { server, path }: PodCollection): DiscoveryError {
  if (status === 410) return new DiscoveryError("expired", `${server} no longer has that version of ${path}`);
  const hint =
    status === 403
      ? "The service account needs get, list and watch on pods there: see docs/targets.md for the Role."
      : status === 401
        ? "The token is not accepted; it is read again at the next try."
        : undefined;
  return new DiscoveryError(
    "status",
    `${server} answered ${status} to ${path}: ${text.replace(/\s+/g, " ").slice(0, 200)}`,
    hint === undefined ? {} : { hint },
  );
}
