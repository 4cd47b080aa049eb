// `ensureInstalled()` runs `npm ci` when node_modules is missing or older than the lock file. Needs only Node.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

export function ensureInstalled() {
  const lock = join(root, "package-lock.json");
  // npm writes this one at the end of every install.
  const installed = join(root, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.error("installing the dependencies (npm ci)");
  npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}

/** Compiles src/ to dist/. */
export function build() {
  npm(["run", "--silent", "build"]);
}

/** Runs npm, and ends this process when it fails. */
function npm(args) {
  // npm's own results go to stderr: stdout is for what was asked for.
  const { status, error } = spawnSync("npm", args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  console.error(`npm ${args.join(" ")} failed${error === undefined ? "" : `: ${error.message}`}`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureInstalled();
