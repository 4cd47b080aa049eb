import { MANIFEST_NAME } from "../capture/manifest.ts";
import type { CaptureDownload, CaptureStatus } from "../http/api.ts";
import { linksOf } from "../store/catalog/commands.ts";
import type { IndexRow } from "../store/index/row.ts";
import type { Shipping } from "../store/shipping.ts";

/** Captures of this run that are remembered, since the index tells of them only after a while. */
const MAX_RECENT = 1000;

/** The captures that can be shown: those that wait in the spool, and those at the destination. */
export class Shelf {
  readonly #shipping: Shipping;
  /** Prefixes at the destination by id, of what this run has stored; oldest first. */
  readonly #recent = new Map<string, string>();

  constructor(shipping: Shipping) {
    this.#shipping = shipping;
  }

  /** A capture is at its destination from now on. */
  stored(id: string, prefix: string): void {
    this.#recent.set(id, prefix);
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= MAX_RECENT) break;
      this.#recent.delete(oldest);
    }
  }

  /** Newest first. A capture that is in both places is shown where it ends up. */
  async list(limit: number, signal: AbortSignal): Promise<readonly CaptureStatus[]> {
    const prefixes = new Map(this.#recent);
    for (const row of await this.#indexed(limit, signal)) prefixes.set(row.id, row.prefix);
    const waiting = this.#shipping.spool.entries().filter(({ id }) => !prefixes.has(id));
    const newest = [...prefixes.keys(), ...waiting.map(({ id }) => id)].sort().reverse().slice(0, limit);
    const shown = await Promise.all(newest.map((id) => this.#show(id, prefixes.get(id), signal)));
    return shown.filter((capture) => capture !== undefined);
  }

  async find(id: string, signal: AbortSignal): Promise<CaptureStatus | undefined> {
    if (this.#shipping.spool.get(id) !== undefined) return await this.#show(id, undefined, signal);
    const prefix = this.#recent.get(id) ?? (await this.#prefixOf(id, signal));
    return prefix === undefined ? undefined : await this.#show(id, prefix, signal);
  }

  /** Links to each file of a capture that is stored, where its store makes any. */
  async links(
    id: string,
    seconds: number,
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, string>> | undefined> {
    const capture = await this.find(id, signal);
    if (capture?.place !== "store") return undefined;
    return await linksOf(this.#shipping.catalog, capture, seconds, signal);
  }

  async download(id: string, file: string, signal: AbortSignal): Promise<CaptureDownload | undefined> {
    const capture = await this.find(id, signal);
    const listed = capture?.manifest.files.find(({ name }) => name === file);
    if (capture === undefined || (listed === undefined && file !== MANIFEST_NAME)) return undefined;
    const contentType = listed?.content_type ?? "application/json";
    if (capture.place === "spool") {
      const bytes = await this.#shipping.spool.files.read(`${capture.location}/${file}`);
      return { contentType, bytes: bytes.length, body: once(bytes) };
    }
    const { info, body } = await this.#shipping.store.get(capture.prefix + file, undefined, signal);
    return { contentType, bytes: info.bytes, body };
  }

  async #indexed(limit: number, signal: AbortSignal): Promise<readonly IndexRow[]> {
    return await this.#shipping.catalog.list({ filter: {}, limit }, signal);
  }

  async #prefixOf(id: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const row = await this.#shipping.catalog.find(id, signal);
      return row.id === id ? row.prefix : undefined;
    } catch (error) {
      if ((error as { code?: unknown }).code === "not_found") return undefined;
      throw error;
    }
  }

  /** Undefined for one that went while it was looked at. */
  async #show(
    id: string,
    prefix: string | undefined,
    signal: AbortSignal,
  ): Promise<CaptureStatus | undefined> {
    const { spool, store, catalog } = this.#shipping;
    try {
      if (prefix === undefined) {
        const { manifest } = await spool.manifest(id);
        return { id, place: "spool", location: spool.get(id)?.folder ?? "", prefix: "", manifest };
      }
      const manifest = await catalog.manifest(prefix, signal);
      return {
        id,
        place: "store",
        location: `${store.location}/${prefix.replace(/\/$/, "")}`,
        prefix,
        manifest,
      };
    } catch (error) {
      if ((error as { code?: unknown }).code === "not_found") return undefined;
      throw error;
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
