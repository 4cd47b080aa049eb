import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, exists } from "./cache.ts";
import { run } from "./process.ts";

/** Debian has it since trixie; the program needs nothing of the system. */
const SOURCE =
  "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main";

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
  return join(await cached(["debian", "kustomize-trixie"], unpack), "usr/bin/kustomize");
}

/** Takes it from the newer Debian with lists of its own: the system's are left alone. */
async function unpack(output: string): Promise<void> {
  const work = `${output}.apt`;
  await mkdir(join(work, "lists", "partial"), { recursive: true });
  try {
    await writeFile(join(work, "sources.list"), `${SOURCE}\n`);
    const options = [
      `Dir::Etc::sourcelist=${work}/sources.list`,
      "Dir::Etc::sourceparts=/dev/null",
      `Dir::State::lists=${work}/lists`,
      `Dir::Cache::pkgcache=${work}/pkgcache.bin`,
      `Dir::Cache::srcpkgcache=${work}/srcpkgcache.bin`,
      "APT::Sandbox::User=root",
    ].flatMap((option) => ["-o", option]);
    await done("apt-get", [...options, "update", "-qq"], work);
    await done("apt-get", [...options, "download", "-qq", "kustomize"], work);
    const file = (await readdir(work)).find((name) => name.endsWith(".deb"));
    await done("dpkg-deb", ["-x", join(work, file ?? ""), output], work);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function done(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { exitCode, stderr } = await run(command, args, { cwd });
  if (exitCode !== 0) throw new Error(`${command} failed: ${stderr.trim()}`);
}
