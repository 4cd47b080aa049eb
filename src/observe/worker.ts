/** The entry of an analysis thread: jobs in, answers out, one at a time. */

import { parentPort } from "node:worker_threads";
import { GenerationAnalyser } from "./analyser.ts";
import { PageReader } from "./pages.ts";
import type { FromAnalyser, ToAnalyser } from "./protocol.ts";

const analyser = new GenerationAnalyser();
const pages = new PageReader();
const answer = (message: FromAnalyser, moved?: ArrayBuffer): void =>
  parentPort?.postMessage(message, moved === undefined ? [] : [moved]);

parentPort?.on("message", (message: ToAnalyser) => {
  if (message.kind === "forget") {
    analyser.forget(message.target);
    pages.forget(message.target);
  } else if (message.kind === "page") answer(pages.read(message.job));
  else {
    const { job } = message;
    // Its bytes go back, to be filled again.
    answer({ kind: "analysed", answer: analyser.analyse(job), trace: job.trace }, job.trace.buffer);
  }
});
