import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Catalog } from "../../src/store/catalog/catalog.ts";
import { createStore } from "../../src/store/create.ts";
import type { StoreEvent } from "../../src/store/events.ts";
import { nodeFiles } from "../../src/store/files.ts";
import { dayFolder, dayOf } from "../../src/store/index/reader.ts";
import { rowOf, type IndexRow } from "../../src/store/index/row.ts";
import { putRows } from "../../src/store/index/put.ts";
import { spoolSchema, uploadSchema } from "../../src/store/options.ts";
import { Spool } from "../../src/store/spool/spool.ts";
import { Uploader } from "../../src/store/uploader.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { idOf, manifestOf, seededBytes, spoolCapture } from "./support/captures.ts";
import { FakeClock, realClock } from "./support/clock.ts";
import { s3Options } from "./support/s3-options.ts";

/**
 * The figures of docs/shipping.md, printed and not judged: how fast they are depends on the machine. Run by
 * `node bench/store/figures.mjs`; in the suite, with numbers that only show that it works.
 */
const FULL = process.env["GOREWIND_FIGURES"] === "1";
const CAPTURES = FULL ? 100_000 : 2000;
const WAITING = FULL ? 2000 : 50;
const HOURS = FULL ? 7 * 24 : 2;
const QUOTA = FULL ? 200 : 5;

const never = new AbortController().signal;
const skip = requireOrSkip("the figures of the store", await s3Unavailable());

const ms = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return Math.round(performance.now() - start);
};

