/** The batches of a generation: where each payload lies and of which kind it is. Structure of arrays, in stream order. */

import { TraceFormatError } from "./error.ts";
import type { TracePosition } from "./error.ts";
import { Ev } from "./spec.ts";

/** What a batch holds; told by its first payload byte. */
export type BatchKind = "events" | "strings" | "stacks" | "cpu-samples" | "sync" | "experimental";

/** Headers of batches. Offsets are relative to the generation's bytes. */
export class BatchIndex {
  count = 0;
  /** Batches that are of kind `events`. */
  eventBatches = 0;
  /** Payload range of batch i. */
  starts = new Float64Array(16);
  ends = new Float64Array(16);
  /** Thread (M) of batch i, −1 for none. */
  threads = new Float64Array(16);
  /** Time of batch i in ticks; the first event's delta is to this. */
  ticks = new Float64Array(16);
  /** Experiment number of batch i, 0 for none. */
  experiments = new Uint8Array(16);
  /** First payload byte of batch i, 0 if it is empty. */
  firstBytes = new Uint8Array(16);
  minTicks = 0;
  maxTicks = 0;

  add(
    start: number,
    end: number,
    thread: number,
    ticks: number,
    experiment: number,
    firstByte: number,
  ): void {
    const i = this.count;
    if (i === this.starts.length) this.#grow();
    this.starts[i] = start;
    this.ends[i] = end;
    this.threads[i] = thread;
    this.ticks[i] = ticks;
    this.experiments[i] = experiment;
    this.firstBytes[i] = firstByte;
    this.count = i + 1;
    // Go's rule: a least time of 0 means "none yet".
    if (this.minTicks === 0 || ticks < this.minTicks) this.minTicks = ticks;
    if (ticks > this.maxTicks) this.maxTicks = ticks;
    if (experiment === 0 && !isTable(firstByte)) this.eventBatches++;
  }

  dropLast(): void {
    this.count--;
    this.eventBatches--;
  }

  /** Moves all offsets down, when the bytes they point into moved. */
  shift(by: number): void {
    for (let i = 0; i < this.count; i++) {
      this.starts[i]! -= by;
      this.ends[i]! -= by;
    }
  }

  /** The kind of batch i in a trace of this version. */
  kind(i: number, version: number): BatchKind {
    if (this.experiments[i] !== 0) return "experimental";
    switch (this.firstBytes[i]) {
      case Ev.Strings:
        return "strings";
      case Ev.Stacks:
        return "stacks";
      case Ev.CPUSamples:
        return "cpu-samples";
      case Ev.Frequency:
        return version < 25 ? "sync" : "events";
      case Ev.Sync:
        return version >= 25 ? "sync" : "events";
      default:
        return "events";
    }
  }

  #grow(): void {
    const length = this.starts.length * 2;
    const wider = <A extends Float64Array | Uint8Array>(from: A, to: A): A => {
      to.set(from);
      return to;
    };
    this.starts = wider(this.starts, new Float64Array(length));
    this.ends = wider(this.ends, new Float64Array(length));
    this.threads = wider(this.threads, new Float64Array(length));
    this.ticks = wider(this.ticks, new Float64Array(length));
    this.experiments = wider(this.experiments, new Uint8Array(length));
    this.firstBytes = wider(this.firstBytes, new Uint8Array(length));
  }
}

function isTable(firstByte: number): boolean {
  return (
    firstByte === Ev.Strings ||
    firstByte === Ev.Stacks ||
    firstByte === Ev.CPUSamples ||
    firstByte === Ev.Frequency ||
    firstByte === Ev.Sync
  );
}

/** Throws `limit` if a generation's bytes pass the bound. */
export function ensureWithin(bytes: number, limit: number, at: () => TracePosition): void {
  if (bytes <= limit) return;
  throw new TraceFormatError("limit", `a generation of ${bytes} bytes is above the bound of ${limit}`, at());
}
