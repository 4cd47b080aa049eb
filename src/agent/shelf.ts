import { decodeManifest, MANIFEST_NAME, type Manifest } from "../capture/manifest.ts";
import type { CaptureDownload, CaptureStatus } from "../http/api.ts";
import type { Spool } from "../store/spool/spool.ts";
import type { Store } from "../store/store.ts";

/** What was read of the store's manifests is kept: they never change. */
const MAX_REMEMBERED = 2000;

/** The captures that can be shown: those that wait in the spool, and those at the destination. */
export class Shelf {
  readonly #spool: Spool;
  readonly #store: Store;
  /** By key of the manifest. */
  readonly #manifests = new Map<string, Manifest>();

  constructor(spool: Spool, store: Store) {
    this.#spool = spool;
    this.#store = store;
  }

  /** Newest first. A capture that is in both places is shown where it ends up. */
  async list(limit: number, signal: AbortSignal): Promise<readonly CaptureStatus[]> {
    const stored = await this.#stored(signal);
    const ids = new Set(stored.map(({ id }) => id));
    const waiting = await Promise.all(
      this.#spool
        .entries()
        .filter(({ id }) => !ids.has(id))
        .map(async ({ id, folder }): Promise<CaptureStatus> => {
          const { manifest } = await this.#spool.manifest(id);
          return { id, place: "spool", location: folder, manifest };
        }),
    );
    return [...stored, ...waiting].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
  }

  async find(id: string, signal: AbortSignal): Promise<CaptureStatus | undefined> {
    return (await this.list(Infinity, signal)).find((capture) => capture.id === id);
  }

  async download(id: string, file: string, signal: AbortSignal): Promise<CaptureDownload | undefined> {
    const capture = await this.find(id, signal);
    if (capture === undefined) return undefined;
    const listed = capture.manifest.files.find(({ name }) => name === file);
    if (listed === undefined && file !== MANIFEST_NAME) return undefined;
    const contentType = listed?.content_type ?? "application/json";
    if (capture.place === "spool") {
      const bytes = await this.#spool.files.read(`${capture.location}/${file}`);
      return { contentType, bytes: bytes.length, body: once(bytes) };
    }
    const key = [...this.#manifests]
      .find(([, manifest]) => manifest.id === id)?.[0]
      .replace(MANIFEST_NAME, file);
    if (key === undefined) return undefined;
    const { info, body } = await this.#store.get(key, undefined, signal);
    return { contentType, bytes: info.bytes, body };
  }

  async #stored(signal: AbortSignal): Promise<CaptureStatus[]> {
    const found: CaptureStatus[] = [];
    const seen = new Set<string>();
    for await (const { key } of this.#store.list("", signal)) {
      if (!key.endsWith(`/${MANIFEST_NAME}`)) continue;
      seen.add(key);
      const manifest = this.#manifests.get(key) ?? (await this.#read(key, signal));
      if (manifest === undefined) continue;
      const location = `${this.#store.location}/${key.slice(0, -MANIFEST_NAME.length - 1)}`;
      found.push({ id: manifest.id, place: "store", location, manifest });
    }
    for (const key of this.#manifests.keys()) if (!seen.has(key)) this.#manifests.delete(key);
    return found;
  }

  /** Undefined for what is no manifest of ours: somebody else's file, or one of a newer version. */
  async #read(key: string, signal: AbortSignal): Promise<Manifest | undefined> {
    const { body } = await this.#store.get(key, undefined, signal);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    try {
      const manifest = decodeManifest(Buffer.concat(chunks).toString("utf8"));
      if (this.#manifests.size < MAX_REMEMBERED) this.#manifests.set(key, manifest);
      return manifest;
    } catch {
      return undefined;
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
