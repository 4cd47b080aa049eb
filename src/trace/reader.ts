/**
 * A trace, pushed in bytes of any split, as batches of ordered events. Memory is bounded by the largest generation.
 *
 *     const reader = new TraceReader();
 *     for await (const chunk of file) for (const batch of reader.push(chunk)) use(batch);
 *     for (const batch of reader.end()) use(batch);
 *
 * A v1 trace (Go 1.11 to 1.21) is kept until its end, where what its first event needs to be told is written.
 */

import type { EventColumns } from "./columns.ts";
import { GenerationDecoder } from "./decoder.ts";
import type { DecoderOptions } from "./decoder.ts";
import { TraceFormatError } from "./error.ts";
import { Framing } from "./framing.ts";
import type { FramingOptions, RawGeneration } from "./framing.ts";
import { HEADER_BYTES, isV1Version, isV2Version, parseHeader } from "./header.ts";
import type { V1Version } from "./header.ts";
import { readV1 } from "./v1/read.ts";

export interface ReaderOptions extends DecoderOptions, Pick<FramingOptions, "maxGenerationBytes"> {}

export class TraceReader {
  readonly #options: ReaderOptions;
  readonly #framing: Framing;
  readonly #tolerant: boolean;
  #decoder: GenerationDecoder | undefined;
  #failed = false;
  #v1Rows = 0;

  constructor(options: ReaderOptions = {}) {
    this.#options = options;
    this.#tolerant = options.mode === "tolerant";
    this.#framing = new Framing({
      shareBytes: true,
      tolerant: this.#tolerant,
      ...(options.maxGenerationBytes === undefined ? {} : { maxGenerationBytes: options.maxGenerationBytes }),
    });
  }

  /** Minor Go version of the header; undefined until it has come. */
  get version(): number | undefined {
    return this.#framing.version;
  }

  /** Rows given out so far. */
  get rows(): number {
    return this.#decoder?.rows ?? this.#v1Rows;
  }

  /** What times are relative to (ns); undefined before the first generation. */
  get timeBase(): number | undefined {
    // The times of v1 count from the start of the trace.
    return this.#v1Rows > 0 ? 0 : this.#decoder?.timeBase;
  }

  /** Takes bytes, gives the events of the generations they complete. To be drained before the next call. */
  *push(chunk: Uint8Array): Generator<EventColumns, void, undefined> {
    if (this.#failed) return;
    yield* this.#decodeAll(this.#framing.push(chunk));
  }

  /** Takes a whole trace at once, without a copy; the bytes must not change until `end` was drained. */
  *pushWhole(bytes: Uint8Array): Generator<EventColumns, void, undefined> {
    yield* this.#decodeAll(this.#framing.pushWhole(bytes));
  }

  /** The stream is over: the last events and the closing Sync. */
  *end(): Generator<EventColumns, void, undefined> {
    if (this.#failed) return;
    yield* this.#decodeAll(this.#framing.end());
    if (this.#failed) return;
    const { version } = this.#framing;
    if (version !== undefined && isV1Version(version)) {
      for (const batch of wholeV1(this.#framing.pending, version, this.#options)) {
        this.#v1Rows += batch.length;
        yield batch;
      }
      return;
    }
    const decoder = this.#current();
    if (decoder.rows === 0 && decoder.version < 26) {
      // Before 1.26 a trace needs at least one generation.
      yield* decoder.finish();
      if (this.#tolerant) return;
      throw new TraceFormatError("truncated", "no frequency event found", {
        offset: this.#framing.receivedBytes,
        version: decoder.version,
        expected: "a generation",
      });
    }
    yield* decoder.finish();
  }

  /** The reader and its rows are not used any more: its memory may be used again. */
  release(): void {
    this.#failed = true;
    this.#decoder?.release();
    this.#decoder = undefined;
  }

  *#decodeAll(
    generations: Generator<RawGeneration, void, undefined>,
  ): Generator<EventColumns, void, undefined> {
    for (;;) {
      let next: IteratorResult<RawGeneration, void>;
      try {
        next = generations.next();
      } catch (error) {
        this.#failed = true;
        const { version } = this.#framing;
        if (!(error instanceof TraceFormatError) || version === undefined || isV1Version(version))
          throw error;
        const decoder = this.#current();
        yield* decoder.finish();
        if (!this.#tolerant) throw error;
        this.#options.onNotice?.({
          kind: error.kind === "truncated" ? "truncated" : "broken",
          generation: error.generation ?? 0,
          error,
        });
        return;
      }
      if (next.done === true) return;
      try {
        yield* this.#current().decode(next.value);
      } catch (error) {
        this.#failed = true;
        throw error;
      }
    }
  }

  #current(): GenerationDecoder {
    if (this.#decoder === undefined) {
      const version = this.#framing.version!;
      if (!isV2Version(version)) {
        throw new TraceFormatError("unsupported-version", `go 1.${version} traces are of the v1 format`, {
          version,
        });
      }
      this.#decoder = new GenerationDecoder(version, this.#options);
    }
    return this.#decoder;
  }
}

/** All batches of a trace held in memory. */
export function* readTrace(
  bytes: Uint8Array,
  options: ReaderOptions = {},
): Generator<EventColumns, void, undefined> {
  const version = bytes.length < HEADER_BYTES ? undefined : parseHeader(bytes.subarray(0, HEADER_BYTES));
  if (version !== undefined && isV1Version(version)) {
    // Read where it is: a TraceReader keeps a copy until the end.
    yield* wholeV1(bytes.subarray(HEADER_BYTES), version, options);
    return;
  }
  const reader = new TraceReader(options);
  try {
    yield* reader.pushWhole(bytes);
    yield* reader.end();
  } finally {
    reader.release();
  }
}

/** Reads a v1 trace, which has no generations: all of it can be read, or a tolerant reader has nothing. */
function* wholeV1(
  body: Uint8Array,
  version: V1Version,
  options: ReaderOptions,
): Generator<EventColumns, void, undefined> {
  try {
    yield* readV1(body, version, options);
  } catch (error) {
    if (options.mode !== "tolerant" || !(error instanceof TraceFormatError)) throw error;
    options.onNotice?.({ kind: error.kind === "truncated" ? "truncated" : "broken", generation: 0, error });
  }
}
