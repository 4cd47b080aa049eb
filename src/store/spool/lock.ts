import { stat, utimes, writeFile, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { hostname, platform } from "node:os";
import { join } from "node:path";
import { pid } from "node:process";
import type { Clock } from "../../base/clock.ts";
import { StoreError } from "../../base/errors.ts";
import { seconds } from "../../base/units.ts";
import { isErrno } from "../files.ts";

const LEASE_NAME = "LOCK";
const RENEW_EVERY = seconds(10);
const LEASE_MS = 30_000;

export interface SpoolLock {
  release(): Promise<void>;
}

/**
 * One agent a spool. The first line is an abstract Unix socket named by the folder itself: the kernel frees it when its
 * holder dies, however it dies, and no file is left behind. It is seen only within one network namespace, so a lease
 * file in the folder is the second: its time is renewed every 10 s, and one that another host holds is respected
 * until it is 30 s old.
 *
 * @param onWait is told who holds the lease that is waited for.
 */
export async function lockSpool(
  folder: string,
  clock: Clock,
  onWait: (holder: string) => void,
  signal: AbortSignal,
): Promise<SpoolLock> {
  const socket = await bindName(await socketName(folder), folder);
  try {
    await waitForLease(join(folder, LEASE_NAME), clock, onWait, signal);
  } catch (error) {
    socket?.close();
    throw error;
  }
  const lease = holdLease(join(folder, LEASE_NAME), clock);
  await lease.written;
  return {
    async release() {
      await lease.release();
      await new Promise<void>((resolve) =>
        socket === undefined ? resolve() : socket.close(() => resolve()),
      );
    },
  };
}

/** Device and inode alone: two containers of a pod may see the same folder under different paths. */
async function socketName(folder: string): Promise<string> {
  const { dev, ino } = await stat(folder, { bigint: true });
  return `\0gorewind-spool-${dev}-${ino}`;
}

async function bindName(name: string, folder: string): Promise<Server | undefined> {
  if (platform() !== "linux") return undefined; // Abstract sockets are Linux's own.
  const server = createServer((connection) => connection.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(isErrno(error, "EADDRINUSE") ? heldHere(folder) : error));
    server.listen(name, resolve);
  });
  server.unref();
  return server;
}

function heldHere(folder: string): StoreError {
  return new StoreError("spool_locked", `another agent on this machine uses the spool ${folder}`, {
    retryable: true,
    hint: "give each agent a spool.path of its own",
  });
}

/** Returns when nobody elsewhere holds the lease. A lease of this host is stale: the socket says so. */
async function waitForLease(
  path: string,
  clock: Clock,
  onWait: (holder: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let told = false;
  for (;;) {
    const lease = await readLease(path);
    if (lease === undefined || clock.now() - lease.renewed > LEASE_MS) return;
    if (lease.host === hostname() && (platform() === "linux" || lease.pid === pid)) return;
    if (!told) onWait(`${lease.host} (pid ${lease.pid})`);
    told = true;
    await clock.sleep(seconds(1), signal);
  }
}

async function readLease(path: string): Promise<{ host: string; pid: number; renewed: number } | undefined> {
  try {
    const [host = "", holder = ""] = (await readFile(path, "utf8")).split(/\s+/);
    return { host, pid: Number(holder), renewed: (await stat(path)).mtimeMs };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function holdLease(path: string, clock: Clock): { written: Promise<void>; release(): Promise<void> } {
  const stop = new AbortController();
  const written = writeFile(path, `${hostname()} ${pid}\n`);
  const renewed = (async () => {
    await written.catch(() => undefined);
    while (!stop.signal.aborted) {
      await clock.sleep(RENEW_EVERY, stop.signal).catch(() => undefined);
      const now = new Date(clock.now());
      // A lease that cannot be renewed is no reason to stop recording: the socket still holds.
      if (!stop.signal.aborted) await utimes(path, now, now).catch(() => undefined);
    }
  })();
  return {
    written,
    async release() {
      stop.abort();
      await renewed;
      await rm(path, { force: true });
    },
  };
}
