import { isAbort } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { errorMessage, StoreError } from "../base/errors.ts";
import { milliseconds, type Milliseconds } from "../base/units.ts";
import type { EmitStoreEvent } from "./events.ts";
import { rowOf } from "./index/row.ts";
import type { IndexWriter } from "./index/writer.ts";
import type { UploadOptions } from "./options.ts";
import type { Sign } from "./signature.ts";
import { severityRank } from "./severity.ts";
import type { SpoolEntry } from "./spool/entry.ts";
import type { Spool } from "./spool/spool.ts";
import type { Store } from "./store.ts";
import { backoff } from "./upload/backoff.ts";
import { Bandwidth } from "./upload/bandwidth.ts";
import { abortLeftovers, clearAbandoned } from "./upload/leftovers.ts";
import { placeOf, transfer, type TransferContext } from "./upload/transfer.ts";

export interface UploaderDeps {
  readonly spool: Spool;
  readonly store: Store;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly emit: EmitStoreEvent;
  /** Told of each capture that is in the store. */
  readonly index?: IndexWriter;
  /** Signs each manifest. */
  readonly sign?: Sign | undefined;
}

/** How one capture has fared in this run of the agent. */
interface Attempts {
  count: number;
  /** Monotonic. */
  notBefore: number;
  /** Whether the last failure was the store's and not the capture's. */
  transient: boolean;
  /** Why it failed the last time. */
  code: string;
}

/**
 * Takes captures from the spool to the store, for as long as it takes.
 *
 * Two delays follow a failure. The store's: after a failure that is about the moment (network, throttling, expired
 * keys) nothing is tried for a while, whichever capture it is about. The capture's own: it comes again later than
 * others, so that one that never goes up does not hold up the rest.
 */
export class Uploader {
  readonly #deps: UploaderDeps;
  readonly #options: UploadOptions;
  readonly #context: TransferContext;
  readonly #attempts = new Map<string, Attempts>();
  readonly #active = new Set<string>();
  #failuresInARow = 0;
  /** Monotonic. */
  #pausedUntil = 0;

  constructor(options: UploadOptions, deps: UploaderDeps) {
    this.#deps = deps;
    this.#options = options;
    const bandwidth = new Bandwidth(options.max_bytes_per_second, deps.clock);
    this.#context = { spool: deps.spool, store: deps.store, options, bandwidth, sign: deps.sign };
  }

