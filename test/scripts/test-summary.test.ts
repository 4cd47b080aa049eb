import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { repoRoot } from "../support/cache.ts";
import { run } from "../support/process.ts";

const summaryModule = pathToFileURL(join(repoRoot, "scripts", "test-summary.mjs")).href;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-summary-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Summary {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** Runs vitest for real over one file, and gives what `npm test` would end with. */
async function summaryOf(testFile: string, options: { readonly isCI: boolean }): Promise<Summary> {
  await writeFile(join(folder, "a.test.js"), testFile);
  const results = join(folder, "results.json");
  const { exitCode } = await run(
    process.execPath,
    [
      join(repoRoot, "node_modules", "vitest", "vitest.mjs"),
      "run",
      "--globals",
      `--root=${folder}`,
      "--reporter=json",
      `--outputFile.json=${results}`,
    ],
    { cwd: folder },
  );
  const script = `
    import { count, summarise } from ${JSON.stringify(summaryModule)};
    const counted = count(${await readFile(results, "utf8")}, ${exitCode});
    console.log(JSON.stringify(summarise([{ ...counted, notRun: ["not run: x"] }], ${options.isCI})));`;
  const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", script]);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Summary;
}

const mixed = `
  it("passes", () => {});
  it("passes as well", () => {});
  it("fails", () => expect(1).toBe(2));
  it.skip("is left out", () => {});`;

it("counts what passed, failed and was skipped", async () => {
  const { lines, exitCode } = await summaryOf(mixed, { isCI: false });
  expect(lines[0]).toBe("not run: x");
  expect(lines.at(-1)).toBe("2 passed, 1 failed, 1 skipped");
  expect(exitCode).toBe(1);
});

it("tells at the end which test failed, and why", async () => {
  const { lines } = await summaryOf(mixed, { isCI: false });
  expect(lines[1]).toMatch(/^failed: .*a\.test\.js: fails\n {4}AssertionError: expected 1 to be 2/);
});

it("takes what was skipped for a failure in CI", async () => {
  const file = `it("passes", () => {}); it.skip("is left out", () => {});`;
  expect(await summaryOf(file, { isCI: false })).toMatchObject({ exitCode: 0 });
  expect(await summaryOf(file, { isCI: true })).toEqual({
    lines: ["not run: x", "skipped, which is a failure in CI: is left out", "1 passed, 1 failed"],
    exitCode: 1,
  });
});

it.each([
  [
    "a file that cannot be loaded",
    `import "./missing.js"; it("never runs", () => {});`,
    "0 passed, 1 failed",
  ],
  [
    "a hook that fails",
    `afterAll(() => { throw new Error("x"); }); it("passes", () => {});`,
    "1 passed, 1 failed",
  ],
  [
    "an error outside of the tests",
    `it("passes", () => { void Promise.reject(new Error("x")); });`,
    "1 passed, 1 failed",
  ],
])("counts %s as a failure", async (_, file, sum) => {
  const { lines, exitCode } = await summaryOf(file, { isCI: false });
  expect(lines.at(-1)).toBe(sum);
  expect(exitCode).toBe(1);
});

it("puts what a second try gave in the place of the first, and says so", async () => {
  const { failedFiles, withSecondTry } = (await import(summaryModule)) as {
    failedFiles: (result: object) => string[];
    withSecondTry: (result: object, again: object) => { result: object; notes: string[] };
  };
  const file = (name: string, status: string): object => ({
    name,
    status,
    assertionResults: [{ status, fullName: "t", failureMessages: status === "failed" ? ["late"] : [] }],
  });
  const first = { testResults: [file("a", "passed"), file("b", "failed"), file("c", "failed")] };
  expect(failedFiles(first)).toEqual(["b", "c"]);
  const { result, notes } = withSecondTry(first, { testResults: [file("b", "passed"), file("c", "failed")] });
  expect(failedFiles(result)).toEqual(["c"]);
  expect(notes).toEqual(["passed when run again by itself, at first it failed: b: t\n    late"]);
});
