import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { goEnv, goUnavailable } from "./go.ts";
import { run } from "./process.ts";

const AGE = "v1.3.1";

/** Why age's own programs cannot be had here, or undefined: hand it to `requireOrSkip`. Builds them if need be. */
export async function ageUnavailable(): Promise<string | undefined> {
  const noGo = await goUnavailable("1.26");
  if (noGo !== undefined) return noGo;
  return Promise.all([ageProgram("age"), ageProgram("age-keygen")]).then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

/** The path of a program of filippo.io/age, the format's reference. */
export async function ageProgram(name: "age" | "age-keygen"): Promise<string> {
  return cached([`${name}-${AGE}`], async (output) => {
    const bin = `${output}.d`;
    const env = { ...goEnv("1.26"), GOBIN: bin };
    try {
      const { exitCode, stderr } = await run("go", ["install", `filippo.io/age/cmd/${name}@${AGE}`], { env });
      if (exitCode !== 0) throw new Error(`${name} ${AGE} could not be built: ${stderr.trim()}`);
      await rename(join(bin, name), output);
    } finally {
      await rm(bin, { recursive: true, force: true });
    }
  });
}
