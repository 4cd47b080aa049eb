import { exists } from "./cache.ts";
import { run } from "./process.ts";

/**
 * Installs Debian packages that a test needs when `program` (an absolute path) is not there. Resolves to why it
 * could not, or undefined. Two test files at once are no harm: apt waits for its own lock.
 */
export async function installDebian(
  program: string,
  packages: readonly string[],
): Promise<string | undefined> {
  if (await exists(program)) return undefined;
  if (!(await exists("/usr/bin/apt-get"))) return `${program} is missing and this is no Debian`;
  if (process.getuid?.() !== 0) return `${program} is missing: apt-get install ${packages.join(" ")}`;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = ["-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq", "--no-install-recommends"];
  // A clean machine has no package lists yet; one that has them need not fetch them again.
  const first = await run("apt-get", [...install, ...packages], { env });
  if (first.exitCode === 0) return undefined;
  await run("apt-get", ["-o", "DPkg::Lock::Timeout=300", "update", "-qq"], { env });
  const { exitCode, stderr } = await run("apt-get", [...install, ...packages], { env });
  return exitCode === 0 ? undefined : `apt-get install ${packages.join(" ")} failed: ${stderr.trim()}`;
}
