/** The entry of the process that explains one capture and ends: the trace on stdin, its title as the argument. */

import { buffer } from "node:stream/consumers";
import { argv, exit, stdin } from "node:process";
import { explain } from "./explain.ts";

const [, , title = ""] = argv;
const trace = await buffer(stdin);
process.send?.(explain({ title, chunks: [trace] }), () => exit());
