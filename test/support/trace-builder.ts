/**
 * Builds valid traces for tests: generation → thread → event by its spec name. One table, the reader's own, says which
 * arguments an event has, so a test names only those it cares about.
 *
 *     const trace = buildTrace(26);
 *     const gen = trace.generation();                                  // number 1, clock of 1 tick a ns, starts at 1,000
 *     const m = gen.thread(7);
 *     m.emit("ProcStatus", { p: 0, pstatus: "Running" });
 *     m.emit("GoStatus", { g: 1, m: 7, gstatus: "Running" });
 *     m.emit("GoBlock", { dt: 50, reason_string: "chan receive", stack: ["main.wait", "main.main"] });
 *     trace.generation(2).thread(7)…                                   // the next generation; statuses again
 *     readEvents(trace.bytes());
 *
 * - `dt` is 1 tick if not given; all other arguments default to 0.
 * - A `…string` argument takes text, a `…stack` argument a list of functions (leaf first) or of frames; both are interned.
 * - `gstatus` and `pstatus` take names; `m: -1` is "no thread".
 * - `at(ticks)` moves a thread to an absolute time; `flush()` ends its batch, as the runtime does when a buffer is full.
 * - What a version needs (Sync or Frequency, Stacks, Strings, EndOfGeneration) is added, in the runtime's order.
 */

import { headerBytes } from "../../src/trace/header.ts";
import { Ev, GoStatus, MAX_BATCH_BYTES, ProcStatus, specsOf } from "../../src/trace/spec.ts";
import type { EventSpec } from "../../src/trace/spec.ts";
import { putUvarint } from "../../src/trace/varint.ts";

export interface FrameSpec {
  readonly func: string;
  readonly file?: string;
  readonly line?: number;
  readonly pc?: number | bigint;
}

/** Arguments by the names of the spec. */
export type EventArgs = Readonly<
  Record<string, number | bigint | string | readonly (string | FrameSpec)[] | undefined>
>;

export interface GenerationOptions {
  /** Ticks a second. Default 1e9: a tick is a nanosecond. */
  readonly ticksPerSecond?: number;
  /** Time of the Sync batch and default start of threads, in ticks. */
  readonly start?: number;
  /** Wall clock of the snapshot (1.25 on). */
  readonly wallSeconds?: number;
  readonly mono?: number | bigint;
  /** Leave the Sync (Frequency) batch, or the EndOfGeneration byte, out: for tests of broken traces. */
  readonly omit?: readonly ("sync" | "end")[];
}

export interface SampleSpec {
  readonly time: number;
  readonly m?: number;
  readonly p?: number;
  readonly g?: number;
  readonly stack?: readonly (string | FrameSpec)[];
}

/** Ticks between the default starts of generations. */
const GENERATION_TICKS = 1_000_000;
/** A batch is flushed at this size, as if the runtime's buffer were full. */
const FLUSH_BYTES = MAX_BATCH_BYTES - 64;

interface Batch {
  readonly thread: number;
  readonly time: number;
  readonly payload: number[];
  readonly experiment?: number;
}

/** The events of one thread in a generation. */
export class ThreadBuilder {
  readonly #generation: GenerationBuilder;
  readonly #id: number;
  #batch: Batch | undefined;
  /** Time of the last event, in ticks. */
  now: number;

  constructor(generation: GenerationBuilder, id: number, now: number) {
    this.#generation = generation;
    this.#id = id;
    this.now = now;
  }

  /** Moves to an absolute time (ticks), not before the last event; the next event happens there if its `dt` is 0. */
  at(ticks: number): this {
    this.flush();
    this.now = ticks;
    return this;
  }

  /** Adds an event. */
  emit(name: string, args: EventArgs = {}): this {
    const spec = this.#generation.spec(name);
    if (this.#batch === undefined || this.#batch.payload.length > FLUSH_BYTES) {
      this.#batch = { thread: this.#id, time: this.now, payload: [] };
      this.#generation.addBatch(this.#batch);
    }
    const { payload } = this.#batch;
    payload.push(spec.type);
    for (const arg of spec.args) {
      const value = this.#generation.encode(arg, args[arg] ?? (arg === "dt" ? 1 : 0));
      if (arg === "dt") this.now += Number(value);
      putUvarint(payload, value);
    }
    const unknown = Object.keys(args).find((arg) => !spec.args.includes(arg));
    if (unknown !== undefined)
      throw new Error(`${name} has no argument ${unknown}, but ${spec.args.join(", ")}`);
    return this;
  }

