import type { Milliseconds } from "./units.ts";

declare function setTimeout(callback: () => void, delay: number): unknown;
declare function clearTimeout(timer: unknown): void;

/**
 * Runs `work` with a signal that aborts when `parent` does or after `limit`, and releases the listener and the
 * timer when the work ends. Use it in place of `AbortSignal.any([longLived, …])`, which on Node 20 keeps every
 * dependent signal alive as long as the long-lived one (nodejs/node#54614).
 *
 * @param onTimeout makes the error that `work` sees as the abort reason when the time is up.
 */
export async function withDeadline<T>(
  parent: AbortSignal,
  limit: Milliseconds,
  onTimeout: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent.throwIfAborted();
  const child = new AbortController();
  const forward = (): void => child.abort(parent.reason);
  parent.addEventListener("abort", forward, { once: true });
  const timer = setTimeout(() => child.abort(onTimeout()), limit);
  try {
    return await work(child.signal);
  } finally {
    clearTimeout(timer);
    parent.removeEventListener("abort", forward);
  }
}

/** Whether `error` is the abort of `signal` and not a failure of the work itself. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return (
    signal.aborted && (error === signal.reason || (error instanceof Error && error.name === "AbortError"))
  );
}
