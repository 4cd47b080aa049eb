#!/usr/bin/env node
import { existsSync } from "node:fs";

const entry = new URL("../dist/main.js", import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write("gorewind is not built in this checkout: run `npm ci && npm run build` first.\n");
  process.exit(1);
}
await import(entry.href);
