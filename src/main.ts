/** The process's edge: the only file that touches `process`. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { CommandIo } from "./cli/io.ts";
import { runProgram } from "./cli/program.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

// Node 20 is supported as long as the pinned SDK supports it; its reminder of January 2027 is not for operators.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

const io: CommandIo = {
  out: (text) => void process.stdout.write(text),
  write: async (text) => {
    if (!process.stdout.write(text)) await once(process.stdout, "drain");
  },
  err: (text) => void process.stderr.write(text),
  env: process.env,
  host: hostname(),
  version,
  node: process.version,
  terminal: process.stdout.isTTY,
  onSignal: (signals, handler) => {
    for (const signal of signals) process.on(signal, handler);
    return () => {
      for (const signal of signals) process.off(signal, handler);
    };
  },
  now: Date.now,
  random: Math.random,
  usage: () => {
    const { user, system } = process.cpuUsage();
    return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
  },
  exit: (code) => process.exit(code),
};

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

process.exitCode = await runProgram(process.argv.slice(2), io);
