/**
 * Bytes in any split → whole generations as byte ranges. Reads only batch headers, so it runs at memory speed; a ring or
 * a live stream needs no more than this.
 *
 *     trace      = header generation*
 *     generation = batch* [EndOfGeneration]
 *     batch      = 0x01      uv(gen) uv(M) uv(time) uv(size) payload
 *                | 0x31 u8(experiment) uv(gen) uv(M) uv(time) uv(size) payload      1.23 on
 *                | 0x34                                                             EndOfGeneration, 1.26 on
 *
 * A generation is complete at its EndOfGeneration (1.26 on), or when the first batch of the next one begins (before), or
 * at the end of the stream (before 1.26, where nothing else marks the last). Read from Go's reader.go and generation.go.
 */

import { assert } from "../base/errors.ts";
import { BatchIndex, ensureWithin } from "./batch.ts";
import { TraceFormatError } from "./error.ts";
import { HEADER_BYTES, isV2Version, parseHeader } from "./header.ts";
import type { TraceVersion } from "./header.ts";
import { Ev, MAX_BATCH_BYTES } from "./spec.ts";
import { peekSync } from "./tables/sync.ts";
import type { SyncInfo } from "./tables/sync.ts";
import { joinWords } from "./varint.ts";

/** A generation of more bytes is refused (`limit`); a busy 64-core server writes some 100 MB a second. */
export const DEFAULT_MAX_GENERATION_BYTES = 1 << 30;

const FIRST_BUFFER_BYTES = 1 << 16;
/**
 * How much larger a buffer becomes that was too small. A generation is about as long as the one before, so this happens
 * a few times a stream. The one buffer of a reader takes a lot at once: what of it is never written to is no memory, but
 * each smaller one before it is until the collector comes.
 */
const GROWTH = 1.5;
const GROWTH_OF_SHARED = 8;

export interface FramingOptions {
  readonly maxGenerationBytes?: number;
  /**
   * Give each generation a view of the buffer that is reused after the next `push`, not bytes of its own.
   * For a reader that is done with a generation before it pushes on.
   */
  readonly shareBytes?: boolean;
  /** A missing generation is let through, not an error: `RawGeneration.gap` says so. */
  readonly tolerant?: boolean;
}

/** One whole generation, undecoded. */
export interface RawGeneration {
  readonly version: number;
  /** Generation number on the wire, from 1. */
  readonly number: number;
  /** Its bytes, from its first batch header up to and with EndOfGeneration (1.26 on). No trace header. */
  readonly bytes: Uint8Array;
  /** Offset of the first byte in the stream. */
  readonly offset: number;
  readonly batches: BatchIndex;
  /** Least and greatest batch time, in ticks. */
  readonly minTicks: number;
  readonly maxTicks: number;
  /** Clock frequency and clock snapshot, from the Sync (or Frequency) batch. Undefined: not there or unreadable. */
  readonly sync: SyncInfo | undefined;
  /** A generation is missing before this one (tolerant framing only). */
  readonly gap: boolean;
  /**
   * Before 1.26 the last generation of a stream ends where the stream does, complete or not. Set if the bytes end inside
   * a batch (which is left out).
   */
  readonly cut: TraceFormatError | undefined;
  /** Nothing but the end of the stream marks its end (before 1.26), so it may be incomplete. */
  readonly endsStream: boolean;
}

/** Where the framing stands in the stream. */
const phase = { header: 0, batches: 1, done: 2 } as const;

/** Splits one trace stream into generations. One per connection or file. */
export class Framing {
  readonly #maxGenerationBytes: number;
  readonly #shareBytes: boolean;
  readonly #growth: number;
  readonly #tolerant: boolean;
  #state: number = phase.header;
  #version: TraceVersion | undefined;

  /** Bytes not yet given out: `#buffer[#start..#filled)`; batches up to `#scanned` are in `#batches`. */
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;
  #scanned = 0;
  #filled = 0;
  /** `#buffer` is the caller's. */
  #whole = false;
  /** Stream offset of `#buffer[0]`. */
  #origin = 0;

  #batches = new BatchIndex();
  #generation = 0;
  #gap = false;
  /** An error now would be in a batch's own bytes, not in how generations follow each other. */
  #sealable = false;

  constructor(options: FramingOptions = {}) {
    this.#maxGenerationBytes = options.maxGenerationBytes ?? DEFAULT_MAX_GENERATION_BYTES;
    this.#shareBytes = options.shareBytes ?? false;
    this.#growth = this.#shareBytes ? GROWTH_OF_SHARED : GROWTH;
    this.#tolerant = options.tolerant ?? false;
  }

  /** The header's version, once its 16 bytes have come. */
  get version(): TraceVersion | undefined {
    return this.#version;
  }

  /** Number of the generation being received; 0 before its first batch. */
  get currentGeneration(): number {
    return this.#generation;
  }

