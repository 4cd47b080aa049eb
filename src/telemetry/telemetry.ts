import type { DestinationStream } from "pino";
import type { AgentEvent } from "../events.ts";
import type { ObservationBatch } from "../signals/signal.ts";
import { CONTENT_TYPES, negotiate, renderExposition } from "./exposition.ts";
import { EventLog } from "./log.ts";
import type { EngineLevels, SourceAge } from "./engine-metrics.ts";
import { Metrics } from "./metrics.ts";
import type { LogOptions } from "./options.ts";

export interface TelemetryOptions {
  readonly log: LogOptions;
  readonly version: string;
  readonly node: string;
  /** Where log lines go; standard output when absent. */
  readonly destination?: DestinationStream;
  /** Sees every event as well: for a terminal, or a test. */
  readonly watch?: (event: AgentEvent) => void;
}

/** What is asked of the spool at each scrape. */
export interface SpoolLevels {
  readonly pending: number;
  readonly pendingBytes: number;
  readonly bytes: number;
  readonly maxBytes: number;
}

/** Where every event becomes a log line and metrics. */
export class Telemetry {
  readonly #log: EventLog;
  readonly #metrics: Metrics;
  readonly #watch: ((event: AgentEvent) => void) | undefined;

  constructor(options: TelemetryOptions) {
    this.#log = new EventLog(options.log, options.destination);
    this.#metrics = new Metrics(options.version, options.node);
    this.#watch = options.watch;
  }

  emit(event: AgentEvent): void {
    this.#metrics.record(event);
    this.#log.write(event);
    this.#watch?.(event);
  }

  observe(batch: ObservationBatch): void {
    this.#metrics.observe(batch);
  }

  setLogLevel(options: LogOptions): void {
    this.#log.level = options.level;
  }

  /** Forgets a target's series. */
  removeTarget(target: string): void {
    this.#metrics.removeTarget(target);
    this.#log.forget(target);
  }

  measureSpool(usage: () => SpoolLevels): void {
    const metrics = this.#metrics;
    metrics.measured(
      "gorewind_spool_pending_captures",
      "Captures that wait to be stored.",
      () => usage().pending,
    );
    metrics.measured(
      "gorewind_spool_pending_bytes",
      "Bytes that wait to be stored.",
      () => usage().pendingBytes,
    );
    metrics.measured("gorewind_spool_bytes", "Bytes in the spool.", () => usage().bytes);
    metrics.measured("gorewind_spool_max_bytes", "The spool's quota.", () => usage().maxBytes);
  }

  measureRings(bytes: () => number): void {
    this.#metrics.measured(
      "gorewind_ring_mirrored_bytes",
      "Bytes of rings that are mirrored to the disk.",
      bytes,
    );
  }

  measureEngine(counters: () => EngineLevels, staleness: () => readonly SourceAge[]): void {
    this.#metrics.measureEngine(counters, staleness);
  }

  /** All metrics, in the format that the client would rather have. @param accept its header of that name. */
  async exposition(
    accept: string | undefined,
  ): Promise<{ readonly contentType: string; readonly text: string }> {
    const format = negotiate(accept);
    const text = renderExposition(await this.#metrics.families(), format);
    return { contentType: CONTENT_TYPES[format], text };
  }
}