  /** Runs until the signal is aborted; what is half done then is gone on with by the next run. */
  async run(signal: AbortSignal): Promise<void> {
    const workers = Array.from({ length: this.#options.concurrency }, () => this.#work(signal));
    await Promise.all([...workers, this.#tidy(signal)]);
  }

  /** Once an hour, what nobody waits for. */
  async #tidy(signal: AbortSignal): Promise<void> {
    const { spool, store, clock } = this.#deps;
    try {
      while (!signal.aborted) {
        await spool.expireUploaded();
        await clearAbandoned(spool, store, signal);
        await abortLeftovers(this.#deps, this.#options.abort_leftovers_after, signal);
        await clock.sleep(TIDY_EVERY, signal);
      }
    } catch (error) {
      if (!isAbort(error, signal)) throw error;
    }
  }

  /** Resolves when nothing waits; for a shutdown that gives the uploads some time. Rejects when aborted. */
  async drained(signal: AbortSignal): Promise<void> {
    while (!this.#deps.spool.idle) {
      signal.throwIfAborted();
      await this.#wait(undefined, signal);
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const next = this.#next();
      if (typeof next === "object") await this.#upload(next, signal);
      else await this.#wait(next, signal).catch(() => undefined);
    }
  }

  /** The capture whose turn it is; else how long until one's is; else undefined. */
  #next(): SpoolEntry | Milliseconds | undefined {
    const now = this.#deps.clock.monotonic();
    let best: SpoolEntry | undefined;
    let earliest = Number.POSITIVE_INFINITY;
    for (const entry of this.#deps.spool.pending()) {
      if (this.#active.has(entry.id)) continue;
      const due = Math.max(this.#pausedUntil, this.#attempts.get(entry.id)?.notBefore ?? 0);
      earliest = Math.min(earliest, due);
      if (due <= now && (best === undefined || this.#goesBefore(entry, best))) best = entry;
    }
    if (best !== undefined) return best;
    return Number.isFinite(earliest) ? milliseconds(Math.max(1, earliest - now)) : undefined;
  }

  /** What a person asked for first, then the worst, then the oldest. */
  #goesBefore(a: SpoolEntry, b: SpoolEntry): boolean {
    if (a.manual !== b.manual) return a.manual;
    const bySeverity = severityRank(a.severity) - severityRank(b.severity);
    return bySeverity === 0 ? a.created < b.created : bySeverity > 0;
  }

  /** Until the spool changes, or for `limit`. */
  async #wait(limit: Milliseconds | undefined, signal: AbortSignal): Promise<void> {
    const changed = this.#deps.spool.nextChange();
    const timer = new AbortController();
    const stop = (): void => timer.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      const sleep = this.#deps.clock.sleep(limit ?? IDLE, timer.signal);
      await Promise.race([changed, sleep.catch(() => undefined)]);
    } finally {
      signal.removeEventListener("abort", stop);
      timer.abort();
    }
  }

  async #upload(entry: SpoolEntry, signal: AbortSignal): Promise<void> {
    const { spool } = this.#deps;
    const attempts = this.#attemptsOf(entry.id);
    attempts.count++;
    this.#active.add(entry.id);
    spool.setBusy(entry.id, true);
    try {
      await this.#try(entry, attempts, signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      await this.#failed(entry, attempts, asStoreError(error));
    } finally {
      spool.setBusy(entry.id, false);
      this.#active.delete(entry.id);
      if (spool.get(entry.id) === undefined) this.#attempts.delete(entry.id);
    }
  }

  async #try(entry: SpoolEntry, attempts: Attempts, signal: AbortSignal): Promise<void> {
    const { spool, store, clock, emit } = this.#deps;
    const { id, service, bytes } = entry;
    const started = clock.monotonic();
    const place = await placeOf(this.#context, id);
    const { prefix } = place;
    const resumed = place.begun && attempts.count === 1;
    const { location } = store;
    emit({ kind: "upload.started", id, service, location, prefix, bytes, attempt: attempts.count, resumed });
    await transfer(this.#context, entry, place, signal);
    const { index } = this.#deps;
    if (index !== undefined) {
      const { manifest } = await spool.manifest(id);
      await index.add(rowOf(manifest, prefix, clock.now()));
    }
    await spool.uploaded(id);
    this.#storeIsBack();
    const duration = milliseconds(clock.monotonic() - started);
    const age = milliseconds(clock.now() - Date.parse(entry.created));
    emit({
      kind: "upload.completed",
      id,
      service,
      location,
      prefix,
      bytes,
      attempts: attempts.count,
      duration,
      age,
    });
  }

  async #failed(entry: SpoolEntry, attempts: Attempts, error: StoreError): Promise<void> {
    const { spool, clock, random, emit } = this.#deps;
    const { id, service } = entry;
    if (spool.get(id) === undefined) return; // It was dropped under the upload, which was told already.
    if (error.code === "spool_damaged") return spool.quarantine(id);
    const limits = { min: this.#options.min_delay, max: this.#options.max_delay };
    const now = clock.monotonic();
    const delay = backoff(attempts.count, limits, random);
    attempts.notBefore = now + delay;
    attempts.transient = error.retryable;
    if (error.retryable) {
      this.#failuresInARow++;
      this.#pausedUntil = now + backoff(this.#failuresInARow, limits, random);
    }
    const { code, message, hint } = error;
    const told = {
      id,
      service,
      attempt: attempts.count,
      delay,
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
    };
    emit({ kind: error.retryable ? "upload.retried" : "upload.failed", ...told });
    // For people who read the journal; an outage of days must not fill it.
    if (attempts.code !== code) {
      await spool.record({ kind: "failed", id, at: new Date(clock.now()).toISOString(), code });
    }
    attempts.code = code;
    const giveUp = this.#options.give_up_after;
    if (giveUp !== undefined && clock.now() - Date.parse(entry.created) > giveUp)
      await spool.drop(id, "gave_up");
  }

  /** After an outage the captures that it failed need not wait out their delays. */
  #storeIsBack(): void {
    if (this.#failuresInARow === 0) return;
    this.#failuresInARow = 0;
    this.#pausedUntil = 0;
    for (const attempts of this.#attempts.values()) if (attempts.transient) attempts.notBefore = 0;
  }

  #attemptsOf(id: string): Attempts {
    let attempts = this.#attempts.get(id);
    if (attempts === undefined) {
      attempts = { count: 0, notBefore: 0, transient: false, code: "" };
      this.#attempts.set(id, attempts);
    }
    return attempts;
  }
}

const TIDY_EVERY = milliseconds(3_600_000);

/** Nothing needs a look while nothing changes; this only bounds the timer. */
const IDLE = milliseconds(3_600_000);

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError("unexpected", errorMessage(error), { retryable: false, cause: error });
}
