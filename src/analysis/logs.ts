/** User logs: the newest ones, or the newest that hold a text. */

import type { EventColumns } from "../trace/columns.ts";
import type { Generation } from "../trace/generation.ts";
import { Ev } from "../trace/spec.ts";
import type { Pass } from "./pass.ts";
import type { GoroutineTracker } from "./tracker.ts";

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

interface Kept {
  at: number;
  goroutine: number;
  task: number;
  /** Texts are string indexes of the current generation until it ends. */
  category: string | number;
  message: string | number;
}

export class LogPass implements Pass {
  readonly types = [Ev.UserLog];
  #count = 0;
  #matching = 0;
  /** A ring: the oldest is overwritten. */
  readonly #ring: Kept[] = [];
  readonly #limit: number;
  readonly #contains: string | undefined;
  #generation: Generation | undefined;

  constructor(options: LogOptions) {
    this.#limit = options.limit;
    this.#contains = options.contains;
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
    const kept = this.#ring[at];
    const log = {
      at: columns.time[i]!,
      goroutine: columns.g[i]!,
      task: columns.subject[i]!,
      category,
      message,
    };
    if (kept === undefined) this.#ring.push(log);
    else Object.assign(kept, log);
  }

  /** Takes texts out of the generation that ends. */
  #resolve(): void {
    if (this.#generation === undefined) return;
    const { strings } = this.#generation;
    for (const log of this.#ring) {
      if (typeof log.category === "number") log.category = strings.get(log.category);
      if (typeof log.message === "number") log.message = strings.get(log.message);
    }
  }

  finish(): void {
    this.#resolve();
  }

  result(tracker: GoroutineTracker): LogsResult {
    const rows = this.#ring
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, goroutine, task, category, message }) => ({
        at_ns: at - tracker.startTime,
        goroutine,
        task,
        category: String(category),
        message: String(message),
      }));
    return { count: this.#count, matching: this.#matching, rows };
  }
}
