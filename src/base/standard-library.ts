/** What of a program is Go's own: the same in every program, so that it tells nothing of this one. */

/** Whether a function is of the standard library: the first element of its import path has no dot and is not `main`. */
export function isStandard(func: string): boolean {
  // The type arguments of a generic function may be the program's.
  if (func.replaceAll("[...]", "").includes("[")) return false;
  const first = func.split("/", 1)[0]!;
  const hasDomain = func.includes("/") && first.includes(".");
  const pkg = func.includes("/") ? first : first.split(".", 1)[0]!;
  return !hasDomain && standardPackages.has(pkg);
}

/** First elements of the import paths of the standard library. */
const standardPackages = new Set(
  (
    "archive bufio builtin bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go hash " +
    "html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings " +
    "structs sync syscall testing text time unicode unique unsafe vendor weak _cgo_"
  ).split(" "),
);

/** Where a file of the standard library lies in a Go root that says nothing of whose it is; undefined for any other. */
export function standardFile(path: string): string | undefined {
  // As a build with -trimpath has it.
  if (!path.startsWith("/") && isStandard(path)) return path;
  const inside = /\/src\/([^ ]+)$/.exec(path)?.[1];
  return inside === undefined ? undefined : `/go/src/${inside}`;
}
