import { Worker } from "node:worker_threads";
import { errorMessage } from "../base/errors.ts";
import type { ObserveEvent } from "./events.ts";
import type {
  AnalysisJob,
  FromAnalyser,
  GenerationAnswer,
  PageAnswer,
  PageJob,
  ToAnalyser,
} from "./protocol.ts";

export interface PoolOptions {
  readonly threads: number;
  /** Bytes of generations that may wait; beyond it the oldest waiting one of all is skipped. */
  readonly maxQueuedBytes: number;
}

export type ObservedAnswer = Extract<GenerationAnswer, { kind: "observed" }>;

export interface PoolDependencies {
  readonly emit: (event: ObserveEvent) => void;
  readonly onObserved: (answer: ObservedAnswer) => void;
  /** The bytes of a job are no longer needed. */
  readonly recycle: (trace: Uint8Array<ArrayBuffer>) => void;
}

/** The compiled module each thread runs. */
const WORKER_MODULE = new URL("./worker.js", import.meta.url);
/** A thread that dies at once each time it is started is not started more often than this. */
const RESTART_DELAY_MS = 1000;

/**
 * Analysis threads beside the intake. A target always goes to the same thread, since what a generation means depends on
 * the ones before it. One job is in a thread at a time; the others wait here, where they can still be skipped: when
 * analysis is behind, the oldest waiting generation goes, so that what is looked at is new. The ring keeps it all the same.
 */
export class AnalyserPool {
  readonly #deps: PoolDependencies;
  readonly #options: PoolOptions;
  readonly #lanes: Lane[];
  #waiting: { readonly job: AnalysisJob; readonly lane: Lane }[] = [];
  #waitingBytes = 0;
  #pageCount = 0;
  #closed = false;

  constructor(options: PoolOptions, deps: PoolDependencies) {
    this.#options = options;
    this.#deps = deps;
    this.#lanes = Array.from({ length: options.threads }, () => this.#startLane());
  }

  /** How many generations wait or are being read. */
  get queued(): number {
    return this.#waiting.length + this.#lanes.filter((lane) => lane.busy !== undefined).length;
  }

  /** Takes a generation; its bytes belong to the pool from here on. */
  offer(job: AnalysisJob): void {
    this.#waiting.push({ job, lane: this.#laneOf(job.target) });
    this.#waitingBytes += job.trace.length;
    while (this.#waitingBytes > this.#options.maxQueuedBytes && this.#waiting.length > 1) this.#skipOldest();
    this.#dispatch();
  }

  /**
   * Reads a page of a target beside its generations; its bytes belong to the pool from here on. Whoever asks has one at a
   * time for a target. Undefined: the thread died over it.
   */
  async read(job: Omit<PageJob, "id">): Promise<PageAnswer | undefined> {
    const lane = this.#laneOf(job.target);
    if (lane.worker === undefined || this.#closed) return undefined;
    const id = this.#pageCount++;
    return await new Promise((resolve) => {
      lane.pages.set(id, resolve);
      this.#post(lane, { kind: "page", job: { ...job, id } }, job.bytes.buffer as ArrayBuffer);
    });
  }

  /** The target is no longer watched. */
  forget(target: string): void {
    this.#waiting = this.#waiting.filter(({ job }) => job.target !== target);
    this.#waitingBytes = this.#waiting.reduce((sum, { job }) => sum + job.trace.length, 0);
    this.#post(this.#laneOf(target), { kind: "forget", target });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting = [];
    await Promise.all(
      this.#lanes.flatMap(({ worker }) => (worker === undefined ? [] : [worker.terminate()])),
    );
  }

  #skipOldest(): void {
    const skipped = this.#waiting.shift();
    if (skipped === undefined) return;
    const { job } = skipped;
    this.#waitingBytes -= job.trace.length;
    this.#deps.emit({
      kind: "generation.skipped",
      target: job.target,
      generation: job.generation,
      bytes: job.trace.length,
    });
    this.#deps.recycle(job.trace);
  }

  #dispatch(): void {
    this.#waiting = this.#waiting.filter(({ job, lane }) => {
      if (lane.busy !== undefined || lane.worker === undefined) return true;
      lane.busy = job;
      this.#waitingBytes -= job.trace.length;
      this.#post(lane, { kind: "analyse", job }, job.trace.buffer);
      return false;
    });
  }

  #post(lane: Lane, message: ToAnalyser, moved?: ArrayBuffer): void {
    lane.worker?.postMessage(message, moved === undefined ? [] : [moved]);
  }

  #answer(lane: Lane, said: FromAnalyser): void {
    if (said.kind !== "analysed") {
      lane.pages.get(said.id)?.(said);
      lane.pages.delete(said.id);
      return;
    }
    const { answer, trace } = said;
    lane.busy = undefined;
    this.#deps.recycle(trace);
    this.#dispatch();
    if (answer.kind === "observed") {
      const { target, generation, events, bytes, took } = answer;
      this.#deps.emit({ kind: "generation.analysed", target, generation, events, bytes, took });
      this.#deps.onObserved(answer);
    } else {
      const { target, generation, code, message } = answer;
      this.#deps.emit({ kind: "generation.unreadable", target, generation, code, message });
    }
  }

  #startLane(): Lane {
    const lane: Lane = { worker: undefined, busy: undefined, pages: new Map() };
    this.#start(lane);
    return lane;
  }

  #start(lane: Lane): void {
    const worker = new Worker(WORKER_MODULE, { name: "gorewind-analysis" });
    lane.worker = worker;
    worker.on("message", (answer: FromAnalyser) => this.#answer(lane, answer));
    worker.on("error", (error) => {
      this.#deps.emit({ kind: "analyser.restarted", message: errorMessage(error) });
    });
    worker.on("exit", () => {
      lane.worker = undefined;
      for (const give of lane.pages.values()) give(undefined);
      lane.pages.clear();
      const lost = lane.busy;
      lane.busy = undefined;
      if (this.#closed) return;
      if (lost !== undefined) {
        const { target, generation } = lost;
        this.#deps.emit({ kind: "generation.skipped", target, generation, bytes: 0 });
      }
      setTimeout(() => {
        if (this.#closed) return;
        this.#start(lane);
        this.#dispatch();
      }, RESTART_DELAY_MS).unref();
    });
  }

  #laneOf(target: string): Lane {
    let hash = 0;
    for (let i = 0; i < target.length; i++) hash = (hash * 31 + target.charCodeAt(i)) | 0;
    const lane = this.#lanes[Math.abs(hash) % this.#lanes.length];
    if (lane === undefined) throw new RangeError("a pool has at least one thread");
    return lane;
  }
}

interface Lane {
  /** Absent between a death and the restart. */
  worker: Worker | undefined;
  busy: AnalysisJob | undefined;
  /** Who waits for a page to be read, by the job's id. */
  readonly pages: Map<number, (answer: PageAnswer | undefined) => void>;
}
