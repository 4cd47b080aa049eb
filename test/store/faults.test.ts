import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createStore } from "../../src/store/create.ts";
import type { StoreEvent } from "../../src/store/events.ts";
import { spoolSchema, uploadSchema } from "../../src/store/options.ts";
import { Spool } from "../../src/store/spool/spool.ts";
import type { Store } from "../../src/store/store.ts";
import { Uploader } from "../../src/store/uploader.ts";
import { FaultProxy, type Fault, type FaultPlan } from "../support/fault-proxy.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { all, bytesOf, idOf, seededBytes, sha256, spoolCapture } from "./support/captures.ts";
import { realClock } from "./support/clock.ts";
import { S3_MAKE, s3Options } from "./support/s3-options.ts";

const never = new AbortController().signal;
const MiB = 1024 * 1024;

/** Each is done to the first requests that carry a file, a part, a question or a manifest. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "a connection reset in the middle of a part": { kind: "reset", afterBytes: 100_000 },
  "a connection reset before anything was sent": { kind: "reset", afterBytes: 0 },
  "an answer that never arrives, to a request that was done": { kind: "lost-answer" },
  "a black hole": { kind: "black-hole" },
  "503 SlowDown": { kind: "status", status: 503, code: "SlowDown" },
  "500 InternalError": { kind: "status", status: 500, code: "InternalError" },
  "408 RequestCanceled": { kind: "status", status: 408, code: "RequestCanceled" },
  "429": { kind: "status", status: 429, code: "TooManyRequests" },
  "400 ExpiredToken": { kind: "status", status: 400, code: "ExpiredToken" },
  "403 RequestTimeTooSkewed": { kind: "status", status: 403, code: "RequestTimeTooSkewed" },
  "403 AccessDenied": { kind: "status", status: 403, code: "AccessDenied" },
  "404 NoSuchBucket": { kind: "status", status: 404, code: "NoSuchBucket" },
  "a wrong ETag": { kind: "wrong-etag" },
  "200 with a truncated body": { kind: "truncated" },
};

const skip = requireOrSkip("uploads through the fault proxy", await s3Unavailable(S3_MAKE));

describe.skipIf(skip)("between the agent and a real S3 server", () => {
  let server: S3Server;
  let proxy: FaultProxy;
  let folder: string;
  let events: StoreEvent[];
  let direct: Store;
  let n = 0;
  beforeAll(async () => {
    server = await startS3({ make: S3_MAKE, buckets: ["captures"] });
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "gorewind-faults-"));
    events = [];
    proxy = await FaultProxy.start(server.endpoint);
    direct = await createStore(s3Options(server, "captures", { prefix: `t${++n}` }));
  });
  afterEach(async () => {
    direct.close();
    await proxy[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** A small capture, and one whose trace takes three parts. */
  const CONTENTS = [
    { "heap.pb.gz": seededBytes(20_000, 1) },
    { "trace.out": seededBytes(11 * MiB, 2), "goroutine.pb.gz": seededBytes(3000, 3) },
  ];

  /** Uploads through the proxy until all is there, and checks every byte by another way. */
  async function deliver(
    plan: FaultPlan,
    whileUploading: () => Promise<void> = async () => {},
    idle = "200ms",
  ): Promise<void> {
    proxy.plan = plan;
    const emit = (event: StoreEvent): void => void events.push(event);
    const options = spoolSchema.parse({ path: join(folder, "spool") });
    const spool = await Spool.open(options, { clock: realClock, emit }, never);
    const store = await createStore(
      s3Options({ ...server, endpoint: proxy.endpoint }, "captures", {
        prefix: `t${n}`,
        part_size: "5MiB",
        connect_timeout: "1s",
        idle_timeout: idle,
      }),
    );
    for (const [i, files] of CONTENTS.entries()) await spoolCapture(spool, { id: idOf(i), files });
    const stop = new AbortController();
    const upload = uploadSchema.parse({ min_delay: "5ms", max_delay: "40ms" });
    const uploader = new Uploader(upload, { spool, store, clock: realClock, random: Math.random, emit });
    const running = uploader.run(stop.signal);
    await whileUploading();
    await uploader.drained(never);
    stop.abort();
    await running;
    expect(spool.entries()).toEqual([]);
    await spool.close();
    store.close();
    await checkDelivered();
  }

  async function checkDelivered(): Promise<void> {
    const listed = (await all(direct.list("", never))).map(({ key }) => key);
    expect(listed.map((key) => key.slice(key.lastIndexOf("/") + 1)).sort()).toEqual([
      "goroutine.pb.gz",
      "heap.pb.gz",
      "manifest.json",
      "manifest.json",
      "trace.out",
    ]);
    for (const [i, files] of CONTENTS.entries()) {
      for (const [name, content] of Object.entries(files)) {
        const key = listed.find((each) => each.endsWith(`${idOf(i)}/${name}`)) ?? "";
        expect(sha256(await bytesOf((await direct.get(key, undefined, never)).body))).toBe(sha256(content));
      }
    }
    expect(events.filter(({ kind }) => kind === "upload.completed")).toHaveLength(CONTENTS.length);
    expect(events.filter(({ kind }) => kind === "spool.dropped")).toEqual([]);
  }

  test.each(Object.keys(FAULTS))(
    "%s",
    async (name) => {
      const fault = FAULTS[name];
      const left = new Map<string, number>();
      // Each kind of request fails twice and then gets through.
      await deliver(({ method, url }) => {
        const kind = `${method} ${url.includes("uploadId=") ? "part" : url.replace(/.*\//, "").replace(/\?.*/, "")}`;
        const times = left.get(kind) ?? 2;
        left.set(kind, times - 1);
        return times > 0 ? fault : undefined;
      });
      const troubles = events.filter(({ kind }) => kind === "upload.retried" || kind === "upload.failed");
      expect(troubles.length).toBeGreaterThan(2);
    },
    60_000,
  );

  // The proxy's kernel takes all at once, so the agent sees nothing move for some times its idle timeout.
  test.each([
    { rate: 8000, file: "heap", idle: "500ms" },
    { rate: 1000, file: "goroutine", idle: "600ms" },
  ])(
    "a line of $rate B/s is slow, not broken: a connection that was given up gets longer the next time",
    async ({ rate, file, idle }) => {
      await deliver(
        ({ method, url }) =>
          method === "PUT" && url.includes(file) ? { kind: "slow", bytesPerSecond: rate } : undefined,
        undefined,
        idle,
      );
      const retried = events.filter(({ kind }) => kind === "upload.retried");
      expect(retried.length).toBeGreaterThan(0);
      expect(retried.length).toBeLessThan(5);
    },
    60_000,
  );

  test("nobody listens for a while", async () => {
    await deliver(
      () => undefined,
      async () => {
        await proxy.refuse();
        while (events.filter(({ kind }) => kind === "upload.retried").length < 10) {
          await realClock.sleep(5 as never);
        }
        await proxy.listen();
      },
    );
    expect(events.find(({ kind }) => kind === "upload.retried")).toBeDefined();
  });

  test("all of it at once, at random", async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    let state = seed;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    const faults = Object.values(FAULTS);
    let budget = 60;
    await deliver(() => {
      if (random() > 0.5 || budget-- <= 0) return undefined;
      return faults[Math.floor(random() * faults.length)];
    }).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  });

  test("a truncated download is an error, not a short file", async () => {
    const content = seededBytes(100_000, 5);
    const object = {
      key: "whole",
      contentType: "text/plain",
      bytes: content.byteLength,
      sha256: sha256(content),
    };
    await direct.put({ ...object, body: { kind: "bytes", bytes: content } }, never);
    const store = await createStore(
      s3Options({ ...server, endpoint: proxy.endpoint }, "captures", { prefix: `t${n}` }),
    );
    proxy.plan = () => ({ kind: "truncated" });
    const { body } = await store.get("whole", undefined, never);
    await expect(bytesOf(body)).rejects.toMatchObject({ retryable: true });
    store.close();
  });
});
