// Checks that the folders of src/ import each other only as .dependency-cruiser.cjs allows, without cycles.
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { cruise } from "dependency-cruiser";

const root = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
const { options, ...ruleSet } = createRequire(import.meta.url)("../.dependency-cruiser.cjs");

const sources = readdirSync("src", { recursive: true })
  .filter((file) => /[.]tsx?$/.test(file))
  .map((file) => join("src", file).split(sep).join("/"));
const { output } = await cruise(["src"], { ...options, ruleSet, validate: true });

// Without a compiler it can use, dependency-cruiser reads no file at all and finds nothing wrong.
const read = new Set(output.modules.map((module) => module.source));
const unread = sources.filter((file) => !read.has(file));
if (sources.length === 0 || unread.length > 0) {
  console.error(
    `${unread.length} of ${sources.length} files in src/ were not read: ${unread.slice(0, 5).join(", ")}`,
  );
  process.exit(1);
}
const dependencies = output.modules.reduce((sum, module) => sum + module.dependencies.length, 0);
if (dependencies === 0) {
  console.error(`no import was found in ${sources.length} files: the parser does not work`);
  process.exit(1);
}

for (const { rule, from, to, cycle } of output.summary.violations) {
  const path = cycle === undefined ? to : cycle.map((step) => step.name ?? step).join(" → ");
  console.error(`${rule.name === "not-in-allowed" ? "not allowed" : rule.name}: ${from} → ${path}`);
}
if (output.summary.violations.length > 0) {
  console.error(`${output.summary.violations.length} imports against the table in .dependency-cruiser.cjs`);
  process.exit(1);
}
console.log(`${sources.length} files, ${dependencies} imports: all in the allowed direction, no cycles`);
