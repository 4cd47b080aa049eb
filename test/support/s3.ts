import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { cached } from "./cache.ts";
import { cephUnavailable, startCeph } from "./ceph.ts";
import { goEnv, goUnavailable } from "./go.ts";
import { freePort } from "./port.ts";
import { run, start } from "./process.ts";

/**
 * Two independent S3 servers. versitygw (Apache-2.0) is one Go program over a folder and current: checksums,
 * conditional puts. Debian's Ceph gateway is the old server that many run: no checksums, no trailers.
 */
export type S3Make = "versitygw" | "ceph";

export const S3_MAKES: readonly S3Make[] = ["versitygw", "ceph"];

export interface S3Options {
  readonly make?: S3Make;
  /** Created before `startS3` resolves. */
  readonly buckets?: readonly string[];
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  /** A port to use again after a restart; 0, the default, picks a free one. */
  readonly port?: number;
  /** A folder to go on with after a restart (versitygw); without it the data goes when the server stops. */
  readonly folder?: string;
}

export interface S3Server extends AsyncDisposable {
  readonly make: S3Make;
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The main process, to stop (SIGSTOP), go on (SIGCONT) or kill. */
  readonly pid: number;
  /** A client of this server, path style; `destroy` it or leave it to `stop`. */
  readonly client: S3Client;
  stop(): Promise<void>;
}

/** What runs behind an `S3Server`. */
export interface S3Backend {
  readonly pid: number;
  readonly running: () => boolean;
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

export interface S3BackendOptions {
  readonly folder: string;
  readonly port: number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const VERSITYGW = "v1.8.0";
const REGION = "us-east-1";

/** Why that server cannot be had here, or undefined: hand it to `requireOrSkip`. Builds or installs it if need be. */
export async function s3Unavailable(make: S3Make = "versitygw"): Promise<string | undefined> {
  if (make === "ceph") return cephUnavailable();
  const noGo = await goUnavailable("1.26");
  if (noGo !== undefined) return noGo;
  return versitygw().then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

/** Starts a real S3 server on loopback, with data of its own, and waits until it answers. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const {
    make = "versitygw",
    buckets = [],
    accessKeyId = "TESTKEY",
    secretAccessKey = "TESTSECRET",
  } = options;
  const port = options.port === undefined || options.port === 0 ? await freePort() : options.port;
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), `gorewind-${make}-`)));
  const startBackend = make === "ceph" ? startCeph : startVersitygw;
  const backend = await startBackend({ folder, port, accessKeyId, secretAccessKey });

  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    // Ceph 16 knows no trailing checksums; what the tests' own client sends is not what is tested.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const stop = async (): Promise<void> => {
    client.destroy();
    await backend.stop();
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    await answers(client, backend);
    for (const Bucket of buckets) await client.send(new CreateBucketCommand({ Bucket }));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    make,
    endpoint,
    port,
    region: REGION,
    accessKeyId,
    secretAccessKey,
    pid: backend.pid,
    client,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The binary, built through the module proxy the first time (about 100 s on two cores) and kept. */
async function versitygw(): Promise<string> {
  return cached([`versitygw-${VERSITYGW}`], async (output) => {
    // `go install` names the file after the package; a folder of its own lets it be renamed.
    const bin = `${output}.d`;
    const env = { ...goEnv("1.26"), GOBIN: bin };
    try {
      const target = `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW}`;
      const { exitCode, stderr } = await run("go", ["install", target], { env });
      if (exitCode !== 0) throw new Error(`versitygw ${VERSITYGW} could not be built: ${stderr.trim()}`);
      await rename(join(bin, "versitygw"), output);
    } finally {
      await rm(bin, { recursive: true, force: true });
    }
  });
}

async function startVersitygw(options: S3BackendOptions): Promise<S3Backend> {
  const { folder, port, accessKeyId, secretAccessKey } = options;
  const [data, metadata] = [join(folder, "data"), join(folder, "metadata")];
  await Promise.all([data, metadata].map((path) => mkdir(path, { recursive: true })));
  // Metadata beside the data and not in extended attributes, which not every temporary folder has.
  const args = ["--port", `127.0.0.1:${port}`, "--quiet", "posix", "--sidecar", metadata, data];
  const env = { ...process.env, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey };
  const child = await start(await versitygw(), args, { env });
  return {
    pid: child.pid,
    running: () => child.running,
    output: () => [...child.lines("stdout"), ...child.lines("stderr")].join("\n"),
    stop: async () => {
      // It would finish requests that a test left hanging; nothing of its data is kept but what was acknowledged.
      await child.kill9();
    },
  };
}

const START_LIMIT_MS = 60_000;

async function answers(client: S3Client, backend: S3Backend): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    try {
      await client.send(new ListBucketsCommand({}));
      return;
    } catch (error) {
      if (!backend.running()) throw new Error(`the S3 server ended:\n${backend.output()}`, { cause: error });
      if (performance.now() > deadline) {
        throw new Error(`no answer within ${START_LIMIT_MS} ms:\n${backend.output()}`, { cause: error });
      }
    }
    await sleep(50);
  }
}
