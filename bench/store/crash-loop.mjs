// The crash loops at length: node bench/store/crash-loop.mjs --rounds 300 [--agent]
// Without --agent the spool and the uploader alone are killed, with it the whole agent that records a service.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "300" }, agent: { type: "boolean", default: false } },
});
const root = fileURLToPath(new URL("../..", import.meta.url));
const [file, rounds] = values.agent
  ? ["test/e2e/agent-crash.test.ts", "GOREWIND_AGENT_CRASH_ROUNDS"]
  : ["test/store/crash-loop.test.ts", "GOREWIND_CRASH_ROUNDS"];
const { status } = spawnSync("npx", ["vitest", "run", file, "--disable-console-intercept"], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, [rounds]: values.rounds },
});
process.exit(status ?? 1);
