// The crash loop at length: node bench/store/crash-loop.mjs --rounds 300
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "300" } } });
const root = fileURLToPath(new URL("../..", import.meta.url));
const { status } = spawnSync(
  "npx",
  ["vitest", "run", "test/store/crash-loop.test.ts", "--disable-console-intercept"],
  { cwd: root, stdio: "inherit", env: { ...process.env, GOREWIND_CRASH_ROUNDS: values.rounds } },
);
process.exit(status ?? 1);
