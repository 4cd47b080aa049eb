/**
 * From a log record to its series. The runtime writes each record's message anew, so its string index says nothing: the
 * bytes are hashed, which costs less than to decode them. Bounded by the label sets of the signal.
 */

import type { StringTable } from "../trace/tables/strings.ts";
import { cutText } from "./names.ts";
import type { SeriesSet } from "./series-set.ts";

export class LogSeries {
  readonly #logs: SeriesSet;
  readonly #labelLength: number;
  readonly #mask: number;
  /** Open addressing: two hashes of category and message, and the series plus one; 0 is free. */
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  readonly #series: Int32Array;

  /** @param limit label sets of `logs`. */
  constructor(logs: SeriesSet, limit: number, labelLength: number) {
    this.#logs = logs;
    this.#labelLength = labelLength;
    // At most half full.
    const slots = 1 << (33 - Math.clz32(Math.max(8, limit)));
    this.#mask = slots - 1;
    this.#first = new Int32Array(slots);
    this.#second = new Int32Array(slots);
    this.#series = new Int32Array(slots);
  }

  /** A generation begins: the series of the last one are gone, and categories have other string indexes. */
  clear(): void {
    this.#series.fill(0);
  }

  /** Number of the series of a record, by the string indexes of its category and message. */
  index(strings: StringTable, category: number, message: number): number {
    const bytes = strings.bytesOf(message);
    // Two FNV-1a hashes of 32 bits with different starts: as good as one of 64 here.
    let first = 0x811c_9dc5 ^ category;
    let second = 0x2f0b_1e37 ^ Math.imul(category, 0x9e37_79b1);
    for (let i = 0; i < bytes.length; i++) {
      first = Math.imul(first ^ bytes[i]!, 0x0100_0193);
      second = Math.imul(second ^ bytes[i]!, 0x01b3_0fd5);
    }
    let slot = (first ^ (first >>> 15)) & this.#mask;
    while (this.#series[slot] !== 0) {
      if (this.#first[slot] === first && this.#second[slot] === second) return this.#series[slot]! - 1;
      slot = (slot + 1) & this.#mask;
    }
    const logs = this.#logs;
    const label = cutText(strings.get(category), this.#labelLength);
    if (logs.isFull) {
      // Messages may all differ: beyond the label sets, they are not even decoded.
      logs.droppedLabelSets++;
      return logs.other(label);
    }
    const series = logs.index(label, cutText(strings.get(message), this.#labelLength));
    this.#first[slot] = first;
    this.#second[slot] = second;
    this.#series[slot] = series + 1;
    return series;
  }
}
