import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { repoRoot } from "../support/cache.ts";
import { run } from "../support/process.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gorewind-imports-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Runs the check over a tree of files; a name may stand for an empty module. */
async function check(files: Readonly<Record<string, string>>): Promise<{ ok: boolean; output: string }> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  const script = join(repoRoot, "scripts", "check-imports.mjs");
  const { exitCode, stdout, stderr } = await run(process.execPath, [script, root]);
  return { ok: exitCode === 0, output: stdout + stderr };
}

const module = "export const x = 1;\n";
const use = (path: string): string => `import { x } from "${path}";\nexport const y = x;\n`;
const useType = (path: string): string => `import type { X } from "${path}";\nexport type Y = X;\n`;

it("lets a stage import what the table allows", async () => {
  const { ok, output } = await check({
    "src/base/a.ts": module,
    "src/trace/a.ts": use("../base/a.ts"),
    "src/ring/a.ts": use("../trace/a.ts"),
    "src/store/a.ts": use("node:fs"),
  });
  expect(output).toBe("4 files, 3 imports: all in the allowed direction, no cycles\n");
  expect(ok).toBe(true);
});

it.each([
  ["a stage's import of one beside it", "src/ring/a.ts", use("../store/a.ts")],
  ["also for its type", "src/ring/a.ts", useType("../store/a.ts")],
  ["a pure folder's use of Node", "src/trace/a.ts", use("node:fs")],
  ["the import of what joins the stages", "src/store/b.ts", use("../agent/a.ts")],
  ["an import that leads nowhere", "src/store/b.ts", use("./missing.ts")],
])("refuses %s", async (_, file, content) => {
  const { ok, output } = await check({
    "src/store/a.ts": module,
    "src/agent/a.ts": use("../store/a.ts"),
    "src/agent/b.ts": use("./a.ts"),
    "src/agent/c.ts": use("./b.ts"),
    [file]: content,
  });
  expect(output).toContain(`: ${file} → `);
  expect(ok).toBe(false);
});

it("refuses cycles", async () => {
  const { ok, output } = await check({ "src/store/a.ts": use("./b.ts"), "src/store/b.ts": use("./a.ts") });
  expect(output).toContain("no-circular: src/store/a.ts → ");
  expect(ok).toBe(false);
});

it("refuses to say yes when it has read nothing", async () => {
  const { ok, output } = await check({ "src/README.md": "" });
  expect(output).toContain("0 of 0 files in src/ were not read");
  expect(ok).toBe(false);
});
