import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { unpackDebianOf } from "./debian.ts";
import { run } from "./process.ts";
import type { S3Server } from "./s3.ts";

/** The first Debian with a DuckDB; its package holds httpfs, which others download from DuckDB's own site. */
const SUITE = "forky";

/** Why DuckDB's own program, with httpfs, cannot be run here, or undefined. */
export async function duckdbUnavailable(): Promise<string | undefined> {
  return program().then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

export type DuckdbRow = Readonly<Record<string, unknown>>;

/** Runs statements in one DuckDB that reads `s3://` from `server`, and gives the rows of each. */
export async function duckdbOn(
  server: S3Server,
  statements: readonly string[],
): Promise<readonly (readonly DuckdbRow[])[]> {
  const { command, args, httpfs } = await program();
  const { host } = new URL(server.endpoint);
  const input = [
    `LOAD '${httpfs}';`,
    `CREATE SECRET (TYPE s3, KEY_ID '${server.accessKeyId}', SECRET '${server.secretAccessKey}',
       REGION '${server.region}', ENDPOINT '${host}', URL_STYLE 'path', USE_SSL false);`,
    ...statements.map((statement) => `.print ${END}\n${statement};`),
  ].join("\n");
  // Debian signs the package, not the extension in it.
  const { exitCode, stdout, stderr } = await run(command, [...args, "-unsigned", "-json", "-bail"], {
    input,
  });
  if (exitCode !== 0) throw new Error(`DuckDB: ${stderr.trim()}\n${stdout.trim()}`);
  const answers = stdout.split(`${END}\n`).slice(1);
  return answers.map((text) => (text.trim() === "" ? [] : (JSON.parse(text) as DuckdbRow[])));
}

const END = "-- end of an answer --";

/** It wants a newer libc than the system's: its own loader starts it with what came with it. */
async function program(): Promise<{ command: string; args: readonly string[]; httpfs: string }> {
  const root = await unpackDebianOf(SUITE, "duckdb");
  const names = await readdir(join(root, "usr", "lib"), { recursive: true });
  const find = (pattern: RegExp): string => {
    const name = names.find((each) => pattern.test(each));
    if (name === undefined) throw new Error(`there is no ${pattern} in Debian's duckdb`);
    return join(root, "usr", "lib", name);
  };
  const command = find(/^[^/]+-linux-gnu\/ld-linux-[^/]+$/);
  return {
    command,
    args: ["--library-path", join(command, ".."), join(root, "usr", "bin", "duckdb")],
    httpfs: find(/httpfs\.duckdb_extension$/),
  };
}
