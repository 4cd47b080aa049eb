/** What a function's name says: its package, and whether that is plumbing or what one looks for. */

/** Import path of a function's package: `net/http` of `net/http.(*conn).serve`, `github.com/a/b` of `github.com/a/b.F`. */
export function packageOf(name: string): string {
  // A receiver or type argument may hold slashes and dots of its own: they come after the package's dot.
  const bracket = name.search(/[([]/);
  const head = bracket < 0 ? name : name.slice(0, bracket);
  const dot = head.indexOf(".", head.lastIndexOf("/") + 1);
  return dot < 0 ? head : head.slice(0, dot);
}

/** Packages through which others wait and call the system: who called them is what one wants to know. */
const PLUMBING = new Set([
  "bufio",
  "crypto/tls",
  "io",
  "io/fs",
  "io/ioutil",
  "net",
  "os",
  "reflect",
  "sync",
  "sync/atomic",
  "syscall",
  "time",
]);

export function isPlumbing(name: string): boolean {
  const folder = packageOf(name);
  return (
    folder === "runtime" ||
    folder.startsWith("runtime/") ||
    folder.startsWith("internal/") ||
    folder.startsWith("vendor/") ||
    folder.startsWith("golang.org/x/sys/") ||
    PLUMBING.has(folder)
  );
}

/**
 * The function that waits there, or calls the system: the first of a stack (names, leaf first) that is not plumbing. A
 * goroutine that is all plumbing is named by its root. Undefined for an empty stack.
 */
export function siteOf(names: readonly string[]): string | undefined {
  return names.find((name) => !isPlumbing(name)) ?? names.at(-1);
}