  /** Ends the batch; the next event begins another. */
  flush(): this {
    this.#batch = undefined;
    return this;
  }
}

/** One generation: threads' events, samples and tables. */
export class GenerationBuilder {
  readonly number: number;
  readonly version: number;
  readonly start: number;
  readonly #options: GenerationOptions;
  readonly #specs: ReadonlyMap<string, EventSpec>;
  readonly #threads = new Map<number, ThreadBuilder>();
  readonly #batches: Batch[] = [];
  readonly #strings = new Map<string, number>();
  readonly #stacks = new Map<string, { readonly id: number; readonly frames: readonly bigint[] }>();
  readonly #samples: number[] = [];

  constructor(version: number, number: number, options: GenerationOptions) {
    this.version = version;
    this.number = number;
    this.start = options.start ?? 1000 + (number - 1) * GENERATION_TICKS;
    this.#options = options;
    this.#specs = new Map(specsOf(version).map((spec) => [spec.name, spec]));
  }

  /** The thread with this id (−1: none), made on first use. */
  thread(id: number): ThreadBuilder {
    let thread = this.#threads.get(id);
    if (thread === undefined) {
      thread = new ThreadBuilder(this, id, this.start);
      this.#threads.set(id, thread);
    }
    return thread;
  }

  /** Adds a CPU sample. */
  sample(sample: SampleSpec): this {
    this.#samples.push(Ev.CPUSample);
    const stack = this.stack(sample.stack ?? []);
    for (const value of [sample.time, sample.m ?? -1, sample.p ?? -1, sample.g ?? 0, stack]) {
      putUvarint(this.#samples, value);
    }
    return this;
  }

  /** Adds a batch of an experiment. */
  experiment(experiment: number, thread: number, data: Uint8Array): this {
    this.addBatch({ thread, time: this.start, payload: [...data], experiment });
    return this;
  }

  /** Id of a string, interned. "" is 0. */
  string(text: string): number {
    if (text === "") return 0;
    let id = this.#strings.get(text);
    if (id === undefined) {
      id = this.#strings.size + 1;
      this.#strings.set(text, id);
    }
    return id;
  }

  /** Id of a stack, interned. An empty one is 0. */
  stack(frames: readonly (string | FrameSpec)[]): number {
    if (frames.length === 0) return 0;
    const key = JSON.stringify(frames, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    const known = this.#stacks.get(key);
    if (known !== undefined) return known.id;
    const words = frames.flatMap((frame) => {
      const { func, file, line, pc } = typeof frame === "string" ? { func: frame } : frame;
      const name = this.string(func);
      return [pc ?? 0x40_0000 + name, name, this.string(file ?? `${func}.go`), line ?? 1].map(BigInt);
    });
    const id = this.#stacks.size + 1;
    this.#stacks.set(key, { id, frames: words });
    return id;
  }

  /** Used by ThreadBuilder. */
  spec(name: string): EventSpec {
    const spec = this.#specs.get(name);
    if (spec?.timed !== true)
      throw new Error(`go 1.${this.version} has no event ${name} in a thread's stream`);
    return spec;
  }

  /** Used by ThreadBuilder. */
  addBatch(batch: Batch): void {
    this.#batches.push(batch);
  }

  /** Used by ThreadBuilder: an argument as its number on the wire. */
  encode(name: string, value: NonNullable<EventArgs[string]>): number | bigint {
    const type = name.split("_").at(-1)!;
    if (typeof value === "object") return this.stack(value);
    if (typeof value !== "string") return value;
    if (type === "string") return this.string(value);
    if (type === "stack") return this.stack([value]);
    const statuses: Readonly<Record<string, number>> = type === "gstatus" ? GoStatus : ProcStatus;
    const status = statuses[value];
    if (status === undefined) throw new Error(`${name}: no such value ${value}`);
    return status;
  }

  /** The generation's bytes. */
  bytes(): Uint8Array {
    const out: number[] = [];
    const omit = this.#options.omit ?? [];
    const write = ({ thread, time, payload, experiment }: Batch): void => {
      out.push(experiment === undefined ? Ev.EventBatch : Ev.ExperimentalBatch);
      if (experiment !== undefined) out.push(experiment);
      for (const value of [this.number, thread, time, payload.length]) putUvarint(out, value);
      for (const byte of payload) out.push(byte);
    };
    const table = (payload: number[]): void => write({ thread: -1, time: this.start, payload });
    const wantsSync = !omit.includes("sync");
    if (wantsSync && this.version >= 25) table(this.#sync());
    for (const batch of this.#batches) write(batch);
    if (wantsSync && this.version < 25) table(this.#sync());
    if (this.#samples.length > 0) table([Ev.CPUSamples, ...this.#samples]);
    for (const payload of this.#tables(Ev.Stacks, [...this.#stacks.values()].map(stackEntry))) table(payload);
    for (const payload of this.#tables(Ev.Strings, [...this.#strings].map(stringEntry))) table(payload);
    if (this.version >= 26 && !omit.includes("end")) out.push(Ev.EndOfGeneration);
    return Uint8Array.from(out);
  }

  #sync(): number[] {
    const payload: number[] = this.version >= 25 ? [Ev.Sync] : [];
    payload.push(Ev.Frequency);
    putUvarint(payload, this.#options.ticksPerSecond ?? 1e9);
    if (this.version >= 25) {
      payload.push(Ev.ClockSnapshot);
      const seconds = this.#options.wallSeconds ?? 1_750_000_000 + this.number;
      for (const value of [0, this.#options.mono ?? this.start, seconds, 0]) putUvarint(payload, value);
    }
    return payload;
  }

  /** Payloads of a table, each within a batch. */
  #tables(type: number, entries: readonly number[][]): number[][] {
    const payloads: number[][] = [[type]];
    for (const entry of entries) {
      if (payloads.at(-1)!.length + entry.length > FLUSH_BYTES) payloads.push([type]);
      for (const byte of entry) payloads.at(-1)!.push(byte);
    }
    return payloads;
  }
}

function stackEntry({ id, frames }: { readonly id: number; readonly frames: readonly bigint[] }): number[] {
  const entry: number[] = [Ev.Stack];
  for (const value of [id, frames.length / 4, ...frames]) putUvarint(entry, value);
  return entry;
}

function stringEntry([text, id]: readonly [string, number]): number[] {
  const data = new TextEncoder().encode(text);
  const entry: number[] = [Ev.String];
  for (const value of [id, data.length]) putUvarint(entry, value);
  return [...entry, ...data];
}

export class TraceBuilder {
  readonly version: number;
  readonly #generations: GenerationBuilder[] = [];

  constructor(version: number) {
    this.version = version;
  }

  /** The next generation; its number is one above the last, unless given. */
  generation(number?: number, options: GenerationOptions = {}): GenerationBuilder {
    const last = this.#generations.at(-1);
    const generation = new GenerationBuilder(this.version, number ?? (last?.number ?? 0) + 1, options);
    this.#generations.push(generation);
    return generation;
  }

  /** Header and all generations. */
  bytes(): Uint8Array {
    return concat([headerBytes(this.version), ...this.#generations.map((generation) => generation.bytes())]);
  }
}

/** A trace of a header version (22, 23, 25 or 26), to be filled. */
export function buildTrace(version = 26): TraceBuilder {
  return new TraceBuilder(version);
}

/**
 * A small complete program: `generations` times, one goroutine on one thread starts, works and blocks on a channel,
 * another unblocks it. For tests that need a valid trace and do not mind which.
 */
export function sampleTrace(version = 26, generations = 2, options: GenerationOptions = {}): Uint8Array {
  const trace = buildTrace(version);
  for (let number = 1; number <= generations; number++) {
    const generation = trace.generation(
      number,
      options.start === undefined
        ? options
        : { ...options, start: options.start + number * GENERATION_TICKS },
    );
    const thread = generation.thread(10);
    thread
      .emit("ProcStatus", { p: 0, pstatus: "Running" })
      .emit("GoStatus", { g: 1, m: 10, gstatus: "Running" });
    thread.emit("GoStatus", { g: 2, m: -1, gstatus: "Waiting" });
    thread.emit("HeapAlloc", { heapalloc_value: 4_000_000 });
    thread.emit("GoUnblock", { dt: 100, g: 2, g_seq: 1, stack: ["runtime.chansend1", "main.main"] });
    thread.emit("GoBlock", {
      dt: 100,
      reason_string: "chan receive",
      stack: ["runtime.chanrecv1", "main.main"],
    });
    thread.emit("GoStart", { dt: 20, g: 2, g_seq: 2 });
    thread.emit("GoUnblock", { dt: 1000, g: 1, g_seq: 1, stack: ["runtime.chansend1", "main.worker"] });
    thread.emit("GoBlock", {
      dt: 100,
      reason_string: "chan receive",
      stack: ["runtime.chanrecv1", "main.worker"],
    });
    thread.emit("GoStart", { dt: 20, g: 1, g_seq: 2 });
  }
  return trace.bytes();
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
