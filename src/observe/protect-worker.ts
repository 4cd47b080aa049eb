/** The entry of the thread that makes traces and profiles anonymous. */

import { parentPort, workerData } from "node:worker_threads";
import { gunzipSync, gzipSync } from "node:zlib";
import { errorMessage } from "../base/errors.ts";
import type { Rename } from "../base/privacy.ts";
import { protectProfile } from "../pprof/protect.ts";
import { protectTrace } from "../trace/tools/protect.ts";
import type { ProtectAnswer, ProtectJob, ProtectorData } from "./protector.ts";
import { renamer } from "./rename.ts";

const { key, maxBytes } = workerData as ProtectorData;
const rename = renamer(key);

parentPort?.on("message", (job: ProtectJob) => {
  const answer = answerTo(job);
  parentPort?.postMessage(answer, "bytes" in answer ? [answer.bytes.buffer] : []);
});

function answerTo(job: ProtectJob): ProtectAnswer {
  const { id } = job;
  try {
    return { id, bytes: new Uint8Array(protect(job, rename)) };
  } catch (error) {
    return { id, error: errorMessage(error) };
  }
}

function protect({ what, bytes, policy }: ProtectJob, names: Rename): Uint8Array {
  if (what === "trace") return protectTrace(bytes, policy, names);
  return gzipSync(protectProfile(gunzipSync(bytes, { maxOutputLength: maxBytes }), policy, names));
}
