import { join } from "node:path";
import { exists } from "./cache.ts";
import { unpackDebianOf } from "./debian.ts";
import { run } from "./process.ts";

/** Why kustomize cannot be run here, or undefined. */
export async function kustomizeUnavailable(): Promise<string | undefined> {
  return program().then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

/** What `kustomize build` makes of a folder: YAML documents. */
export async function kustomizeBuild(folder: string): Promise<string> {
  const { exitCode, stdout, stderr } = await run(await program(), ["build", folder]);
  if (exitCode !== 0) throw new Error(`kustomize build ${folder}: ${stderr}`);
  return stdout;
}

async function program(): Promise<string> {
  const installed = "/usr/bin/kustomize";
  if (await exists(installed)) return installed;
  // Debian has it since trixie; the program needs nothing of the system.
  return join(await unpackDebianOf("trixie", "kustomize"), "usr/bin/kustomize");
}
