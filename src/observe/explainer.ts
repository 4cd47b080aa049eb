import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
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
  /** Of the process's heap. */
  readonly heapBytes: number;
}

/** The defaults. A capture of the default ring takes some tenths of a second and 60 MB. */
export const explainLimits: ExplainLimits = {
  millis: 10_000,
  traceBytes: 64 * MiB,
  fileBytes: 8 * MiB,
  heapBytes: 384 * MiB,
};

const PROGRAM = fileURLToPath(new URL("./report-process.js", import.meta.url));

/**
 * Explains captures beside everything else: each in a process of its own, which gives its memory back when it ends; one at
 * a time. A capture never fails over it and never waits longer than the limit: what is not there by then is left out,
 * with the reason. Not a thread: V8 may end the whole process when one thread's heap is full, and with it the recording.
 */
export class Explainer {
  readonly #limits: ExplainLimits;
  readonly #program: string;
  /** Resolves when the explanations asked for so far are done. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param program the file that the process runs: the compiled entry. */
  constructor(limits: ExplainLimits, program: string = PROGRAM) {
    this.#limits = limits;
    this.#program = program;
  }

  /** Never rejects. Gives up when `signal` aborts. @param limit a shorter one, for who cannot wait. */
  async explain(
    job: ExplainJob,
    signal: AbortSignal,
    limit: number = this.#limits.millis,
  ): Promise<Explanation> {
    const { traceBytes } = this.#limits;
    const millis = Math.min(limit, this.#limits.millis);
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
    const heap = Math.ceil(this.#limits.heapBytes / MiB);
    let child: ChildProcess;
    try {
      child = fork(this.#program, [job.title], {
        execArgv: [`--max-old-space-size=${heap}`],
        serialization: "advanced",
        stdio: ["pipe", "ignore", "ignore", "ipc"],
      });
    } catch (error) {
      return unexplained(errorMessage(error));
    }
    const answer = await new Promise<Explanation>((resolve) => {
      const onAbort = (): void => resolve(unexplained(String(signal.reason)));
      signal.addEventListener("abort", onAbort, { once: true });
      child.on("message", (message) => resolve(message as Explanation));
      child.on("error", (error) => resolve(unexplained(errorMessage(error))));
      child.on("exit", (code, killedBy) => resolve(unexplained(endedEarly(code, killedBy))));
      send(child, job.chunks);
    });
    child.kill("SIGKILL");
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

/** Gives the process the trace. That it stops reading is told by its end; one that did not start has no stdin. */
function send({ stdin }: ChildProcess, chunks: readonly Uint8Array[]): void {
  stdin?.on("error", () => {});
  for (const chunk of chunks) stdin?.write(chunk);
  stdin?.end();
}

/** V8 aborts when its heap is full; SIGKILL that is not ours is the kernel's, when memory is. */
function endedEarly(code: number | null, killedBy: NodeJS.Signals | null): string {
  if (killedBy === "SIGABRT" || killedBy === "SIGKILL" || code === 134) return "it ran out of memory";
  return `it ended without an answer (${killedBy ?? `exit code ${code}`})`;
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