  /** Bytes received and not yet given out as a generation. */
  get pendingBytes(): number {
    return this.#filled - this.#start;
  }

  /** Bytes received in all. */
  get receivedBytes(): number {
    return this.#origin + this.#filled;
  }

  /** The bytes after the header that belong to no complete generation yet (a view, valid until the next push). */
  get pending(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#filled);
  }

  /** Takes bytes and gives out the generations they complete. Drain it before the next call. Throws TraceFormatError. */
  *push(chunk: Uint8Array): Generator<RawGeneration, void, undefined> {
    this.#append(chunk);
    yield* this.#complete();
  }

  /**
   * Takes a whole trace at once and reads it where it is, without a copy. The bytes must not change until `end` was drained.
   */
  *pushWhole(bytes: Uint8Array): Generator<RawGeneration, void, undefined> {
    assert(this.#filled === 0, "a whole trace is pushed first and alone");
    this.#buffer = bytes;
    this.#filled = bytes.length;
    this.#whole = true;
    yield* this.#complete();
  }

  *#complete(): Generator<RawGeneration, void, undefined> {
    if (this.#state === phase.header) {
      if (this.#filled - this.#start < HEADER_BYTES) return;
      this.#version = parseHeader(this.#buffer.subarray(this.#start, this.#start + HEADER_BYTES));
      this.#start += HEADER_BYTES;
      this.#scanned = this.#start;
      this.#state = phase.batches;
    }
    if (this.#version === undefined || !isV2Version(this.#version)) return;
    while (this.#state === phase.batches) {
      const generation = this.#scanOrSeal();
      if (generation === undefined) return;
      yield generation;
    }
  }

  /**
   * Before 1.26 a generation has no end mark, so Go takes one followed by bytes that are no batch for whole and reports
   * those bytes after it. So it is here: `cut` says it.
   */
  #scanOrSeal(): RawGeneration | undefined {
    try {
      return this.#scan();
    } catch (error) {
      if (
        !(error instanceof TraceFormatError) ||
        !this.#sealable ||
        error.kind === "limit" ||
        this.#version! >= 26 ||
        this.#generation === 0
      )
        throw error;
      this.#state = phase.done;
      return this.#seal(this.#scanned, error);
    }
  }

  /**
   * The stream is over. Gives out the last generation of a trace before 1.26. Throws `truncated` if the bytes end in the
   * middle of something and there is no generation left to say it with.
   */
  *end(): Generator<RawGeneration, void, undefined> {
    if (this.#state === phase.done) return;
    if (this.#state === phase.header) {
      this.#state = phase.done;
      parseHeader(this.#buffer.subarray(this.#start, this.#filled));
      return;
    }
    this.#state = phase.done;
    if (this.#version === undefined || !isV2Version(this.#version)) return;
    const cut =
      this.#scanned === this.#filled
        ? undefined
        : this.#error("truncated", "failed to read full batch", this.#scanned, "a whole batch");
    if (this.#version < 26 && this.#generation !== 0) {
      yield this.#seal(this.#scanned, cut);
      return;
    }
    if (cut !== undefined) throw cut;
    if (this.#version >= 26 && this.#batches.eventBatches > 0) {
      throw this.#error(
        "truncated",
        "incomplete generation found; trace likely truncated",
        this.#scanned,
        "EndOfGeneration",
      );
    }
  }

  /** Reads batch headers from `#scanned`. A generation if one became complete, undefined if more bytes are needed. */
  #scan(): RawGeneration | undefined {
    const bytes = this.#buffer;
    const version = this.#version!;
    for (;;) {
      const at = this.#scanned;
      if (at >= this.#filled) return undefined;
      const type = bytes[at]!;
      this.#sealable = type !== Ev.EndOfGeneration;
      if (type === Ev.EndOfGeneration) {
        if (version < 26) throw this.#error("corrupt", "invalid generation number 0", at, "a batch");
        this.#scanned = at + 1;
        return this.#seal(this.#scanned, undefined);
      }
      if (type !== Ev.EventBatch && type !== Ev.ExperimentalBatch) {
        throw this.#error("corrupt", `expected batch event, got event ${type}`, at, "a batch");
      }
      const experimental = type === Ev.ExperimentalBatch;
      if (!this.#readHeader(experimental ? at + 2 : at + 1)) return undefined;
      const generation = this.#fields[0]!;
      const size = this.#fields[3]!;
      if (size > MAX_BATCH_BYTES || size < 0) {
        throw this.#error(
          "corrupt",
          `invalid batch size ${size}, maximum is ${MAX_BATCH_BYTES}`,
          at,
          undefined,
        );
      }
      this.#sealable = false;
      if (generation !== this.#generation && this.#begins(generation, at)) return this.#seal(at, undefined);
      const payload = this.#headerEnd;
      const end = payload + size;
      if (end > this.#filled) return undefined;
      const experiment = experimental ? bytes[at + 1]! : 0;
      this.#batches.add(
        payload,
        end,
        this.#fields[1]!,
        this.#fields[2]!,
        experiment,
        size > 0 ? bytes[payload]! : 0,
      );
      this.#scanned = end;
      // Go takes any batch whose payload begins with byte 52 for the end of the generation.
      if (version >= 26 && experiment === 0 && size > 0 && bytes[payload] === Ev.EndOfGeneration) {
        this.#batches.dropLast();
        return this.#seal(end, undefined);
      }
    }
  }

  /** A batch names another generation than the current one. True: the current one is complete; seal it first. */
  #begins(generation: number, at: number): boolean {
    if (generation === 0 || generation === -1) {
      throw this.#error("corrupt", `invalid generation number ${generation}`, at, undefined);
    }
    if (this.#generation === 0) {
      this.#generation = generation;
      return false;
    }
    if (this.#version! >= 26) {
      if (this.#batches.count === 0) {
        this.#generation = generation;
        return false;
      }
      throw this.#error(
        "corrupt",
        "broken trace: missing end-of-generation event, or generations are interleaved",
        at,
        `generation ${this.#generation}`,
      );
    }
    if (generation === this.#generation + 1 || (this.#tolerant && generation > this.#generation)) return true;
    throw this.#error("corrupt", "generations out of order", at, `generation ${this.#generation + 1}`);
  }

  readonly #fields = new Float64Array(4);
  #headerEnd = 0;

  /** Reads gen, M, time and size. False if the bytes end first. */
  #readHeader(from: number): boolean {
    const bytes = this.#buffer;
    const end = this.#filled;
    let pos = from;
    for (let field = 0; field < 4; field++) {
      let lo = 0;
      let hi = 0;
      for (let i = 0; ; i++) {
        if (pos >= end) return false;
        const b = bytes[pos++]!;
        if (i < 4) lo |= (b & 0x7f) << (7 * i);
        else if (i === 4) {
          lo |= (b & 0x7f) << 28;
          hi = (b & 0x7f) >>> 4;
        } else hi |= (b & 0x7f) << (7 * i - 32);
        if (b < 0x80) {
          if (i === 9 && b > 1)
            throw this.#error("corrupt", "batch header: uvarint overflows 64 bits", from, undefined);
          break;
        }
        if (i === 9) throw this.#error("corrupt", "batch header: uvarint overflows 64 bits", from, undefined);
      }
      this.#fields[field] = joinWords(lo >>> 0, hi >>> 0, this.#origin + from);
    }
    this.#headerEnd = pos;
    return true;
  }

  /** Makes the generation that ends at `end` and starts the next. */
  #seal(end: number, cut: TraceFormatError | undefined): RawGeneration {
    const start = this.#start;
    const view = this.#buffer.subarray(start, end);
    const bytes = this.#shareBytes ? view : view.slice();
    const batches = this.#batches;
    batches.shift(start);
    const generation: RawGeneration = {
      version: this.#version!,
      number: this.#generation,
      bytes,
      offset: this.#origin + start,
      batches,
      minTicks: batches.minTicks,
      maxTicks: batches.maxTicks,
      sync: peekSync(bytes, batches, this.#version!),
      gap: this.#gap,
      cut,
      endsStream: this.#version! < 26 && this.#state === phase.done,
    };
    this.#start = end;
    this.#batches = new BatchIndex();
    this.#gap = false;
    if (this.#version! < 26 && this.#state !== phase.done) {
      const next = this.#fields[0]!;
      this.#gap = next !== this.#generation + 1;
      this.#generation = next;
    } else this.#generation = 0;
    return generation;
  }

  /** Adds a chunk to the buffer; what was given out makes room first. */
  #append(chunk: Uint8Array): void {
    assert(!this.#whole, "a whole trace was pushed: there is nothing to add");
    if (this.#state === phase.done)
      throw this.#error("corrupt", "bytes after the end of the stream", this.#filled, undefined);
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#filled);
      this.#origin += this.#start;
      this.#filled -= this.#start;
      this.#scanned -= this.#start;
      this.#batches.shift(this.#start);
      this.#start = 0;
    }
    const needed = this.#filled + chunk.length;
    ensureWithin(needed, this.#maxGenerationBytes, () => ({
      offset: this.#origin,
      generation: this.#generation,
    }));
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(
        Math.max(needed, FIRST_BUFFER_BYTES, Math.ceil(this.#buffer.length * this.#growth)),
      );
      larger.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#filled);
    this.#filled = needed;
  }

  #error(
    kind: "truncated" | "corrupt",
    detail: string,
    at: number,
    expected: string | undefined,
  ): TraceFormatError {
    return new TraceFormatError(kind, detail, {
      offset: this.#origin + at,
      generation: this.#generation === 0 ? undefined : this.#generation,
      batch: this.#batches.count,
      version: this.#version,
      expected,
    });
  }
}
