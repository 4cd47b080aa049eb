/**
 * Whole generations → ordered events, keeping the scheduler's state from one to the next. The level a live agent works
 * at: it has the generations of a ring, not a stream of bytes.
 */

import { DEFAULT_BATCH_ROWS } from "./columns.ts";
import type { EventColumns } from "./columns.ts";
import { TraceFormatError } from "./error.ts";
import type { RawGeneration } from "./framing.ts";
import { decodeGeneration, emptyGeneration } from "./generation.ts";
import type { DecodedGeneration } from "./generation.ts";
import { Ordering } from "./order.ts";
import { Ev } from "./spec.ts";

/** Something a tolerant reader went past. */
export interface TraceNotice {
  /**
   * - `gap`: generations are missing before this one.
   * - `broken`: a generation could not be read to its end; what came before the error was delivered.
   * - `truncated`: the stream ends inside a generation or batch.
   */
  readonly kind: "gap" | "broken" | "truncated";
  readonly generation: number;
  readonly error: TraceFormatError | undefined;
}

export interface DecoderOptions {
  /** `strict` (default): the verdict of Go's reader. `tolerant`: reset at what is broken or missing, and go on. */
  readonly mode?: "strict" | "tolerant";
  /** Rows in a batch of columns, at most and by default `DEFAULT_BATCH_ROWS`. */
  readonly batchRows?: number;
  /** Give each batch columns of its own, to keep or transfer. Otherwise the same are filled again. */
  readonly freshBatches?: boolean;
  /**
   * What times are relative to, a whole number of ns of the trace clock. Default: the start of the first generation.
   * Give the one of an earlier reader to put two streams of a host on one axis.
   */
  readonly timeBase?: number;
  readonly onNotice?: (notice: TraceNotice) => void;
}

/** Rows below this make no sense: a coroutine switch alone makes three. */
const MIN_BATCH_ROWS = 16;

export class GenerationDecoder {
  readonly version: number;
  readonly #options: DecoderOptions;
  readonly #tolerant: boolean;
  readonly #ordering: Ordering;
  #timeBase: number | undefined;
  #initial = true;
  #lastGeneration = 0;
  #syncs = 0;
  /** Rows given out so far. */
  rows = 0;

  constructor(version: number, options: DecoderOptions = {}) {
    this.version = version;
    this.#options = options;
    this.#tolerant = options.mode === "tolerant";
    this.#ordering = new Ordering(
      Math.min(DEFAULT_BATCH_ROWS, Math.max(MIN_BATCH_ROWS, options.batchRows ?? DEFAULT_BATCH_ROWS)),
    );
    this.#timeBase = options.timeBase;
    if (options.timeBase !== undefined) this.#ordering.scheduler.lastTime = -options.timeBase;
  }

  /** What times are relative to; undefined before the first generation. */
  get timeBase(): number | undefined {
    return this.#timeBase;
  }

  /**
   * The events of the next generation: a Sync row, then its events. Each batch is valid until the next is asked for.
   * Throws TraceFormatError in strict mode.
   */
  *decode(raw: RawGeneration): Generator<EventColumns, void, undefined> {
    let generation: DecodedGeneration;
    const scheduler = this.#ordering.scheduler;
    try {
      generation = decodeGeneration(raw, this.#timeBase);
    } catch (thrown) {
      const error = judged(thrown, raw);
      if (!(error instanceof TraceFormatError)) throw error;
      if (!this.#tolerant) {
        // Go ends every trace with a Sync, also one it cannot read on.
        yield* this.finish();
        throw error;
      }
      this.#skip(raw, error);
      return;
    }
    if (this.#timeBase === undefined) {
      this.#timeBase = generation.timeBase;
      scheduler.lastTime = -generation.timeBase;
    }
    const gap = this.#checkGap(raw);
    try {
      scheduler.rows.reset(generation);
      this.#sync(generation.startTime, gap);
      if (this.#ordering.enter(generation, this.#initial)) this.#initial = false;
      yield* this.#rows();
      if (raw.cut !== undefined) this.#notice({ kind: "truncated", generation: raw.number, error: raw.cut });
    } catch (thrown) {
      const error = judged(thrown, raw);
      if (!this.#tolerant || !(error instanceof TraceFormatError)) throw error;
      this.#skip(raw, error);
      return;
    }
    this.#lastGeneration = raw.number;
    if (raw.cut !== undefined && !this.#tolerant) {
      yield* this.finish();
      throw raw.cut;
    }
  }

  /** Gives the decoder's memory to the next one that is made. The rows given out are no longer valid. */
  release(): void {
    this.#ordering.scheduler.memory.release();
  }

  /** The Sync row Go ends a trace with. */
  *finish(): Generator<EventColumns, void, undefined> {
    const { scheduler } = this.#ordering;
    scheduler.rows.reset(emptyGeneration(this.version, this.#timeBase ?? 0));
    this.#sync(scheduler.lastTime, false);
    yield this.#batch();
  }

  *#rows(): Generator<EventColumns, void, undefined> {
    const { scheduler } = this.#ordering;
    for (let done = false; !done;) {
      try {
        done = this.#ordering.fill();
      } catch (error) {
        if (scheduler.rows.length > 0) yield this.#batch();
        throw error;
      }
      if (scheduler.rows.length > 0) yield this.#batch();
      scheduler.rows.reset(scheduler.rows.generation);
    }
  }

  /** In a tolerant reader, forgets all state if this generation does not follow the last one. */
  #checkGap(raw: RawGeneration): boolean {
    if (!this.#tolerant) return false;
    const missing = this.#lastGeneration !== 0 && raw.number !== this.#lastGeneration + 1;
    if (!raw.gap && !missing) return this.#initial && this.#syncs > 0;
    this.#notice({ kind: "gap", generation: raw.number, error: undefined });
    this.#reset();
    return true;
  }

  /** A generation that cannot be read on. */
  #skip(raw: RawGeneration, error: TraceFormatError): void {
    this.#notice({
      kind: error.kind === "truncated" ? "truncated" : "broken",
      generation: raw.number,
      error,
    });
    this.#reset();
  }

  #reset(): void {
    this.#ordering.scheduler.reset();
    this.#initial = true;
    this.#lastGeneration = 0;
  }

  #notice(notice: TraceNotice): void {
    if (this.#tolerant) this.#options.onNotice?.(notice);
  }

  #sync(time: number, gap: boolean): void {
    const { scheduler } = this.#ordering;
    scheduler.time = time;
    this.#syncs++;
    scheduler.emitIn(-1, -1, -1, Ev.Sync, this.#syncs, 0, 0, gap ? 1 : 0, 0, 0);
  }

  /** The rows made, to give out. */
  #batch(): EventColumns {
    const { rows } = this.#ordering.scheduler;
    this.rows += rows.length;
    return this.#options.freshBatches === true ? rows.clone() : rows;
  }
}

/** What is missing in a generation that only the end of the stream ended was cut off, not broken. */
function judged(error: unknown, raw: RawGeneration): unknown {
  return error instanceof TraceFormatError && error.missing && raw.endsStream ? error.asTruncated() : error;
}
