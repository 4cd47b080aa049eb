/** The entry of the thread that explains one capture, and ends. */

import { parentPort, workerData } from "node:worker_threads";
import { explain, type ExplainJob } from "./explain.ts";

parentPort?.postMessage(explain(workerData as ExplainJob));
