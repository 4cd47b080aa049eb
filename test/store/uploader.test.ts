import { getEventListeners } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import { createStore } from "../../src/store/create.ts";
import type { StoreEvent } from "../../src/store/events.ts";
import { spoolSchema, uploadSchema } from "../../src/store/options.ts";
import { Spool } from "../../src/store/spool/spool.ts";
import type { Store } from "../../src/store/store.ts";
import { clearAbandoned } from "../../src/store/upload/leftovers.ts";
import { Uploader } from "../../src/store/uploader.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { all, bytesOf, idOf, seededBytes, sha256, spoolCapture } from "./support/captures.ts";
import { FakeClock, realClock } from "./support/clock.ts";
import { s3Options } from "./support/s3-options.ts";

const never = new AbortController().signal;

let folder: string;
let events: StoreEvent[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-uploader-"));
  events = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const emit = (event: StoreEvent): void => void events.push(event);
const kinds = (): string[] => events.map(({ kind }) => kind);

function openSpool(over: Readonly<Record<string, unknown>> = {}, clock = realClock): Promise<Spool> {
  const options = spoolSchema.parse({ path: join(folder, "spool"), ...over });
  return Spool.open(options, { clock, emit }, never);
}

/** Runs an uploader until the spool is empty. */
async function upload(
  spool: Spool,
  store: Store,
  over: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const stop = new AbortController();
  const options = uploadSchema.parse({ min_delay: "1ms", max_delay: "20ms", ...over });
  const uploader = new Uploader(options, { spool, store, clock: realClock, random: Math.random, emit });
  const running = uploader.run(stop.signal);
  await uploader.drained(never);
  stop.abort();
  await running;
  expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
}

const PREFIX = "checkout/2026/03/11/20260311T142502123Z-slow-";

describe("to a folder", () => {
  test("brings each file to one key and empties the spool", async () => {
    const spool = await openSpool();
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    const trace = seededBytes(300_000, 1);
    const manifest = await spoolCapture(spool, { id: idOf(1), files: { "trace.out": trace } });
    await upload(spool, store);
    const keys = (await all(store.list("", never))).map(({ key }) => key);
    expect(keys).toEqual([`${PREFIX}${idOf(1)}/manifest.json`, `${PREFIX}${idOf(1)}/trace.out`]);
    expect(await bytesOf((await store.get(keys[1] ?? "", undefined, never)).body)).toEqual(trace);
    const told: unknown = JSON.parse(
      (await bytesOf((await store.get(keys[0] ?? "", undefined, never)).body)).toString(),
    );
    expect(told).toEqual(manifest);
    expect(await readdir(join(folder, "spool", "captures"))).toEqual([]);
    expect(kinds()).toEqual(["spool.recovered", "capture.accepted", "upload.started", "upload.completed"]);
    await spool.close();
  });

  test("a capture whose spooled file was changed is set aside, not uploaded", async () => {
    const spool = await openSpool();
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    await spoolCapture(spool, { id: idOf(1), files: { "trace.out": seededBytes(1000, 1) } });
    const file = await spool.files.append(join(folder, "spool", "captures", idOf(1), "trace.out"));
    await file.write(Buffer.from("x"));
    await file.close();
    await upload(spool, store);
    expect(await all(store.list("", never))).toEqual([]);
    expect(await readdir(join(folder, "spool", "damaged"))).toEqual([idOf(1)]);
    expect(events.at(-1)).toMatchObject({ kind: "spool.dropped", reason: "damaged" });
    await spool.close();
  });

  test("what is in the store of a capture that is dropped halfway is cleared away", async () => {
    const spool = await openSpool();
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    const files = { a: seededBytes(100, 1), b: seededBytes(100, 2) };
    await spoolCapture(spool, { id: idOf(1), files });
    const stop = new AbortController();
    const half: Store = {
      ...delegate(store),
      put: async (object, signal) => {
        if (object.key.endsWith("/b")) throw new StoreError("access_denied", "no", { retryable: false });
        return store.put(object, signal);
      },
    };
    const options = uploadSchema.parse({});
    const deps = { spool, clock: realClock, random: Math.random, emit };
    const running = new Uploader(options, { ...deps, store: half }).run(stop.signal);
    while (events.at(-1)?.kind !== "upload.failed") await realClock.sleep(1 as never);
    stop.abort();
    await running;
    expect(await all(store.list("", never))).toHaveLength(1);
    await spool.drop(idOf(1), "removed");
    await upload(spool, store);
    await clearAbandoned(spool, store, never);
    expect(await all(store.list("", never))).toEqual([]);
    expect(spool.abandoned()).toEqual([]);
    await spool.close();
  });

  test("a capture that is dropped while it is uploaded is not published", async () => {
    const spool = await openSpool();
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    await spoolCapture(spool, { id: idOf(1), files: { a: seededBytes(100, 1), b: seededBytes(100, 2) } });
    const dropping: Store = {
      ...delegate(store),
      put: async (object, signal) => {
        await store.put(object, signal);
        if (object.key.endsWith("/b")) await spool.drop(idOf(1), "removed");
        expect(spool.abandoned()).toEqual([]); // Not while it is busy.
      },
    };
    await upload(spool, dropping);
    while (spool.abandoned().length === 0) await realClock.sleep(1 as never);
    expect((await all(store.list("", never))).map(({ key }) => key.slice(-2))).toEqual(["/a", "/b"]);
    await clearAbandoned(spool, store, never);
    expect(await all(store.list("", never))).toEqual([]);
    expect(kinds().slice(-1)).toEqual(["spool.dropped"]);
    await spool.close();
  });

  test("keeps trying, and one capture that never goes up does not hold up the others", async () => {
    const spool = await openSpool();
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    const poisoned: Store = {
      ...delegate(store),
      put: async (object, signal) => {
        if (object.key.includes(idOf(1))) throw new StoreError("access_denied", "no", { retryable: false });
        return store.put(object, signal);
      },
    };
    for (let i = 1; i <= 20; i++)
      await spoolCapture(spool, { id: idOf(i), files: { a: seededBytes(100, i) } });
    const stop = new AbortController();
    const options = uploadSchema.parse({ min_delay: "1ms", max_delay: "5ms" });
    const uploader = new Uploader(options, {
      spool,
      store: poisoned,
      clock: realClock,
      random: Math.random,
      emit,
    });
    const running = uploader.run(stop.signal);
    while (spool.usage().pending > 1) await spool.nextChange();
    stop.abort();
    await running;
    expect(kinds().filter((kind) => kind === "upload.completed")).toHaveLength(19);
    expect(events.find(({ kind }) => kind === "upload.failed")).toMatchObject({
      id: idOf(1),
      code: "access_denied",
    });
    await spool.close();
  });

  test("an outage of a week: tries go on at the longest delay, the spool stays at its quota, all that it holds arrives", async () => {
    const clock = new FakeClock();
    const spool = await openSpool({ max_captures: 20, when_full: "drop_oldest" }, clock);
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    let away = true;
    let tries = 0;
    const flaky: Store = {
      ...delegate(store),
      put: async (object, signal) => {
        tries++;
        if (away) throw new StoreError("econnrefused", "away", { retryable: true });
        return store.put(object, signal);
      },
    };
    const stop = new AbortController();
    const random = seededRandom(7);
    const uploader = new Uploader(uploadSchema.parse({ max_delay: "30m", concurrency: 1 }), {
      spool,
      store: flaky,
      clock,
      random,
      emit,
    });
    const running = uploader.run(stop.signal);
    const week = 7 * 24 * 3600_000;
    const start = clock.now();
    let made = 0;
    while (clock.now() - start < week) {
      made++;
      const created = new Date(clock.now()).toISOString();
      await spoolCapture(spool, { id: idOf(made), created, files: { a: seededBytes(100, made) } });
      const next = clock.now() + 4 * 3600_000;
      while (clock.now() < next) {
        await settled(clock);
        clock.advance(Math.max(1, Math.min(next, clock.nextWake ?? next) - clock.now()));
      }
    }
    expect(made).toBe(42);
    expect(spool.usage()).toMatchObject({ pending: 20, bytes: spool.usage().pendingBytes });
    // Each try comes after a delay of 15 min on average and 30 min at most.
    expect(tries).toBeGreaterThan(week / 1_800_000);
    expect(tries).toBeLessThan(2 * (week / 900_000));
    const dropped = events.filter(({ kind }) => kind === "spool.dropped");
    expect(dropped).toHaveLength(made - 20);
    away = false;
    while (spool.usage().pending > 0) {
      await settled(clock);
      clock.advance(1000);
    }
    stop.abort();
    await running;
    const arrived = (await all(store.list("", never))).filter(({ key }) => key.endsWith("/manifest.json"));
    expect(arrived).toHaveLength(20);
    await spool.close();
  }, 120_000);
});

const noS3 = requireOrSkip("uploads to a real S3 server", await s3Unavailable());

describe.skipIf(noS3)("to S3", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3({ buckets: ["captures"] });
  });
  afterAll(() => server?.stop());

  test("goes on with a half-done multipart upload after a restart, and sends no part twice", async () => {
    const inner = await createStore(s3Options(server, "captures", { prefix: "resume", part_size: "5MiB" }));
    const sent: number[] = [];
    const stop = new AbortController();
    const counting: Store = {
      ...delegate(inner),
      multipart: {
        ...delegateMultipart(inner),
        put: async (to, part, bytes, signal) => {
          if (sent.length === 3) stop.abort(new Error("killed"));
          signal.throwIfAborted();
          sent.push(part);
          return inner.multipart!.put(to, part, bytes, signal);
        },
      },
    };
    let spool = await openSpool();
    const trace = seededBytes(5 * 5 * 1024 * 1024 + 77, 3);
    await spoolCapture(spool, { id: idOf(1), files: { "trace.out": trace } });
    const options = uploadSchema.parse({});
    const deps = { clock: realClock, random: Math.random, emit };
    await new Uploader(options, { ...deps, spool, store: counting }).run(stop.signal);
    await spool.close();
    expect(sent).toEqual([1, 2, 3]);

    spool = await openSpool();
    sent.length = 0;
    const goOn: Store = {
      ...delegate(inner),
      multipart: {
        ...delegateMultipart(inner),
        put: async (to, part, bytes, signal) => {
          sent.push(part);
          return inner.multipart!.put(to, part, bytes, signal);
        },
      },
    };
    await upload(spool, goOn);
    expect(sent).toEqual([4, 5, 6]);
    expect(events.filter(({ kind }) => kind === "upload.started")).toMatchObject([
      { resumed: false },
      { resumed: true },
    ]);
    const { body } = await inner.get(`${PREFIX}${idOf(1)}/trace.out`, undefined, never);
    expect(sha256(await bytesOf(body))).toBe(sha256(trace));
    expect(await all(inner.multipart!.list("", never))).toEqual([]);
    await spool.close();
    inner.close();
  });

  test("an upload that the store has forgotten is begun anew", async () => {
    const store = await createStore(
      s3Options(server, "captures", { prefix: "forgotten", part_size: "5MiB" }),
    );
    const spool = await openSpool();
    await spoolCapture(spool, { id: idOf(1), files: { "trace.out": seededBytes(6 * 1024 * 1024, 3) } });
    const prefix = `${PREFIX}${idOf(1)}/`;
    await spool.record({ kind: "uploading", id: idOf(1), location: store.location, prefix });
    await spool.record({
      kind: "multipart",
      id: idOf(1),
      file: "trace.out",
      upload_id: "01234567-89ab-cdef-0123-456789abcdef",
      part_bytes: 5 * 1024 * 1024,
    });
    await upload(spool, store);
    expect(await store.head(`${prefix}manifest.json`, never)).toBeDefined();
    await spool.close();
    store.close();
  });

  test("a second upload of the same capture changes nothing and gives no second key, whatever the template says by then", async () => {
    const store = await createStore(s3Options(server, "captures", { prefix: "twice" }));
    let spool = await openSpool({ keep_uploaded: "1h" });
    const shape = { id: idOf(1), files: { a: seededBytes(100, 1) } };
    await spoolCapture(spool, shape);
    const stop = new AbortController();
    const options = uploadSchema.parse({});
    const lost: Store = {
      ...delegate(store),
      put: async (object, signal) => {
        await store.put(object, signal);
        // The store has the manifest, and the agent dies before it knows.
        if (object.key.endsWith("manifest.json")) stop.abort(new Error("killed"));
        signal.throwIfAborted();
      },
    };
    await new Uploader(options, { spool, store: lost, clock: realClock, random: Math.random, emit }).run(
      stop.signal,
    );
    await spool.close();
    const before = await all(store.list("", never));
    spool = await openSpool({ keep_uploaded: "1h" });
    expect(spool.usage().pending).toBe(1);
    await upload(spool, store, { key: "elsewhere/{id}" });
    expect(await all(store.list("", never))).toEqual(before);
    expect(spool.usage()).toMatchObject({ pending: 0, uploaded: 1 });
    await spool.close();
    store.close();
  });

  test("leaves no listener on a long-lived signal, call after call", async () => {
    const store = await createStore(s3Options(server, "captures", { prefix: "listeners" }));
    const signal = new AbortController().signal;
    const body = seededBytes(100, 1);
    for (let i = 0; i < 30; i++) {
      const object = { key: `k${i}`, contentType: "text/plain", bytes: 100, sha256: sha256(body) };
      await store.put({ ...object, body: { kind: "bytes", bytes: body } }, signal);
      await store.head(`k${i}`, signal);
      await bytesOf((await store.get(`k${i}`, undefined, signal)).body);
    }
    expect(getEventListeners(signal, "abort").length).toBeLessThan(3);
    store.close();
  });
});

/** A store of which single methods can be replaced: a class's own are not copied by a spread. */
function delegate(store: Store): Store {
  return {
    kind: store.kind,
    location: store.location,
    put: (...args) => store.put(...args),
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    list: (...args) => store.list(...args),
    folders: (...args) => store.folders(...args),
    delete: (...args) => store.delete(...args),
    ...(store.multipart === undefined ? {} : { multipart: store.multipart }),
    close: () => store.close(),
  };
}

function delegateMultipart({ multipart }: Store): NonNullable<Store["multipart"]> {
  if (multipart === undefined) throw new Error("no multipart");
  return {
    partBytes: multipart.partBytes,
    begin: (...args) => multipart.begin(...args),
    put: (...args) => multipart.put(...args),
    complete: (...args) => multipart.complete(...args),
    abort: (...args) => multipart.abort(...args),
    list: (...args) => multipart.list(...args),
  };
}

/** Until the lease, the one worker and the tidying sleep: all that can go on without time has, real disk work included. */
async function settled(clock: FakeClock): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (clock.sleeping < 3);
}

function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
