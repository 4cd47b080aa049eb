import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, exists } from "./cache.ts";
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

/**
 * Unpacks a Debian package into the cache and gives the folder, as if it were `/`: for a program that needs
 * nothing but libc, and whose package would start a service. Needs no root where package lists are at hand.
 */
export async function unpackDebian(name: string): Promise<string> {
  return cached(["debian", name], async (output) => {
    const downloads = `${output}.deb`;
    await mkdir(downloads, { recursive: true });
    try {
      await download(name, downloads);
      const [file] = await readdir(downloads);
      const { exitCode, stderr } = await run("dpkg-deb", ["-x", join(downloads, file ?? ""), output]);
      if (exitCode !== 0) throw new Error(`${name} could not be unpacked: ${stderr.trim()}`);
    } finally {
      await rm(downloads, { recursive: true, force: true });
    }
  });
}

async function download(name: string, folder: string): Promise<void> {
  // apt would rather fetch as its own user, which may not write into the folder.
  const args = ["-o", "APT::Sandbox::User=root", "download", "-qq", name];
  const first = await run("apt-get", args, { cwd: folder });
  if (first.exitCode === 0) return;
  await run("apt-get", ["-o", "DPkg::Lock::Timeout=300", "update", "-qq"]);
  const { exitCode, stderr } = await run("apt-get", args, { cwd: folder });
  if (exitCode !== 0) throw new Error(`apt-get download ${name} failed: ${stderr.trim()}`);
}

/**
 * The same of another Debian than the system's, with all the libraries that the program needs: a newer libc as well.
 * The system's package lists are left alone, and apt checks signatures as ever.
 */
export async function unpackDebianOf(suite: string, name: string): Promise<string> {
  return cached(["debian", `${name}-${suite}`], async (output) => {
    const work = `${output}.apt`;
    const at = (file: string): string => join(work, file);
    try {
      for (const folder of ["lists", "archives"])
        await mkdir(join(work, folder, "partial"), { recursive: true });
      await writeFile(at("status"), ""); // nothing is installed there
      const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
      await writeFile(at("sources.list"), `deb [signed-by=${keys}] ${await debianArchive()} ${suite} main\n`);
      const options = [
        `Dir::Etc::sourcelist=${at("sources.list")}`,
        "Dir::Etc::sourceparts=/dev/null",
        `Dir::State::lists=${at("lists")}`,
        `Dir::State::status=${at("status")}`,
        `Dir::Cache=${work}`,
        `Dir::Cache::archives=${at("archives")}`,
        "APT::Sandbox::User=root",
      ].flatMap((option) => ["-o", option]);
      await done("apt-get", [...options, "update", "-qq"]);
      const fetch = ["--download-only", "-y", "-qq", "--no-install-recommends", "install", name];
      await done("apt-get", [...options, ...fetch]);
      for (const file of await readdir(at("archives"))) {
        if (file.endsWith(".deb")) await done("dpkg-deb", ["-x", join(at("archives"), file), output]);
      }
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

/** Where the system itself takes its packages from. */
async function debianArchive(): Promise<string> {
  const system = await readFile("/etc/os-release", "utf8");
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(system)?.[1];
  if (!/^ID=debian$/m.test(system) || codename === undefined) throw new Error("this is no Debian");
  const format = ["--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"];
  const { stdout } = await run("apt-get", ["indextargets", ...format]);
  const [, archive] = new RegExp(`^${codename} (.+)$`, "m").exec(stdout) ?? [];
  if (archive === undefined) throw new Error(`apt has no source of ${codename}`);
  return archive;
}

async function done(command: string, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run(command, args);
  if (exitCode !== 0) throw new Error(`${command} failed: ${stderr.trim()}`);
}
