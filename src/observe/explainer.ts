import { Worker } from "node:worker_threads";
import { formatDuration } from "../base/duration.ts";
import { errorMessage } from "../base/errors.ts";
import { formatSize } from "../base/size.ts";
import { MiB } from "../base/units.ts";
import type { ExplainJob, Explanation } from "./explain.ts";

export interface ExplainLimits {
  /** From asking to the answer, the wait for other captures' included. */
  readonly millis: number;
  /** Of the trace. */
  readonly traceBytes: number;
  /** Of each file that comes out. */
  readonly fileBytes: number;
  /** Of the thread's heap. */
  readonly heapBytes: number;
}

/** A capture of the default ring takes some tenths of a second and 60 MB. */
export const explainLimits: ExplainLimits = {
  millis: 5000,
  traceBytes: 64 * MiB,
  fileBytes: 8 * MiB,
  heapBytes: 384 * MiB,
};

const WORKER_MODULE = new URL("./report-worker.js", import.meta.url);

/**
 * Explains captures beside everything else: each in a thread of its own, which gives its memory back when it ends; one at
 * a time. A capture never fails over it and never waits longer than the limit: what is not there by then is left out,
 * with the reason.
 */
export class Explainer {
  readonly #limits: ExplainLimits;
  readonly #module: URL;
  /** Resolves when the explanations asked for so far are done. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param module what the thread runs: the compiled entry. */
  constructor(limits: ExplainLimits = explainLimits, module: URL = WORKER_MODULE) {
    this.#limits = limits;
    this.#module = module;
  }

  /** Never rejects. Gives up when `signal` aborts. */
  async explain(job: ExplainJob, signal: AbortSignal): Promise<Explanation> {
    const { millis, traceBytes } = this.#limits;
    const bytes = job.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    if (bytes > traceBytes) {
      const most = formatSize(traceBytes);
      return unexplained(`the trace has ${formatSize(bytes)}, more than the ${most} that are read for it`);
    }
    const giveUp = new AbortController();
    const stop = (): void => giveUp.abort("the agent is stopping");
    if (signal.aborted) return unexplained("the agent is stopping");
    signal.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(() => giveUp.abort(`not done after ${formatDuration(millis)}`), millis);
    try {
      const before = this.#last;
      const turn = Promise.race([before, aborted(giveUp.signal)]);
      const running = turn.then(() => this.#run(job, giveUp.signal));
      this.#last = Promise.all([before, running]);
      return await running;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  async #run(job: ExplainJob, signal: AbortSignal): Promise<Explanation> {
    if (signal.aborted) return unexplained(String(signal.reason));
    // The ring keeps its own; a view would be copied with all of the buffer it is in.
    const chunks = job.chunks.map((chunk) => chunk.slice());
    const workerData: ExplainJob = { title: job.title, chunks };
    let worker: Worker;
    try {
      worker = new Worker(this.#module, {
        name: "gorewind-report",
        workerData,
        transferList: chunks.map((chunk) => chunk.buffer),
        resourceLimits: { maxOldGenerationSizeMb: Math.ceil(this.#limits.heapBytes / MiB) },
      });
    } catch (error) {
      return unexplained(errorMessage(error));
    }
    const answer = await new Promise<Explanation>((resolve) => {
      const onAbort = (): void => resolve(unexplained(String(signal.reason)));
      signal.addEventListener("abort", onAbort, { once: true });
      worker.on("message", (message: Explanation) => resolve(message));
      worker.on("error", (error) => resolve(unexplained(errorMessage(error))));
      worker.on("exit", () => resolve(unexplained("the thread ended without an answer")));
    });
    await worker.terminate();
    return this.#bounded(answer);
  }

  #bounded(answer: Explanation): Explanation {
    if (answer.kind === "unexplained") return answer;
    const { fileBytes } = this.#limits;
    const larger = Math.max(answer.summary.byteLength, answer.report.byteLength);
    if (larger <= fileBytes) return answer;
    const reason = `a file of ${formatSize(larger)} came out, more than ${formatSize(fileBytes)}`;
    return { kind: "unexplained", parseable: answer.parseable, reason };
  }
}

function unexplained(reason: string): Explanation {
  return { kind: "unexplained", parseable: undefined, reason };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
