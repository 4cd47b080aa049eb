/** User logs: the newest ones, or the newest that hold a text. */

import type { EventColumns } from "../trace/columns.ts";
import type { Generation } from "../trace/generation.ts";
import { Ev } from "../trace/spec.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";

export interface LogOptions {
  /** How many are kept: the newest. */
  readonly limit: number;
  /** Keep only those with this text in category or message. */
  readonly contains?: string;
}

export interface LogRow {
  readonly at_ns: number;
  readonly goroutine: number;
  /** 0: the background task. */
  readonly task: number;
  readonly category: string;
  readonly message: string;
}

export interface LogsResult {
  /** All logs of the trace. */
  readonly count: number;
  /** Those that hold the text asked for; all if none was. */
  readonly matching: number;
  /** The newest of the matching ones, oldest first. */
  readonly rows: readonly LogRow[];
}

export class LogPass implements Pass {
  readonly types = [Ev.UserLog];
  #count = 0;
  #matching = 0;
  // A ring: the oldest is overwritten.
  readonly #at: Float64Array;
  readonly #goroutine: Float64Array;
  readonly #task: Float64Array;
  /** String indexes of the current generation; −1 once the texts are taken out. */
  readonly #category: Int32Array;
  readonly #message: Int32Array;
  readonly #texts: (readonly [category: string, message: string] | undefined)[] = [];
  readonly #limit: number;
  readonly #contains: string | undefined;
  #generation: Generation | undefined;

  constructor(options: LogOptions) {
    this.#limit = options.limit;
    this.#contains = options.contains;
    this.#at = new Float64Array(options.limit);
    this.#goroutine = new Float64Array(options.limit);
    this.#task = new Float64Array(options.limit);
    this.#category = new Int32Array(options.limit).fill(-1);
    this.#message = new Int32Array(options.limit);
  }

  onGeneration(generation: Generation): void {
    this.#resolve();
    this.#generation = generation;
  }

  onRow(columns: EventColumns, i: number): void {
    this.#count++;
    const category = columns.arg0[i]!;
    const message = columns.arg1[i]!;
    if (this.#contains !== undefined) {
      const { strings } = columns.generation;
      const found =
        strings.get(message).includes(this.#contains) || strings.get(category).includes(this.#contains);
      if (!found) return;
    }
    const at = this.#matching++ % this.#limit;
    if (this.#limit === 0) return;
    this.#at[at] = columns.time[i]!;
    this.#goroutine[at] = columns.g[i]!;
    this.#task[at] = columns.subject[i]!;
    this.#category[at] = category;
    this.#message[at] = message;
  }

  /** Takes texts out of the generation that ends. */
  #resolve(): void {
    if (this.#generation === undefined) return;
    const { strings } = this.#generation;
    for (let at = 0; at < this.#limit; at++) {
      if (this.#category[at] === -1) continue;
      this.#texts[at] = [strings.get(this.#category[at]!), strings.get(this.#message[at]!)];
      this.#category[at] = -1;
    }
  }

  finish(): void {
    this.#resolve();
  }

  result(tracker: GoroutineTracker): LogsResult {
    const rows = this.#texts
      .flatMap((texts, at): LogRow[] => {
        if (texts === undefined) return [];
        const [category, message] = texts;
        const time = this.#at[at]! - tracker.startTime;
        return [{ at_ns: time, goroutine: this.#goroutine[at]!, task: this.#task[at]!, category, message }];
      })
      .sort((a, b) => a.at_ns - b.at_ns);
    return { count: this.#count, matching: this.#matching, rows };
  }
}
