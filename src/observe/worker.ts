/** The entry of an analysis thread: jobs in, answers out, one at a time. */

import { parentPort } from "node:worker_threads";
import type { Observation } from "../signals/signal.ts";
import { GenerationAnalyser } from "./analyser.ts";
import { PageReader } from "./pages.ts";
import type { FromAnalyser, ToAnalyser } from "./protocol.ts";

const analyser = new GenerationAnalyser();
const pages = new PageReader();

/** What the values of observations lie in. */
function buffersOf(observations: readonly Observation[]): Set<ArrayBuffer> {
  const buffers = new Set<ArrayBuffer>();
  for (const { values } of observations) {
    if (values instanceof Float64Array) buffers.add(values.buffer as ArrayBuffer);
  }
  return buffers;
}

function say(message: FromAnalyser, moved: Iterable<ArrayBuffer>): void {
  parentPort?.postMessage(message, [...moved]);
}

parentPort?.on("message", (message: ToAnalyser) => {
  if (message.kind === "forget") {
    analyser.forget(message.target);
    pages.forget(message.target);
  } else if (message.kind === "page") say(pages.read(message.job), []);
  else {
    const { trace } = message.job;
    const answer = analyser.analyse(message.job);
    const moved = answer.kind === "observed" ? buffersOf(answer.observations) : new Set<ArrayBuffer>();
    // The bytes go back, to be filled again.
    say({ kind: "analysed", answer, trace }, moved.add(trace.buffer));
  }
});
