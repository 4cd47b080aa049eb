/** The entry of an analysis thread: jobs in, answers out, one at a time. */

import { parentPort } from "node:worker_threads";
import { GenerationAnalyser } from "./analyser.ts";
import type { ToAnalyser } from "./protocol.ts";

const analyser = new GenerationAnalyser();

parentPort?.on("message", (message: ToAnalyser) => {
  if (message.kind === "forget") analyser.forget(message.target);
  else parentPort?.postMessage(analyser.analyse(message.job));
});
