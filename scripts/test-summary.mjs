// What a vitest run counted, and the sum of several: the judgement that `npm test` ends with.
import { stripVTControlCharacters } from "node:util";

/** Lines of a failure's message that the end of the log tells again. */
const SHOWN_LINES = 12;

/** Files with a failure in them. */
export function failedFiles(result) {
  return result.testResults.filter((file) => file.status === "failed").map((file) => file.name);
}

/**
 * The results of a run with those of files that were run again put in their place; and what was said at first of the
 * ones that then passed. For tests that watch real services by the clock, on a machine that may have other work.
 */
export function withSecondTry(result, again) {
  const byName = new Map(again.testResults.map((file) => [file.name, file]));
  const merged = result.testResults.map((file) => byName.get(file.name) ?? file);
  const passedNow = result.testResults.filter(
    (file) => file.status === "failed" && byName.get(file.name)?.status === "passed",
  );
  const notes = failuresOf(passedNow).map((text) => `passed when run again by itself, at first it ${text}`);
  return { result: { ...result, testResults: merged }, notes };
}

/** Which tests failed, each with the first lines of why: a long log's end is often all that is left of it. */
function failuresOf(files) {
  return files.flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === "failed");
    if (failed.length > 0)
      return failed.map((test) => told(`${file.name}: ${test.fullName}`, test.failureMessages.join("\n")));
    return file.status === "failed" ? [told(file.name, file.message)] : [];
  });
}

function told(what, why) {
  const lines = stripVTControlCharacters(why ?? "").split("\n");
  return [`failed: ${what}`, ...lines.slice(0, SHOWN_LINES).map((line) => `    ${line}`)].join("\n");
}

/**
 * Counts one run. `result` is what vitest's JSON reporter wrote, `status` vitest's exit code.
 */
export function count(result, status) {
  const tests = result.testResults.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === "passed");
  const failed = tests.filter((test) => test.status === "failed");
  const skipped = tests.filter((test) => test.status !== "passed" && test.status !== "failed");
  // A file that could not be loaded has no tests, and is one failure.
  const broken = result.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const failures = failed.length + broken.length;
  return {
    passed: passed.length,
    // An error outside of any test, an unhandled rejection for instance, fails the run as well.
    failed: failures === 0 && status !== 0 ? 1 : failures,
    skipped: skipped.map((test) => test.fullName),
    failures: failuresOf(result.testResults),
  };
}

/** The lines to end with, the last of which is the sum, and the exit code. In CI what did not run is a failure. */
export function summarise(runs, isCI) {
  const lines = [...new Set(runs.flatMap((run) => run.notRun))];
  const skipped = runs.flatMap((run) => run.skipped);
  lines.push(...runs.flatMap((run) => run.failures));
  if (isCI) lines.push(...skipped.map((name) => `skipped, which is a failure in CI: ${name}`));
  const sum = (of) => runs.reduce((total, run) => total + of(run), 0);
  const passed = sum((run) => run.passed);
  const failed = sum((run) => run.failed) + (isCI ? skipped.length : 0);
  const tail = !isCI && skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  lines.push(`${passed} passed, ${failed} failed${tail}`);
  return { lines, exitCode: failed > 0 || passed === 0 ? 1 : 0 };
}
