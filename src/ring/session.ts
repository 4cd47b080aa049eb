import { BufferPool } from "../base/buffers.ts";
import { bytes, epochMilliseconds, MiB, type Bytes, type EpochMilliseconds } from "../base/units.ts";
import { TraceFormatError } from "../trace/error.ts";
import { Framing, type RawGeneration } from "../trace/framing.ts";
import { HEADER_BYTES, isV2Version } from "../trace/header.ts";
import { nanosecondsPerTick, ticksToNanoseconds } from "../trace/time.ts";
import type { RingLimits } from "./options.ts";
import type { RecordedSession, WallClockSource } from "./recording.ts";
import { GenerationRing } from "./ring.ts";
import { SealedGeneration } from "./sealed.ts";

export interface SessionOptions {
  readonly id: string;
  readonly limits: RingLimits;
  readonly maxGenerationBytes: number;
  /** Where the generations' bytes come from and go back to. Default: one of its own. */
  readonly buffers?: BufferPool;
}

const OWN_BUFFERS = 16 * MiB;

/**
 * One connection's bytes → its ring. Cuts at generation boundaries by batch headers alone, so that it keeps up with any
 * stream.
 *
 * Traces of Go 1.21 and older, and of a Go newer than this program knows, cannot be cut: the whole of such a session is
 * one generation, sealed at its end.
 */
