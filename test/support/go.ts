import { createHash } from "node:crypto";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { cached, repoRoot } from "./cache.ts";
import { run, start } from "./process.ts";

/**
 * The Go releases the suite runs against, the newest patch of each that the module proxy serves. Go 1.21 writes
 * the old trace format, Go 1.22 to 1.27 the four formats since. The go command on the PATH (1.21 or later)
 * fetches any of them as a module: nothing has to be installed.
 */
export const GO_RELEASES = {
  "1.21": "1.21.13",
  "1.22": "1.22.12",
  "1.23": "1.23.12",
  "1.24": "1.24.13",
  "1.25": "1.25.14",
  "1.26": "1.26.11",
  "1.27": "1.27.4",
} as const;

export type GoVersion = keyof typeof GO_RELEASES;

/** `local` is the machine's own Go, whatever it is. */
export type GoChoice = GoVersion | "local";

/** The versions whose trace can be cut into generations, oldest first. */
export function goVersions(): readonly GoVersion[] {
  return (Object.keys(GO_RELEASES) as GoVersion[]).filter((version) => version !== "1.21");
}

/** The repository's example service, for `buildGo`. */
export const SHOP = join(repoRoot, "examples", "shop");

/** Why `version` cannot be had here, or undefined: hand it to `requireOrSkip`. Fetches the toolchain if need be. */
export async function goUnavailable(version: GoChoice = "local"): Promise<string | undefined> {
  try {
    await goVersionString(version);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const versionStrings = new Map<GoChoice, Promise<string>>();

/** What that toolchain says it is, for instance `go1.22.12`. */
export function goVersionString(version: GoChoice = "local"): Promise<string> {
  let found = versionStrings.get(version);
  if (found === undefined) {
    found = goOutput(version, ["env", "GOVERSION"]).then((text) => text.trim());
    versionStrings.set(version, found);
  }
  return found;
}

/** Its GOROOT, where the sources of Go's own trace reader are. */
export async function goRoot(version: GoChoice = "local"): Promise<string> {
  return (await goOutput(version, ["env", "GOROOT"])).trim();
}

async function goOutput(version: GoChoice, args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run("go", args, { env: goEnv(version) }).catch(
    (error: unknown) => {
      throw new Error("there is no go command on the PATH", { cause: error });
    },
  );
  if (exitCode === 0) return stdout;
  const why = stderr.trim().split("\n").at(-1) ?? "";
  throw new Error(`go ${args.join(" ")} with Go ${version}: exit ${exitCode}: ${why}`);
}

/** The environment in which the `go` on the PATH is that version. */
export function goEnv(version: GoChoice = "local"): NodeJS.ProcessEnv {
  const toolchain = version === "local" ? "local" : `go${GO_RELEASES[version]}`;
  return { ...process.env, GOTOOLCHAIN: toolchain, GOFLAGS: "-buildvcs=false -mod=mod", GOWORK: "off" };
}

export interface BuildOptions {
  readonly version?: GoChoice;
  readonly tags?: readonly string[];
}

/**
 * Builds the Go program in `directory` (absolute, or from the repository's root) and gives the binary's path. The
 * binary is kept under the hash of its sources, so a second call costs milliseconds.
 */
export async function buildGo(directory: string, options: BuildOptions = {}): Promise<string> {
  const { version = "local", tags = [] } = options;
  const source = resolve(repoRoot, directory);
  const release = await goVersionString(version);
  const key = await hashSources(source, tags);
  return cached(["go", release, key], async (output) => {
    const modfile = await modfileFlags(source, release, output);
    const args = ["build", "-o", output, ...modfile.flags, "-tags", tags.join(","), "."];
    try {
      const { exitCode, stderr } = await run("go", args, { env: goEnv(version), cwd: source });
      if (exitCode !== 0) throw new Error(`go build of ${directory} with ${release}: ${stderr}`);
    } finally {
      await Promise.all(modfile.files.map((file) => rm(file, { force: true })));
    }
  });
}

async function hashSources(directory: string, tags: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(tags.join(","));
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".md"))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) {
    hash.update(`\0${relative(directory, file)}\0`).update(await readFile(file));
  }
  return `${basename(directory)}-${hash.digest("hex").slice(0, 20)}`;
}

/** A Go older than the go line of go.mod refuses the module: it gets a go.mod with its own version instead. */
async function modfileFlags(
  directory: string,
  release: string,
  output: string,
): Promise<{ readonly flags: readonly string[]; readonly files: readonly string[] }> {
  const text = await readFile(join(directory, "go.mod"), "utf8");
  const wanted = /^go 1\.(\d+)/m.exec(text)?.[1];
  const given = /^go1\.(\d+)/.exec(release)?.[1];
  if (wanted === undefined || given === undefined || Number(given) >= Number(wanted)) {
    return { flags: [], files: [] };
  }
  const modfile = `${output}.mod`;
  await writeFile(modfile, text.replace(/^go 1\..*$/m, `go 1.${given}`).replace(/^toolchain .*$/m, ""));
  return { flags: [`-modfile=${modfile}`], files: [modfile, `${output}.sum`] };
}

export interface TraceDump {
  readonly exitCode: number;
  readonly stderr: string;
  /** How many lines it printed, stack frames included. */
  readonly lineCount: number;
  /** The lines that `keep` chose; by default one for every event, without the stacks. */
  readonly lines: readonly string[];
}

export interface TraceDumpOptions {
  readonly version?: GoChoice;
  readonly keep?: (line: string) => boolean;
}

/** A line of `go tool trace -d=parsed` that is an event and not a part of its stack. */
const isEventLine = (line: string): boolean => line.startsWith("M=");

/**
 * Lets the `go tool trace` of a Go version print every event of a trace, to the end. It is the judge of whether
 * a capture can be opened: it is when the exit code is 0.
 */
export async function goToolTrace(file: string, options: TraceDumpOptions = {}): Promise<TraceDump> {
  const { version = "local", keep = isEventLine } = options;
  const flag = dumpFlag(await goVersionString(version));
  await using child = await start("go", ["tool", "trace", flag, file], { env: goEnv(version) });
  // A dump has a million lines and more: they are looked at as they come, and only the chosen ones kept.
  const lines: string[] = [];
  let lineCount = 0;
  child.onLine((stream, line) => {
    if (stream !== "stdout") return;
    lineCount += 1;
    if (keep(line)) lines.push(line);
  });
  const exit = await child.exited;
  const stderr = child.lines("stderr").join("\n");
  return { exitCode: exit.code ?? -1, stderr, lineCount, lines };
}

/** Go 1.24 named the modes; 1.22 and 1.23 number them; 1.21 has one and another output. */
function dumpFlag(release: string): string {
  const minor = Number(/^go1\.(\d+)/.exec(release)?.[1]);
  if (minor >= 24) return "-d=parsed";
  return minor >= 22 ? "-d=1" : "-d";
}
