// What a vitest run counted, and the sum of several: the judgement that `npm test` ends with.

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
  };
}

/** The lines to end with, the last of which is the sum, and the exit code. In CI what did not run is a failure. */
export function summarise(runs, isCI) {
  const lines = [...new Set(runs.flatMap((run) => run.notRun))];
  const skipped = runs.flatMap((run) => run.skipped);
  if (isCI) lines.push(...skipped.map((name) => `skipped, which is a failure in CI: ${name}`));
  const sum = (of) => runs.reduce((total, run) => total + of(run), 0);
  const passed = sum((run) => run.passed);
  const failed = sum((run) => run.failed) + (isCI ? skipped.length : 0);
  const tail = !isCI && skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  lines.push(`${passed} passed, ${failed} failed${tail}`);
  return { lines, exitCode: failed > 0 || passed === 0 ? 1 : 0 };
}
