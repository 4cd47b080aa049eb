import type { Clock } from "../base/clock.ts";
import { Catalog } from "./catalog/catalog.ts";
import { createStore } from "./create.ts";
import { encryptTo } from "./encryption.ts";
import type { EmitStoreEvent } from "./events.ts";
import { nodeFiles } from "./files.ts";
import { agentName, IndexWriter } from "./index/writer.ts";
import { MetricsWriter } from "./metrics/writer.ts";
import type { RetentionOptions, SpoolOptions, StoreOptions, UploadOptions } from "./options.ts";
import { runRetention } from "./retention.ts";
import { loadSigner, type Sign } from "./signature.ts";
import { Spool } from "./spool/spool.ts";
import type { Store } from "./store.ts";
import { Uploader } from "./uploader.ts";

export interface ShippingOptions {
  readonly store: StoreOptions;
  readonly spool: SpoolOptions;
  readonly upload: UploadOptions;
  readonly retention: RetentionOptions;
}

export interface ShippingDeps {
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly emit: EmitStoreEvent;
  /** Names this agent's files in the index. */
  readonly host: string;
  /** The services that are watched now: retention deletes nothing of others. */
  readonly services: () => readonly string[];
}

/** All that happens to a capture after it is made, wired: spool → uploads → index and retention. */
export class Shipping {
  readonly spool: Spool;
  readonly store: Store;
  readonly catalog: Catalog;
  /** Takes what the signals say of each generation, where that is asked for. */
  readonly metrics: MetricsWriter | undefined;
  readonly #options: ShippingOptions;
  readonly #deps: ShippingDeps;
  readonly #index: IndexWriter | undefined;
  readonly #uploader: Uploader;

  private constructor(
    options: ShippingOptions,
    deps: ShippingDeps,
    parts: {
      readonly spool: Spool;
      readonly store: Store;
      readonly index: IndexWriter | undefined;
      readonly metrics: MetricsWriter | undefined;
      readonly sign: Sign | undefined;
    },
  ) {
    const { spool, store, index, metrics, sign } = parts;
    this.#options = options;
    this.#deps = deps;
    this.spool = spool;
    this.store = store;
    this.catalog = new Catalog(store);
    this.#index = index;
    this.metrics = metrics;
    this.#uploader = new Uploader(options.upload, {
      ...deps,
      spool,
      store,
      sign,
      ...(index === undefined ? {} : { index }),
    });
  }

  /**
   * Takes the spool; the store is not talked to yet.
   *
   * @throws {StoreError} `spool_locked`, `spool_io`, `sign_key`, `encrypt_to`.
   */
  static async open(options: ShippingOptions, deps: ShippingDeps, signal: AbortSignal): Promise<Shipping> {
    const { sign_key_file: signKey } = options.upload;
    const sign = signKey === undefined ? undefined : await loadSigner(signKey);
    const store = await createStore(options.store);
    const { encrypt_to: recipients } = options.spool;
    const encryption = recipients.length === 0 ? undefined : await encryptTo(recipients);
    const spool = await Spool.open(options.spool, { ...deps, encryption }, signal);
    try {
      const { path } = options.spool;
      const agent = await agentName({ ...deps, files: nodeFiles }, path, deps.host);
      const { index_every: indexEvery, metrics: wanted } = options.upload;
      const index =
        indexEvery > 0 ? new IndexWriter(path, agent, { ...deps, store, files: nodeFiles }) : undefined;
      const metrics = wanted && new MetricsWriter(wanted, { ...deps, store, agent });
      return new Shipping(options, deps, { spool, store, index, metrics, sign });
    } catch (error) {
      await spool.close();
      throw error;
    }
  }

  /** Uploads, indexes and retains until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { upload, retention } = this.#options;
    const onRemoved = async (row: Parameters<IndexWriter["add"]>[0]): Promise<void> => this.#index?.add(row);
    await Promise.all([
      this.#uploader.run(signal),
      this.#index?.run(upload.index_every, signal),
      this.metrics?.run(signal),
      runRetention(retention, { ...this.#deps, spool: this.spool, store: this.store, onRemoved }, signal),
    ]);
  }

  /** Resolves when all that waits is in the store and the index tells of it. Rejects when aborted, or with the store's error. */
  async drained(signal: AbortSignal): Promise<void> {
    await this.#uploader.drained(signal);
    await this.#index?.flush(signal);
    await this.metrics?.flush(signal);
  }

  /** Lets go of the spool and of connections, after `run` has ended. */
  async close(): Promise<void> {
    await this.spool.close();
    this.store.close();
  }
}
