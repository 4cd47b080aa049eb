/** Compiles what the benches and the fuzzer run: the engine as users get it, and the test tools they share. */

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const FILES = [
  "src/trace/reader.ts",
  "src/trace/framing.ts",
  "test/trace/mutate.ts",
  "test/support/trace-builder.ts",
];

/** Compiles into a folder of its own under node_modules/.cache, gone at exit, and returns a function that imports a module of the repository; `path` says where it is. */
export function compile(files = FILES, name = "bench-trace") {
  const out = join(root, "node_modules/.cache/gorewind", name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const config = join(out, "tsconfig.json");
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        allowImportingTsExtensions: false,
        rewriteRelativeImportExtensions: true,
        rootDir: root,
        outDir: out,
      },
      files: files.map((file) => join(root, file)),
      include: [],
    }),
  );
  // The cache lies under node_modules, whose nearest package.json decides how .js is read.
  writeFileSync(join(out, "package.json"), '{ "type": "module" }');
  execFileSync("npx", ["tsc", "-p", config], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const path = (module) => join(out, module.replace(/\.ts$/, ".js"));
  return Object.assign((module) => import(pathToFileURL(path(module)).href), { path });
}

/** Builds a Go program of the repository; returns the binary's path. */
export function buildGo(folder, name) {
  const binary = join(root, "node_modules/.cache/gorewind", `bench-${name}`);
  execFileSync("go", ["build", "-o", binary, "."], { cwd: join(root, folder), stdio: "inherit" });
  return binary;
}
