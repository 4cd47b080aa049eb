import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, repoRoot } from "../support/cache.ts";
import { goEnv, goRoot, goVersionString } from "../support/go.ts";

const run = promisify(execFile);

/** Builds Go's own analysis as a program: an overlay puts it where it may import internal/trace. */
export async function buildOracle(): Promise<string> {
  const source = join(repoRoot, "test/analysis/go-oracle/main.go");
  const hash = createHash("sha256")
    .update(await readFile(source))
    .digest("hex");
  const key = ["go", await goVersionString(), `oracle-${hash.slice(0, 20)}`];
  return cached(key, async (output) => {
    const root = join(await goRoot(), "src");
    const overlay = `${output}.overlay.json`;
    const place = join(root, "internal/trace/gorewind_oracle/main.go");
    await writeFile(overlay, JSON.stringify({ Replace: { [place]: source } }));
    try {
      const args = ["build", "-overlay", overlay, "-o", output, "./internal/trace/gorewind_oracle"];
      await run("go", args, { cwd: root, env: { ...goEnv(), GOFLAGS: "" } });
    } finally {
      await rm(overlay, { force: true });
    }
  });
}

/** What Go's own analysis says of a trace. */
export async function oracle(question: "summary" | "mmu", file: string): Promise<unknown> {
  const { stdout } = await run(await buildOracle(), [question, file], { maxBuffer: 1 << 28 });
  return JSON.parse(stdout);
}
