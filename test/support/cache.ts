import { access, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const repoRoot = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Where what the tests build is kept between runs; `npm ci` empties it. */
const cacheRoot = join(repoRoot, "node_modules", ".cache", "gorewind");

let serial = 0;

/**
 * The path of a cached file, made by `make` when it is not there. Test files run in parallel processes, so the
 * file is made under a name of its own and renamed: two may do the work, neither sees half a file.
 */
export async function cached(
  key: readonly string[],
  make: (output: string) => Promise<void>,
): Promise<string> {
  const path = join(cacheRoot, ...key);
  if (await exists(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  serial += 1;
  const draft = `${path}.${process.pid}.${serial}.tmp`;
  try {
    await make(draft);
    await rename(draft, path).catch(async (error: unknown) => {
      // A folder does not take the place of one that another process has made meanwhile, which is as good.
      if (!(await exists(path))) throw error;
    });
  } finally {
    await rm(draft, { force: true, recursive: true });
  }
  return path;
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