export class SessionRing {
  readonly id: string;
  readonly #options: SessionOptions;
  readonly #ring: GenerationRing<SealedGeneration>;
  readonly #framing: Framing;
  #head: Uint8Array = new Uint8Array(0);
  #format: string | undefined;
  #streamable = true;
  /** The bytes of a session that cannot be cut, after the header. */
  #whole: Uint8Array[] = [];
  #wholeBytes = 0;
  #openedAt: EpochMilliseconds | undefined;
  /** Least (arrival − trace time) seen, in ms: the best guess at how trace time lies on the wall clock. */
  #arrivalAnchor = Infinity;
  #clock: WallClockSource = "arrival";
  #evicted = 0;
  #live = true;
  /** Of a last generation that the stream's end cut. */
  #cutBytes = 0;
  readonly #buffers: BufferPool;
  /** Evicted by the last push. Its caller may look at them until the next one. */
  #leaving: SealedGeneration[] = [];

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#ring = new GenerationRing(options.limits);
    this.#framing = new Framing({ maxGenerationBytes: options.maxGenerationBytes, shareBytes: true });
    this.#buffers = options.buffers ?? new BufferPool(OWN_BUFFERS);
  }

  /** The header's version, such as "1.26", once its 16 bytes have come. */
  get format(): string | undefined {
    return this.#format;
  }

  /** Whether this format can be cut while it comes in; known once `format` is. */
  get streamable(): boolean {
    return this.#streamable;
  }

  get full(): boolean {
    return this.#ring.full;
  }

  get bytes(): Bytes {
    return this.#ring.bytes;
  }

  get spanNs(): number {
    return this.#ring.spanNs;
  }

  /** Bytes of the generation that is still open, or was when the stream ended. */
  get openBytes(): Bytes {
    return bytes(this.#streamable ? this.#framing.pendingBytes + this.#cutBytes : this.#wholeBytes);
  }

  /** How many generations were evicted since this was last asked. */
  takeEvicted(): number {
    const evicted = this.#evicted;
    this.#evicted = 0;
    return evicted;
  }

  /** What is held, or undefined before the first whole generation. Costs nothing and does not change afterwards. */
  recorded(): RecordedSession | undefined {
    const generations = this.#ring.snapshot();
    if (generations.length === 0) return undefined;
    return {
      id: this.id,
      header: this.#head,
      format: this.#format ?? "unknown",
      clock: this.#clock,
      live: this.#live,
      tornBytes: this.#live ? 0 : this.openBytes,
      generations,
    };
  }

  /**
   * Takes the next bytes and gives back the generations they complete.
   *
   * @throws {TraceFormatError} the bytes are no trace, or a generation passes its bound. What the ring holds stays good.
   */
  push(chunk: Uint8Array, arrivedAt: EpochMilliseconds): readonly SealedGeneration[] {
    for (const generation of this.#leaving) generation.release(this.#buffers);
    this.#leaving.length = 0;
    this.#openedAt ??= arrivedAt;
    const rest = this.#format === undefined ? this.#readHeader(chunk) : chunk;
    if (rest === undefined) return [];
    if (this.#streamable) return this.#seal(this.#framing.push(rest), arrivedAt);
    this.#wholeBytes += rest.length;
    if (this.#wholeBytes > this.#options.maxGenerationBytes) {
      throw new TraceFormatError("limit", `a window of more than ${this.#options.maxGenerationBytes} bytes`);
    }
    // The buffer belongs to the socket's reader: keep a copy.
    this.#whole.push(rest.slice());
    return [];
  }

  /** The server ended the stream properly: what is still open may be whole. */
  end(at: EpochMilliseconds): readonly SealedGeneration[] {
    if (this.#streamable) return this.#seal(this.#framing.end(), at);
    if (this.#wholeBytes === 0) return [];
    const whole = concatenate(this.#whole, this.#wholeBytes);
    const start = this.#openedAt ?? at;
    // Times of these formats count from the trace's start, so the wall clock is all there is to order windows by.
    const generation = new SealedGeneration(1, whole, {
      startNs: start * 1e6,
      endNs: at * 1e6,
      wallStart: start,
      wallEnd: at,
    });
    this.#whole = [];
    this.#wholeBytes = 0;
    this.#append(generation);
    return [generation];
  }

  /** The connection is gone. */
  close(): void {
    this.#live = false;
  }

  /** Gathers the 16 bytes. Returns what the framing is to be fed, or undefined while they are not all there. */
  #readHeader(chunk: Uint8Array): Uint8Array | undefined {
    const gathered = concatenate([this.#head, chunk], this.#head.length + chunk.length);
    if (gathered.length < HEADER_BYTES) {
      this.#head = gathered;
      return undefined;
    }
    this.#head = gathered.slice(0, HEADER_BYTES);
    const text = String.fromCharCode(...this.#head);
    const version = /^go 1\.(\d{1,2}) trace\0+$/.exec(text)?.[1];
    if (version === undefined) {
      throw new TraceFormatError(
        "not-a-trace",
        `the response is no Go execution trace: it begins with ${JSON.stringify(text)}`,
      );
    }
    this.#format = `1.${version}`;
    this.#streamable = isV2Version(Number(version));
    return this.#streamable ? gathered : gathered.subarray(HEADER_BYTES);
  }

  #append(generation: SealedGeneration): void {
    const before = this.#ring.snapshot();
    const evicted = this.#ring.append(generation);
    this.#evicted += evicted;
    this.#leaving.push(...before.slice(0, evicted));
  }

  #seal(generations: Iterable<RawGeneration>, arrivedAt: EpochMilliseconds): SealedGeneration[] {
    const sealed: SealedGeneration[] = [];
    for (const raw of generations) {
      // A torn tail is dropped: Go 1.26's tools refuse a trace that has one.
      if (raw.cut !== undefined) {
        this.#cutBytes += raw.bytes.length;
        continue;
      }
      const generation = this.#place(raw, arrivedAt);
      this.#append(generation);
      sealed.push(generation);
    }
    return sealed;
  }

  /** Puts a generation on the trace's clock and on the wall clock. */
  #place(raw: RawGeneration, arrivedAt: EpochMilliseconds): SealedGeneration {
    const { sync } = raw;
    if (sync === undefined) {
      throw new TraceFormatError("corrupt", "no frequency event found", {
        generation: raw.number,
        offset: raw.offset,
      });
    }
    const nsPerTick = nanosecondsPerTick(sync.ticksPerSecond);
    const startNs = ticksToNanoseconds(raw.minTicks, nsPerTick);
    const endNs = ticksToNanoseconds(raw.maxTicks, nsPerTick);
    this.#arrivalAnchor = Math.min(this.#arrivalAnchor, arrivedAt - endNs / 1e6);
    let anchor = this.#arrivalAnchor;
    if (sync.clock !== undefined) {
      this.#clock = "snapshot";
      const snapshotWall = sync.clock.seconds * 1000 + sync.clock.nanoseconds / 1e6;
      anchor = snapshotWall - ticksToNanoseconds(sync.clock.ticks, nsPerTick) / 1e6;
    }
    // The framing's buffer is filled again by the next push.
    const kept = this.#buffers.take(raw.bytes.length);
    kept.set(raw.bytes);
    return new SealedGeneration(raw.number, kept, {
      startNs,
      endNs,
      wallStart: epochMilliseconds(startNs / 1e6 + anchor),
      wallEnd: epochMilliseconds(endNs / 1e6 + anchor),
    });
  }
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}
