import { appendFileSync } from "node:fs";

/**
 * Decides what happens to tests whose real counterpart (Go, an S3 server, a browser) cannot be had. On a
 * developer's machine they are skipped with a clear line; under `CI=true` that is a failure, so that a green run
 * always means that everything ran.
 *
 * @param reason why not, or undefined when all is there.
 * @returns whether to skip: `describe.skipIf(requireOrSkip("the S3 store", await s3Unavailable("versitygw")))`.
 */
export function requireOrSkip(what: string, reason: string | undefined): boolean {
  if (reason === undefined) return false;
  const line = `not run: ${what}: ${reason}`;
  if (isCI()) throw new Error(line);
  // `scripts/test.mjs` collects these lines and prints them after the run.
  const notes = process.env["GOREWIND_SKIP_NOTES"];
  if (notes === undefined) console.warn(line);
  else appendFileSync(notes, `${line}\n`);
  return true;
}

function isCI(): boolean {
  const value = process.env["CI"];
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}
