/** The entry of an analysis thread: jobs in, answers out, one at a time. */

import { parentPort } from "node:worker_threads";
import { GenerationAnalyser } from "./analyser.ts";
import { PageReader } from "./pages.ts";
import type { ToAnalyser } from "./protocol.ts";

const analyser = new GenerationAnalyser();
const pages = new PageReader();

parentPort?.on("message", (message: ToAnalyser) => {
  if (message.kind === "forget") {
    analyser.forget(message.target);
    pages.forget(message.target);
  } else if (message.kind === "page") parentPort?.postMessage(pages.read(message.job));
  else parentPort?.postMessage(analyser.analyse(message.job));
});
