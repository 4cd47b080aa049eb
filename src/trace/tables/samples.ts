/** CPU profile samples of a generation, in time order. They are slipped in among the events. */

import { TraceFormatError } from "../error.ts";
import { Ev } from "../spec.ts";
import { ticksToNanoseconds } from "../time.ts";
import { ByteCursor } from "../varint.ts";

/** As on the wire, but for the time. */
interface Sample {
  readonly ticks: number;
  readonly thread: number;
  readonly proc: number;
  readonly goroutine: number;
  readonly stack: number;
}

export class SampleTable {
  readonly #samples: Sample[] = [];
  /** Relative ns, filled by `seal`. */
  times = new Float64Array(0);

  get count(): number {
    return this.#samples.length;
  }

  /** Reads a CPUSamples batch. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const cursor = new ByteCursor(bytes, start + 1, end);
    while (!cursor.done) {
      const at = cursor.pos;
      const type = cursor.byte();
      if (type !== Ev.CPUSample) {
        throw new TraceFormatError("corrupt", `expected CPU sample event, got ${type}`, { offset: at });
      }
      const ticks = cursor.uvarint();
      const thread = cursor.uvarint();
      const proc = cursor.uvarint();
      const goroutine = cursor.uvarint();
      const stack = cursor.uvarint();
      // On the wire "no goroutine" is 0.
      this.#samples.push({ ticks, thread, proc, goroutine: goroutine === 0 ? -1 : goroutine, stack });
    }
  }

  /** All batches are read: sorts by time. */
  seal(nsPerTick: number, timeBase: number): void {
    const timed = this.#samples.map((sample) => ({
      sample,
      time: ticksToNanoseconds(sample.ticks, nsPerTick) - timeBase,
    }));
    timed.sort((a, b) => a.time - b.time);
    this.times = Float64Array.from(timed, ({ time }) => time);
    for (const [i, { sample }] of timed.entries()) this.#samples[i] = sample;
  }

  get(i: number): Sample {
    return this.#samples[i]!;
  }
}