describe.skipIf(skip)("figures", () => {
  let server: S3Server;
  let folder: string;
  beforeAll(async () => {
    server = await startS3({ buckets: ["captures"] });
    folder = await mkdtemp(join(tmpdir(), "gorewind-figures-"));
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test(`ls over ${CAPTURES} captures of 30 days by 10 agents, in a real S3 server`, async () => {
    const store = await createStore(s3Options(server, "captures", { prefix: "index" }));
    const template = rowOf(manifestOf({ id: idOf(1), files: {} }, []), "p/", 1);
    const files = new Map<string, IndexRow[]>();
    for (let i = 0; i < CAPTURES; i++) {
      const created = Date.UTC(2026, 2, 1) + Math.floor((i * 30 * 86_400_000) / CAPTURES);
      const row = {
        ...template,
        id: idOf(i),
        created,
        service: `service-${i % 50}`,
        value: (i * 7919) % 1000,
      };
      const key = `${dayFolder(dayOf(created))}agent-${i % 10}.parquet`;
      const rows = files.get(key) ?? [];
      files.set(key, rows);
      rows.push(row);
    }
    for (const [key, rows] of files) await putRows(store, key, rows, never);
    const catalog = new Catalog(store);
    const newest = await ms(() => catalog.list({ filter: {}, limit: 50 }, never));
    const service = await ms(() => catalog.list({ filter: { service: "service-7" }, limit: 50 }, never));
    const worst = await ms(async () => {
      const rows = await catalog.list({ filter: {}, limit: 50, sort: "value" }, never);
      expect(rows).toHaveLength(50);
    });
    console.log(
      JSON.stringify({
        captures: CAPTURES,
        files: files.size,
        newest_ms: newest,
        service_ms: service,
        worst_of_all_ms: worst,
      }),
    );
    store.close();
  }, 600_000);

  test(`a store that is away, ${WAITING} captures waiting: memory, and the time to catch up`, async () => {
    const deps = { clock: realClock, emit: () => {}, files: nodeFiles };
    const options = spoolSchema.parse({ path: join(folder, "spool"), max_captures: WAITING });
    const spool = await Spool.open(options, deps, never);
    const content = seededBytes(20_000, 1);
    const accept = await ms(async () => {
      for (let i = 0; i < WAITING; i++)
        await spoolCapture(spool, { id: idOf(i), files: { "trace.out": content } });
    });
    const away = await createStore(
      s3Options({ ...server, endpoint: "http://127.0.0.1:1" }, "captures", { prefix: "away" }),
    );
    const upload = uploadSchema.parse({ min_delay: "1ms", max_delay: "2ms", concurrency: 4 });
    const stop = new AbortController();
    const failing = new Uploader(upload, { ...deps, spool, store: away, random: Math.random }).run(
      stop.signal,
    );
    const rss = async (): Promise<number> => {
      globalThis.gc?.();
      await realClock.sleep(200 as never);
      return Math.round(process.memoryUsage().rss / 2 ** 20);
    };
    const rssBefore = await rss();
    await realClock.sleep((FULL ? 30_000 : 200) as never);
    const rssAfter = await rss();
    stop.abort();
    await failing;
    expect(spool.usage().pending).toBe(WAITING);
    const store = await createStore(s3Options(server, "captures", { prefix: "away" }));
    const back = new AbortController();
    const uploader = new Uploader(upload, { ...deps, spool, store, random: Math.random });
    const running = uploader.run(back.signal);
    const catchUp = await ms(() => uploader.drained(never));
    back.abort();
    await running;
    const reopen = await ms(async () => {
      await spool.close();
      await (await Spool.open(options, deps, never)).close();
    });
    console.log(
      JSON.stringify({
        waiting: WAITING,
        accept_ms_each: accept / WAITING,
        rss_mib_at_start: rssBefore,
        rss_mib_after_30_s_of_failures: rssAfter,
        catch_up_per_s: Math.round(WAITING / (catchUp / 1000)),
        reopen_ms: reopen,
      }),
    );
    away.close();
    store.close();
  }, 600_000);

  test(`a simulated ${FULL ? "week" : "two hours"} without the store, a capture every 10 minutes, the spool at its quota: the heap`, async () => {
    const clock = new FakeClock();
    const count = { tries: 0, dropped: 0 };
    const emit = (event: StoreEvent): void => {
      if (event.kind === "upload.retried") count.tries++;
      if (event.kind === "spool.dropped") count.dropped++;
    };
    const options = spoolSchema.parse({
      path: join(folder, "week"),
      max_captures: QUOTA,
      when_full: "drop_oldest",
    });
    const spool = await Spool.open(options, { clock, emit, files: nodeFiles }, never);
    const away = await createStore(
      s3Options({ ...server, endpoint: "http://127.0.0.1:1" }, "captures", { prefix: "week" }),
    );
    const stop = new AbortController();
    const upload = uploadSchema.parse({ concurrency: 1, max_delay: "30m" });
    const deps = { clock, emit, spool, random: Math.random };
    const failing = new Uploader(upload, { ...deps, store: away }).run(stop.signal);
    const heaps: number[] = [];
    const ends = clock.now() + HOURS * 3_600_000;
    for (let made = 0; clock.now() < ends; made++) {
      const created = new Date(clock.now()).toISOString();
      await spoolCapture(spool, { id: idOf(made), created, files: { a: seededBytes(1000, made) } });
      if (made % (FULL ? 144 : 6) === 0) heaps.push(await heapMib());
      const next = clock.now() + 600_000;
      while (clock.now() < next) {
        // The lease, the worker and the tidying sleep.
        while (clock.sleeping < 3) await new Promise((resolve) => setImmediate(resolve));
        clock.advance(Math.max(1, Math.min(next, clock.nextWake ?? next) - clock.now()));
      }
    }
    stop.abort();
    await failing;
    const left = spool.usage().pending;
    expect(left).toBeLessThanOrEqual(QUOTA);
    expect(count.dropped).toBe(HOURS * 6 - left);
    const store = await createStore(s3Options(server, "captures", { prefix: "week" }));
    const back = new AbortController();
    const uploader = new Uploader(upload, { ...deps, clock: realClock, store });
    const running = uploader.run(back.signal);
    await uploader.drained(never);
    back.abort();
    await running;
    let arrived = 0;
    for await (const { key } of store.list("", never)) if (key.endsWith("/manifest.json")) arrived++;
    expect(arrived).toBe(left);
    await spool.close();
    console.log(JSON.stringify({ hours: HOURS, ...count, arrived, heap_mib: heaps }));
    away.close();
    store.close();
  }, 600_000);
});

/** What is alive, after everything else was collected. */
async function heapMib(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Math.round((process.memoryUsage().heapUsed / 2 ** 20) * 10) / 10;
}
