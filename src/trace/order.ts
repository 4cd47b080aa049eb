/**
 * Puts the events of a generation in order and checks them: the merge of all threads' streams through the state machine
 * of goroutines, procs and threads.
 *
 *  1. Take the thread whose next event is earliest; a CPU sample that is earlier still goes first.
 *  2. Decode the event's arguments and try to advance the state by it. "Not yet" is possible where another thread must
 *     come first (a start before its unblock): then sort the threads by time and try the others.
 *  3. Write the row and read the thread's next event up to its time.
 *
 * That is what `#step` does, event by event, with every check (advance/plain.ts). The regular case of the events that
 * make up nearly all of a trace is done by the kernel (kernel/kernel.ts) many times faster, up to the next event that
 * is not regular. Tests run both ways and compare. Read from Go's reader.go, batchcursor.go and order.go.
 */

import { keepTexts } from "./advance/annotations.ts";
import { advancePlain } from "./advance/plain.ts";
import { DEFAULT_BATCH_ROWS } from "./columns.ts";
import { Frontier } from "./frontier.ts";
import type { DecodedGeneration } from "./generation.ts";
import { Exit } from "./kernel/kernel.ts";
import { At } from "./kernel/layout.ts";
import { Scheduler } from "./scheduler.ts";
import { Ev, NOT_TIMED, timedArgCount } from "./spec.ts";
import { MAX_RELATIVE_NS } from "./time.ts";

/** Rows one event can make: a coroutine switch makes three. */
const MAX_ROWS_PER_EVENT = 3;

export class Ordering {
  readonly scheduler: Scheduler;
  readonly #frontier: Frontier;
  #generation: DecodedGeneration | undefined;
  #nextSample = 0;
  /** Heap index being tried; above 0 after the earliest thread could not advance. */
  #attempt = 0;
  /** For tests: never take the short way. */
  readonly #plainOnly: boolean;

  constructor(batchRows = DEFAULT_BATCH_ROWS, plainOnly = false) {
    this.scheduler = new Scheduler(batchRows);
    this.#frontier = new Frontier(this.scheduler.memory);
    this.#plainOnly = plainOnly;
  }

  /** Takes a generation on. `initial`: no state carries over to it. Returns whether it has any events. */
  enter(generation: DecodedGeneration, initial: boolean): boolean {
    const { scheduler } = this;
    keepTexts(scheduler);
    scheduler.enter(generation, initial);
    this.#generation = generation;
    this.#nextSample = 0;
    this.#attempt = 0;
    const slots = Array.from(generation.threads, (thread) => scheduler.threads.slot(thread));
    this.#frontier.enter(generation, slots);
    return this.#frontier.length > 0;
  }

  /**
   * Appends to the scheduler's rows until they are full or the generation is done; true when it is done.
   * Throws TraceFormatError; the rows before the error are there then.
   */
  fill(): boolean {
    const frontier = this.#frontier;
    const s = this.scheduler;
    const sampleTimes = this.#generation!.samples.times;
    const full = s.rows.capacity - MAX_ROWS_PER_EVENT;
    while (s.rows.length <= full) {
      if (this.#attempt === 0) {
        const sampleTime = sampleTimes[this.#nextSample] ?? Infinity;
        if (sampleTime < frontier.topTime) {
          this.#emitSample(this.#nextSample++);
          continue;
        }
        if (frontier.length === 0) return true;
        if (this.#forward(Math.min(sampleTime, MAX_RELATIVE_NS), full)) continue;
      }
      this.#step();
    }
    return false;
  }

  /** Lets the kernel work. False: it stopped at an event that is not for it. */
  #forward(until: number, full: number): boolean {
    const s = this.scheduler;
    const { run, i32 } = s.memory;
    if (run === undefined || this.#plainOnly) return false;
    i32[At.rows >> 2] = s.rows.length;
    i32[At.full >> 2] = full;
    const exit = run(until);
    s.rows.length = i32[At.rows >> 2]!;
    if (exit === Exit.event) return false;
    if (exit === Exit.next) this.#next(0);
    return true;
  }

  /** Tries the next event of the thread at heap index `#attempt`. */
  #step(): void {
    const frontier = this.#frontier;
    const s = this.scheduler;
    const attempt = this.#attempt;
    const cursor = frontier.cursor(attempt);
    const slot = frontier.slot(cursor);
    s.threads.see(slot);
    s.thread = frontier.thread(cursor);
    s.threadSlot = slot;
    s.type = frontier.type(cursor);
    s.time = frontier.time(cursor);
    s.g = s.threads.goroutine(slot);
    s.p = s.threads.proc(slot);
    s.offset = frontier.offset(cursor);
    if (timedArgCount[s.type] === NOT_TIMED) throw s.notTimed();
    const [a, b, c, d] = frontier.readArguments(cursor);
    if (frontier.overran) throw s.overrun();
    s.offset = frontier.argumentsEnd;
    if (advancePlain(s, a!, b!, c!, d!)) {
      this.#next(attempt, frontier.argumentsEnd);
      this.#attempt = 0;
      return;
    }
    // Not yet. Try the other threads in order of time; a sorted min-heap is still a min-heap.
    if (attempt === 0) frontier.sort();
    if (attempt + 1 >= frontier.length) throw s.absent(frontier.describeStuck());
    this.#attempt = attempt + 1;
  }

  /** Moves the thread at a heap index to its next event. */
  #next(at: number, position?: number): void {
    const frontier = this.#frontier;
    if (frontier.next(frontier.cursor(at), position)) frontier.update(at);
    else frontier.remove(at);
  }

  #emitSample(index: number): void {
    const s = this.scheduler;
    const { samples } = this.#generation!;
    const sample = samples.get(index);
    s.type = Ev.CPUSample;
    s.time = samples.times[index]!;
    const stack = s.stack(sample.stack);
    s.emitIn(sample.goroutine, sample.proc, sample.thread, Ev.CPUSample, -1, 0, 0, 0, 0, stack);
  }
}
