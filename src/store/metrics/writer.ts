import { createHash } from "node:crypto";
import { isAbort } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { errorMessage, StoreError } from "../../base/errors.ts";
import type { EmitStoreEvent } from "../events.ts";
import { dayOf, PARQUET_TYPE } from "../index/reader.ts";
import type { MetricsOptions } from "../options.ts";
import type { Store } from "../store.ts";
import { byDay, encodeMetrics, METRICS_ROOT, metricsFolder, type MetricRow } from "./row.ts";

export interface MetricsWriterDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly emit: EmitStoreEvent;
  /** Names this agent's files; nobody else's begin so. */
  readonly agent: string;
}

/**
 * Puts what the signals said of each generation into the store, a Parquet file every so often. Rows wait in memory, at
 * most so many, and an agent that dies loses those: unlike captures they are not worth the disk.
 */
export class MetricsWriter {
  readonly #options: MetricsOptions;
  readonly #deps: MetricsWriterDeps;
  #rows: MetricRow[] = [];
  #dropped = 0;

  constructor(options: MetricsOptions, deps: MetricsWriterDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Whether rows of the signal are asked for. */
  wants(signal: string): boolean {
    const { signals } = this.#options;
    return signals === undefined || signals.includes(signal);
  }

  /** Notes rows for the next file; what is beyond `max_rows` is dropped and counted. */
  add(rows: readonly MetricRow[]): void {
    const room = this.#options.max_rows - this.#rows.length;
    for (const row of rows.slice(0, room)) this.#rows.push(row);
    this.#dropped += Math.max(0, rows.length - room);
  }

  /** @throws {StoreError} the rows wait for the next time. */
  async flush(signal: AbortSignal): Promise<void> {
    const { store, clock, emit, agent } = this.#deps;
    if (this.#dropped > 0) emit({ kind: "metrics.dropped", rows: this.#dropped });
    this.#dropped = 0;
    const rows = this.#rows;
    for (const [day, ofDay] of byDay(rows)) {
      const bytes = encodeMetrics(ofDay);
      const key = `${metricsFolder(day)}${agent}-${Math.floor(clock.now()).toString(36)}.parquet`;
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const body = { kind: "bytes", bytes } as const;
      await store.put({ key, contentType: PARQUET_TYPE, bytes: bytes.byteLength, sha256, body }, signal);
      // Only what was put goes: more may have come meanwhile, and another day may fail.
      const put = new Set(ofDay);
      this.#rows = this.#rows.filter((row) => !put.has(row));
    }
  }

  /** Flushes every so often until the signal is aborted, and once a day lets go of this agent's old files. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, emit } = this.#deps;
    let expired = "";
    while (!signal.aborted) {
      try {
        await clock.sleep(this.#options.every, signal);
        await this.flush(signal);
        const today = dayOf(clock.now());
        if (today !== expired) await this.#expire(signal);
        expired = today;
      } catch (error) {
        if (isAbort(error, signal)) return;
        const code = error instanceof StoreError ? error.code : "unexpected";
        emit({ kind: "metrics.failed", code, message: errorMessage(error) });
      }
    }
  }

  async #expire(signal: AbortSignal): Promise<void> {
    const { store, clock, agent } = this.#deps;
    const oldest = metricsFolder(dayOf(clock.now() - this.#options.keep));
    for await (const folder of store.folders(METRICS_ROOT, signal)) {
      if (folder >= oldest) return;
      const keys: string[] = [];
      for await (const { key } of store.list(`${folder}${agent}-`, signal)) keys.push(key);
      for (const key of keys) await store.delete(key, signal);
    }
  }
}
