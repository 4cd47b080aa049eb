import { Agent, get } from "node:http";

export interface LoadOptions {
  readonly url: string;
  readonly ratePerSecond: number;
  /** When so many requests are under way, those that are due are left out and counted. */
  readonly maxInFlight?: number;
}

export interface LoadResult {
  readonly answered: number;
  /** Refused, broken off, or not answered with 200. */
  readonly failed: number;
  readonly leftOut: number;
  /** Milliseconds each answered request took, in the order of the answers. */
  readonly latencies: readonly number[];
}

export interface Load extends AsyncDisposable {
  /** Resolves when `count` requests have been answered since the start. */
  answered(count: number): Promise<void>;
  /** Ends the load and waits for the requests under way. */
  stop(): Promise<LoadResult>;
}

/** How often it looks whether requests are due. */
const TICK_MS = 5;

/** Sends GET requests at a steady rate until it is stopped. */
export function startLoad(options: LoadOptions): Load {
  const { url, ratePerSecond, maxInFlight = 128 } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: maxInFlight });
  const latencies: number[] = [];
  const underWay = new Set<Promise<void>>();
  const waiting = new Map<() => void, number>();
  let [due, failed, leftOut] = [0, 0, 0];
  const started = performance.now();

  const send = async (): Promise<void> => {
    const sentAt = performance.now();
    try {
      await request(url, agent);
    } catch {
      failed += 1;
      return;
    }
    latencies.push(performance.now() - sentAt);
    for (const [wake, count] of waiting) if (latencies.length >= count) wake();
  };
  const timer = setInterval(() => {
    for (; due < ((performance.now() - started) / 1000) * ratePerSecond; due += 1) {
      if (underWay.size >= maxInFlight) {
        leftOut += 1;
        continue;
      }
      const sent = send().finally(() => underWay.delete(sent));
      underWay.add(sent);
    }
  }, TICK_MS);

  const stop = async (): Promise<LoadResult> => {
    clearInterval(timer);
    await Promise.all(underWay);
    agent.destroy();
    return { answered: latencies.length, failed, leftOut, latencies };
  };
  return {
    answered: (count) =>
      new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          resolve();
        };
        waiting.set(wake, count);
        if (latencies.length >= count) wake();
      }),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

function request(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { agent, timeout: 10_000 }, (response) => {
      response.resume();
      response.once("error", reject);
      response.once("end", () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`status ${response.statusCode}`));
      });
    });
    sent.once("timeout", () => sent.destroy(new Error("no answer within 10 s")));
    sent.once("error", reject);
  });
}
