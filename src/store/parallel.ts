import { getMaxListeners, setMaxListeners } from "node:events";

/** Does `work` for each item, so many at once, and gives the results in the items' order. The first failure ends it. */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
  signal: AbortSignal,
): Promise<R[]> {
  // Every request listens to the signal while it lasts; Node takes more than ten listeners for a leak and says so.
  setMaxListeners(Math.max(getMaxListeners(signal), 2 * limit), signal);
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      signal.throwIfAborted();
      results[at] = await work(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
