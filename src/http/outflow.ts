import type { Bytes } from "../base/units.ts";

export interface OutflowOptions {
  /** What may wait for the client. One piece may be larger; a second one then ends the flow. */
  readonly maxBytes: Bytes;
  /** A client that takes nothing for so long, in ms, while something waits is given up. */
  readonly stallMs: number;
  /** The client has all of it, is gone, or was given up (`error`). Called once. */
  readonly onClosed?: (error: Error | undefined) => void;
}

/**
 * Bytes on their way to one HTTP client. Whoever makes them never waits: a client that does not keep up is cut off,
 * which it sees as a broken transfer, so that it does not take a part for the whole. What waits are references, not
 * copies.
 */
export class Outflow {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: OutflowOptions;
  #queue: Uint8Array[] = [];
  #queued = 0;
  /** The client waits for the next piece. */
  #wanted: (() => void) | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #ended = false;
  #stall: NodeJS.Timeout | undefined;

  constructor(options: OutflowOptions) {
    this.#options = options;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () =>
          new Promise<void>((resolve) => {
            this.#wanted = resolve;
            this.#advance();
          }),
        cancel: () => this.#close(undefined),
      },
      // Nothing is taken from the queue before the client asks: so that what waits is known.
      { highWaterMark: 0 },
    );
  }

  /** Hands a piece on. Returns false when the flow is over: the client is gone, or too slow for this. */
  offer(chunk: Uint8Array): boolean {
    if (this.#controller === undefined || this.#ended) return false;
    const { maxBytes } = this.#options;
    if (this.#queued > 0 && this.#queued + chunk.length > maxBytes) {
      this.fail(new Error(`the client is more than ${maxBytes} bytes behind`));
      return false;
    }
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    this.#advance();
    return true;
  }

  /** That was all of it; what waits is still delivered. */
  end(): void {
    this.#ended = true;
    this.#advance();
  }

  fail(error: Error): void {
    this.#controller?.error(error);
    this.#close(error);
  }

  #advance(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    const next = this.#wanted === undefined ? undefined : this.#queue.shift();
    if (next !== undefined) {
      this.#queued -= next.length;
      controller.enqueue(next);
      const taken = this.#wanted;
      this.#wanted = undefined;
      taken?.();
    }
    if (this.#ended && this.#queue.length === 0) {
      controller.close();
      this.#close(undefined);
      return;
    }
    clearTimeout(this.#stall);
    if (this.#queue.length === 0) return;
    const stalled = (): void => this.fail(new Error("the client stopped reading"));
    this.#stall = setTimeout(stalled, this.#options.stallMs).unref();
  }

  #close(error: Error | undefined): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    clearTimeout(this.#stall);
    this.#queue = [];
    this.#queued = 0;
    this.#wanted?.();
    this.#wanted = undefined;
    this.#options.onClosed?.(error);
  }
}
