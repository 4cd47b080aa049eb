/**
 * A trace, pushed in bytes of any split, as batches of ordered events. Memory is bounded by the largest generation.
 *
 *     const reader = new TraceReader();
 *     for await (const chunk of file) for (const batch of reader.push(chunk)) use(batch);
 *     for (const batch of reader.end()) use(batch);
 */

import type { EventColumns } from "./columns.ts";
import { GenerationDecoder } from "./decoder.ts";
import type { DecoderOptions } from "./decoder.ts";
import { TraceFormatError } from "./error.ts";
import { Framing } from "./framing.ts";
import type { FramingOptions, RawGeneration } from "./framing.ts";
import { isV2Version } from "./header.ts";

export interface ReaderOptions extends DecoderOptions, Pick<FramingOptions, "maxGenerationBytes"> {}

export class TraceReader {
  readonly #options: ReaderOptions;
  readonly #framing: Framing;
  readonly #tolerant: boolean;
  #decoder: GenerationDecoder | undefined;
  #failed = false;

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
    return this.#decoder?.rows ?? 0;
  }

  /** What times are relative to (ns); undefined before the first generation. */
  get timeBase(): number | undefined {
    return this.#decoder?.timeBase;
  }

  /** Takes bytes, gives the events of the generations they complete. To be drained before the next call. */
  *push(chunk: Uint8Array): Generator<EventColumns, void, undefined> {
    if (this.#failed) return;
    yield* this.#decodeAll(this.#framing.push(chunk));
  }

  /** The stream is over: the last events and the closing Sync. */
  *end(): Generator<EventColumns, void, undefined> {
    if (this.#failed) return;
    yield* this.#decodeAll(this.#framing.end());
    if (this.#failed) return;
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

  *#decodeAll(
    generations: Generator<RawGeneration, void, undefined>,
  ): Generator<EventColumns, void, undefined> {
    for (;;) {
      let next: IteratorResult<RawGeneration, void>;
      try {
        next = generations.next();
      } catch (error) {
        this.#failed = true;
        if (!(error instanceof TraceFormatError) || this.#framing.version === undefined) throw error;
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
  const reader = new TraceReader(options);
  yield* reader.push(bytes);
  yield* reader.end();
}
