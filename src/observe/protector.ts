import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { PrivacyError } from "../base/errors.ts";
import type { PrivacyPolicy, Rename } from "../base/privacy.ts";
import { formatSize } from "../base/size.ts";
import { MiB } from "../base/units.ts";
import { renamer } from "./rename.ts";

export interface ProtectJob {
  readonly id: number;
  readonly what: "trace" | "profile";
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly policy: PrivacyPolicy;
}

export type ProtectAnswer =
  | { readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string };

export interface ProtectorData {
  readonly key: Uint8Array;
  readonly maxBytes: number;
}

/** Of a trace, or of a profile once it is unpacked. */
const MAX_BYTES = 128 * MiB;
/** Bytes that wait for the thread or are with it. */
const MAX_WAITING_BYTES = 256 * MiB;
const PATIENCE_MS = 30_000;
const HEAP_MIB = 768;

const WORKER_MODULE = new URL("./protect-worker.js", import.meta.url);

interface Waiting {
  readonly bytes: number;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: PrivacyError) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Makes traces and profiles anonymous by a target's policy, in a thread beside the intake that is started when it is
 * first needed. What cannot be made anonymous is refused, never passed on.
 */
export class Protector {
  readonly #key = new Uint8Array(randomBytes(32));
  readonly #module: URL;
  /** For what the main thread writes itself; it agrees with the thread's. */
  readonly rename: Rename = renamer(this.#key);
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #count = 0;

  /** @param module what the thread runs: the compiled entry. */
  constructor(module: URL = WORKER_MODULE) {
    this.#module = module;
  }

  /** @throws {PrivacyError} it cannot be made anonymous. */
  async protect(
    what: "trace" | "profile",
    chunks: readonly Uint8Array[],
    policy: PrivacyPolicy,
  ): Promise<Uint8Array> {
    const size = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    let waiting = size;
    for (const each of this.#waiting.values()) waiting += each.bytes;
    if (size > MAX_BYTES || waiting > MAX_WAITING_BYTES) {
      throw refused(`${formatSize(size)} are too much at once`);
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    const id = this.#count++;
    return await new Promise<Uint8Array>((resolve, reject) => {
      const timer = setTimeout(() => this.#end(`not done after ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
      this.#waiting.set(id, { bytes: size, resolve, reject, timer });
      try {
        const job: ProtectJob = { id, what, bytes, policy };
        this.#thread().postMessage(job, [bytes.buffer]);
      } catch (error) {
        this.#end(String(error));
      }
    });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#end("the agent is stopping");
    await worker?.terminate();
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const workerData: ProtectorData = { key: this.#key, maxBytes: MAX_BYTES };
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MIB };
    const worker = new Worker(this.#module, { name: "gorewind-privacy", workerData, resourceLimits });
    worker.on("message", (answer: ProtectAnswer) => this.#answered(answer));
    const gone = (why: string): void => {
      if (this.#worker === worker) this.#end(why);
    };
    worker.on("error", (error) => gone(error.message));
    worker.on("exit", () => gone("the thread ended without an answer"));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #answered(answer: ProtectAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    clearTimeout(waiting.timer);
    if ("bytes" in answer) waiting.resolve(answer.bytes);
    else waiting.reject(refused(answer.error));
  }

  /** All that waits is refused; the next thing asked for gets a new thread. */
  #end(why: string): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(refused(why));
    }
    this.#waiting.clear();
  }
}

function refused(why: string): PrivacyError {
  return new PrivacyError("private", `it cannot be made anonymous: ${why}`, {
    hint: "what the target's privacy policy covers is left out rather than written as it is",
  });
}
