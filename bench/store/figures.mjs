// The figures of docs/shipping.md: node bench/store/figures.mjs
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { status } = spawnSync(
  "npx",
  ["vitest", "run", "test/store/figures.test.ts", "--disable-console-intercept"],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, GOREWIND_FIGURES: "1", NODE_OPTIONS: "--expose-gc" },
  },
);
process.exit(status ?? 1);
