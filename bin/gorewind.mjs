#!/usr/bin/env node
import { existsSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

const entry = new URL("../dist/main.js", import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write("gorewind is not built in this checkout: run `npm ci && npm run build` first.\n");
  process.exit(1);
}
if (process.argv[2] === "run") {
  // The agent's garbage is small and short-lived, and drags the buffers of sockets along: the young generation stays at
  // the 1 MiB it begins with, is collected often and quickly, and the whole heap seldom has to be. It costs no CPU and
  // saves 11 MB at rest, more under load.
  setFlagsFromString("--semi-space-growth-factor=1");
}
await import(entry.href);
