import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { milliseconds } from "../../src/base/units.ts";
import type { Manifest } from "../../src/capture/manifest.ts";
import { Catalog } from "../../src/store/catalog/catalog.ts";
import { diffManifests } from "../../src/store/catalog/diff.ts";
import { downloadCapture } from "../../src/store/catalog/download.ts";
import { noteChange, reindex } from "../../src/store/catalog/reindex.ts";
import { verifyCapture } from "../../src/store/catalog/verify.ts";
import { createStore } from "../../src/store/create.ts";
import type { StoreEvent } from "../../src/store/events.ts";
import { nodeFiles } from "../../src/store/files.ts";
import { compactDay } from "../../src/store/index/compact.ts";
import { encodeRows, IndexFile } from "../../src/store/index/parquet.ts";
import { rowOf, type IndexRow } from "../../src/store/index/row.ts";
import { putRows } from "../../src/store/index/put.ts";
import { IndexWriter } from "../../src/store/index/writer.ts";
import { dayFolder } from "../../src/store/index/reader.ts";
import { capturePrefix, DEFAULT_KEY_TEMPLATE } from "../../src/store/keys.ts";
import { expired, retainStore } from "../../src/store/retention.ts";
import type { Store } from "../../src/store/store.ts";
import { repoRoot } from "../support/cache.ts";
import { duckdbOn, duckdbUnavailable } from "../support/duckdb.ts";
import { requireOrSkip } from "../support/require.ts";
import { S3_MAKES, s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { all, idOf, manifestOf, seededBytes, sha256 } from "./support/captures.ts";
import { FakeClock, realClock } from "./support/clock.ts";
import { s3Options } from "./support/s3-options.ts";

const never = new AbortController().signal;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-catalog-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Stored {
  readonly manifest: Manifest;
  readonly prefix: string;
  readonly row: IndexRow;
}

/** Puts a capture straight into a store, as the uploader leaves it. */
async function storeCapture(
  store: Store,
  n: number,
  over: Partial<Parameters<typeof manifestOf>[0]> = {},
): Promise<Stored> {
  const created = new Date(Date.UTC(2026, 2, 11, 0, 0, 0) + n * 3_600_000).toISOString();
  const id = `${created.replaceAll(/[-:.Z]/g, "").toLowerCase()}-${String(n).padStart(13, "0")}`;
  const content = { "trace.out": seededBytes(50_000, n), "heap.pb.gz": seededBytes(100, n) };
  const files = Object.entries(content).map(([name, bytes]) => ({
    name,
    content_type: "application/octet-stream",
    bytes: bytes.byteLength,
    sha256: sha256(bytes),
  }));
  const manifest = manifestOf({ id, created, value: n / 100, files: {}, ...over }, files);
  const prefix = capturePrefix(DEFAULT_KEY_TEMPLATE, manifest);
  const put = async (name: string, bytes: Uint8Array): Promise<void> =>
    store.put(
      {
        key: prefix + name,
        contentType: "application/octet-stream",
        bytes: bytes.byteLength,
        sha256: sha256(bytes),
        body: { kind: "bytes", bytes },
      },
      never,
    );
  for (const [name, bytes] of Object.entries(content)) await put(name, bytes);
  await put("manifest.json", Buffer.from(JSON.stringify(manifest)));
  return { manifest, prefix, row: rowOf(manifest, prefix, 1) };
}

const noS3 = requireOrSkip("the catalogue on a real S3 server", await s3Unavailable());

interface Place {
  readonly name: string;
  readonly skip: boolean;
  readonly open: () => Promise<Store>;
}

let server: S3Server | undefined;
let opened = 0;
beforeAll(async () => {
  if (!noS3) server = await startS3({ buckets: ["captures"] });
});
afterAll(() => server?.stop());

const PLACES: readonly Place[] = [
  {
    name: "in a folder",
    skip: false,
    open: () => createStore({ kind: "filesystem", path: join(folder, "store") }),
  },
  {
    name: "in a real S3 server",
    skip: noS3,
    open: () => createStore(s3Options(server!, "captures", { prefix: `c${opened++}` })),
  },
];

describe.each(PLACES)("$name", ({ skip, open }) => {
  let store: Store;
  let catalog: Catalog;
  beforeEach(async () => {
    if (skip) return;
    store = await open();
    catalog = new Catalog(store);
  });
  afterEach(() => store?.close());

  test.skipIf(skip)("lists, filters and sorts, from the manifests and from the index alike", async () => {
    await storeCapture(store, 1, { service: "checkout", severity: "critical" });
    await storeCapture(store, 2, { service: "checkout", rule: "gc" });
    await storeCapture(store, 30, { service: "cart", kind: "manual", rule: "manual" });
    const ids = async (filter: object, more: object = {}): Promise<number[]> =>
      (await catalog.list({ filter, limit: 10, ...more }, never)).map(({ id }) => Number(id.slice(-5)));
    for (const indexed of [false, true]) {
      if (indexed) expect(await reindex(catalog, 5, never)).toBe(3);
      expect(await ids({})).toEqual([30, 2, 1]);
      expect(await ids({}, { limit: 2 })).toEqual([30, 2]);
      expect(await ids({ service: "checkout" })).toEqual([2, 1]);
      expect(await ids({ rule: "gc" })).toEqual([2]);
      expect(await ids({ severity: "error" })).toEqual([1]);
      expect(await ids({ labels: { service: "cart" } })).toEqual([30]);
      expect(await ids({ since: Date.UTC(2026, 2, 12) })).toEqual([30]);
      expect(await ids({ until: Date.UTC(2026, 2, 12) })).toEqual([2, 1]);
      expect(await ids({ maxValue: 0.02 }, { sort: "value" })).toEqual([2, 1]);
      expect(await ids({ kind: "manual" })).toEqual([30]);
    }
    expect((await catalog.find("20260311t01", never)).service).toBe("checkout");
    await expect(catalog.find("20260311", never)).rejects.toMatchObject({ code: "ambiguous" });
    await expect(catalog.find("20260401", never)).rejects.toMatchObject({ code: "not_found" });
  });

  test.skipIf(skip)(
    "downloads, goes on after a broken try, and refuses what is not what was captured",
    async () => {
      const capture = await storeCapture(store, 1);
      const to = join(folder, "got");
      await downloadCapture(store, capture, to, () => {}, never);
      expect(await readFile(join(to, "trace.out"))).toEqual(seededBytes(50_000, 1));

      await rm(join(to, "trace.out"));
      await writeFile(join(to, "trace.out.partial"), seededBytes(50_000, 1).subarray(0, 30_000));
      const progress: number[] = [];
      await downloadCapture(store, capture, to, ({ bytes }) => progress.push(bytes), never);
      expect(Math.min(...progress)).toBeGreaterThan(30_000);
      expect(await readFile(join(to, "trace.out"))).toEqual(seededBytes(50_000, 1));

      await rm(join(to, "trace.out"));
      await writeFile(join(to, "trace.out.partial"), Buffer.alloc(30_000, "wrong"));
      await downloadCapture(store, capture, to, () => {}, never);
      expect(await readFile(join(to, "trace.out"))).toEqual(seededBytes(50_000, 1));

      const other = seededBytes(50_000, 2);
      const key = `${capture.prefix}trace.out`;
      const object = { key, contentType: "x/y", bytes: 50_000, sha256: sha256(other) };
      await store.put({ ...object, body: { kind: "bytes", bytes: other } }, never);
      await store.delete(`${capture.prefix}heap.pb.gz`, never);
      const problems = await verifyCapture(store, capture, never);
      expect(problems.map(({ problem }) => problem?.slice(0, 12))).toEqual(["has the SHA-", "is not there"]);
      await rm(to, { recursive: true });
      const again = downloadCapture(store, capture, to, () => {}, never);
      await expect(again).rejects.toMatchObject({ code: "checksum_mismatch" });
    },
  );

  test.skipIf(skip)("pins, removes, and lets retention take the rest of its own services", async () => {
    const captures = [];
    for (let n = 0; n < 6; n++) captures.push(await storeCapture(store, n));
    const foreign = await storeCapture(store, 7, { service: "cart" });
    const manual = await storeCapture(store, 0, { kind: "manual", rule: "manual", id: idOf(99) });
    await reindex(catalog, 5, never);
    await noteChange(catalog, await catalog.pin(captures[0]!.row, true, 10, never), "a", never);
    await noteChange(catalog, await catalog.remove(captures[5]!.row, 11, never), "b", never);
    const left = async (): Promise<string[]> =>
      (await catalog.list({ filter: {}, limit: 100 }, never)).map(({ id }) => id).sort();
    expect(await left()).not.toContain(captures[5]!.manifest.id);
    expect((await catalog.list({ filter: { pinned: true }, limit: 9 }, never)).map(({ id }) => id)).toEqual([
      captures[0]!.manifest.id,
    ]);
    const events: StoreEvent[] = [];
    let notes = 0;
    await retainStore(
      { keep_worst: 0, max_captures: 3 },
      {
        spool: undefined as never,
        store,
        services: () => ["checkout"],
        onRemoved: (row) => noteChange(catalog, row, `r${notes++}`, never),
        clock: realClock,
        emit: (event) => events.push(event),
      },
      never,
    );
    // Of five and a manual one, the pinned, the manual and the newest stay.
    const stay = [captures[0], captures[4], foreign, manual].map((each) => each!.manifest.id).sort();
    expect(await left()).toEqual(stay);
    const scanned = await catalog.list({ filter: {}, limit: 100, source: "scan" }, never);
    expect(scanned.map(({ id }) => id).sort()).toEqual(stay);
    expect(events.filter(({ kind }) => kind === "retention.deleted")).toHaveLength(3);
  });

  test.skipIf(skip)("two agents index side by side; a restart and a compaction lose no line", async () => {
    const writers = ["host-a", "host-b"].map(
      (agent) =>
        new IndexWriter(join(folder, agent), agent, {
          store,
          files: nodeFiles,
          clock: realClock,
          random: Math.random,
          emit: () => {},
        }),
    );
    const captures = [];
    for (let n = 0; n < 4; n++) captures.push(await storeCapture(store, n));
    await writers[0]!.add(captures[0]!.row);
    await writers[1]!.add(captures[1]!.row);
    for (const writer of writers) await writer.flush(never);
    const again = new IndexWriter(join(folder, "host-a"), "host-a", {
      store,
      files: nodeFiles,
      clock: realClock,
      random: Math.random,
      emit: () => {},
    });
    await writers[0]!.add(captures[2]!.row); // Noted, and the agent dies before it is in the store.
    await again.flush(never);
    const listed = async (): Promise<number> =>
      (await catalog.list({ filter: {}, limit: 9, source: "index" }, never)).length;
    expect(await listed()).toBe(3);
    expect(await compactDay(store, "2026-03-11", never)).toBe(2);
    expect(await all(store.list(dayFolder("2026-03-11"), never))).toHaveLength(1);
    expect(await listed()).toBe(3);
    await again.add(captures[3]!.row);
    await again.flush(never);
    expect(await listed()).toBe(4);
  });

  test.skipIf(skip)("the files of a day are merged two days later", async () => {
    const clock = new FakeClock(Date.UTC(2026, 2, 11, 12));
    for (const [i, agent] of ["a", "b", "c"].entries()) {
      const { row } = await storeCapture(store, i);
      await putRows(store, `${dayFolder("2026-03-11")}${agent}.parquet`, [row], never);
    }
    const failures: StoreEvent[] = [];
    const writer = new IndexWriter(join(folder, "index"), "a", {
      store,
      files: nodeFiles,
      clock,
      random: () => 0.5,
      emit: (event) => failures.push(event),
    });
    const stop = new AbortController();
    const running = writer.run(milliseconds(3_600_000), stop.signal);
    const files = async (): Promise<number> => (await all(store.list(dayFolder("2026-03-11"), never))).length;
    while (clock.now() < Date.UTC(2026, 2, 13)) {
      expect(await files()).toBe(3);
      while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
      clock.advance(3_600_000);
    }
    while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await files()).toBe(1);
    expect(await catalog.list({ filter: {}, limit: 9, source: "index" }, never)).toHaveLength(3);
    expect(failures).toEqual([]);
    stop.abort();
    await running;
  });
});

/** `count` lines over 30 days and 50 services. */
function manyRows(count: number): IndexRow[] {
  const template = rowOf(manifestOf({ id: idOf(1), files: {} }, []), "p/", 1);
  return Array.from({ length: count }, (_, i) => ({
    ...template,
    id: idOf(i),
    created: Date.UTC(2026, 2, 1) + Math.floor((i * 30 * 86_400_000) / count),
    service: `service-${i % 50}`,
    value: (i % 1000) / 1000,
    bytes: 3_000_000_000 + i, // Beyond 2^31.
    trace_bytes: i % 3 === 0 ? undefined : i,
    complete: i % 2 === 0,
    events: i,
    ...(i % 4 > 0 && { stw_max_ns: i * 1.5 }),
    message: `the ${i}th: "ä"`,
  }));
}

describe("the index's files", () => {
  test("give back every line as it was", async () => {
    const rows = manyRows(500);
    const read = await new IndexFile("all", encodeRows(rows)).rows();
    expect(read.sort((a, b) => a.created - b.created)).toEqual(rows);
  });

  test("are read by DuckDB as they are by us", async () => {
    const rows = manyRows(5000);
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    for (const half of [rows.slice(0, 2500), rows.slice(2500)]) {
      await putRows(store, `${dayFolder("2026-03-11")}${half[0]!.id}.parquet`, half, never);
    }
    const duck = await (await DuckDBInstance.create()).connect();
    const from = `read_parquet('${store.location}/index=captures/*/*.parquet', hive_partitioning = true)`;
    const query = async (sql: string): Promise<unknown[][]> => (await duck.runAndReadAll(sql)).getRowsJson();
    expect(
      await query(`SELECT count(*), count(DISTINCT id), sum(bytes), count(trace_bytes) FROM ${from}`),
    ).toEqual([
      [
        "5000",
        "5000",
        String(rows.reduce((sum, row) => sum + row.bytes, 0)),
        String(rows.filter((row) => row.trace_bytes !== undefined).length),
      ],
    ]);
    expect(
      await query(`SELECT service, message, labels::JSON->>'$.service', epoch_ms(created), day::VARCHAR
                   FROM ${from} WHERE service = 'service-7' AND value > 0.9 ORDER BY created DESC LIMIT 1`),
    ).toEqual([["service-7", 'the 4957th: "ä"', "checkout", String(rows[4957]!.created), "2026-03-11"]]);
    duck.closeSync();
  });

  test("100,000 captures are listed without reading more than is asked for", async () => {
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    const byDay = new Map<string, IndexRow[]>();
    for (const row of manyRows(100_000)) {
      const day = new Date(row.created).toISOString().slice(0, 10);
      byDay.set(day, [...(byDay.get(day) ?? []), row].slice(-3334));
    }
    for (const [day, rows] of byDay) await putRows(store, `${dayFolder(day)}all.parquet`, rows, never);
    let gets = 0;
    const get = store.get.bind(store);
    store.get = (...args) => {
      gets++;
      return get(...args);
    };
    const catalog = new Catalog(store);
    expect(await catalog.list({ filter: {}, limit: 50 }, never)).toHaveLength(50);
    expect(gets).toBe(1);
    const worst = await catalog.list({ filter: { service: "service-3" }, limit: 10, sort: "value" }, never);
    expect(worst.map(({ value }) => value)).toEqual(Array.from({ length: 10 }, () => 0.953));
    expect(gets).toBe(31);
  }, 120_000);
});

for (const make of S3_MAKES) {
  const missing = (await s3Unavailable(make)) ?? (await duckdbUnavailable());
  describe.skipIf(requireOrSkip(`the index in S3 (${make}), read by DuckDB`, missing))(
    `the index in the S3 server ${make}`,
    () => {
      test("the documented queries run on s3://, and see the last line of each capture", async () => {
        const rows = manyRows(100);
        await using s3 = await startS3({ make, buckets: ["captures"] });
        const store = await createStore(s3Options(s3, "captures", { prefix: "fleet" }));
        await putRows(store, `${dayFolder("2026-03-11")}a.parquet`, rows, never);
        const changed = [
          { ...rows[0]!, removed: true, indexed: 2 },
          { ...rows[1]!, pinned: true, indexed: 2 },
        ];
        await putRows(store, `${dayFolder("2026-03-11")}b.parquet`, changed, never);
        store.close();
        const guide = await readFile(join(repoRoot, "docs", "shipping.md"), "utf8");
        const sql = /```sql\n(.*?)```/s.exec(guide)?.[1] ?? "";
        const statements = sql
          .replaceAll(/^--.*$/gm, "")
          .replaceAll("s3://bucket/prefix", "s3://captures/fleet")
          .split(";")
          .filter((statement) => statement.trim() !== "");
        expect(statements.length).toBeGreaterThan(3);
        const count = "SELECT count(*) AS captures, count(*) FILTER (pinned) AS pinned FROM captures";
        const answers = await duckdbOn(s3, [...statements, count]);
        expect(answers).toHaveLength(statements.length + 1);
        expect(answers.at(-1)).toEqual([{ captures: 99, pinned: 1 }]);
      }, 120_000);
    },
  );
}

describe("retention", () => {
  const capture = (n: number, over: object = {}) => ({
    id: `c${n}`,
    service: "s",
    created: n * 1000,
    bytes: 10,
    severity: "warning",
    manual: false,
    pinned: false,
    ...over,
  });
  const ids = (...args: Parameters<typeof expired>): string[] => expired(...args).map(({ id }) => id);

  test("goes by age, count and bytes, oldest first", () => {
    const five = [3, 1, 5, 2, 4].map((n) => capture(n));
    expect(ids(five, { keep_worst: 0, max_age: 2500 as never }, 5000)).toEqual(["c1", "c2"]);
    expect(ids(five, { keep_worst: 0, max_captures: 2 }, 5000)).toEqual(["c1", "c2", "c3"]);
    expect(ids(five, { keep_worst: 0, max_bytes: 25 as never }, 5000)).toEqual(["c1", "c2", "c3"]);
    expect(ids(five, { keep_worst: 0 }, 5000)).toEqual([]);
  });

  test("leaves the worst, the pinned and the manual", () => {
    const mixed = [
      capture(1, { severity: "critical" }),
      capture(2, { pinned: true }),
      capture(3, { manual: true }),
      capture(4),
      capture(5),
    ];
    expect(ids(mixed, { keep_worst: 1, max_captures: 1 }, 5000)).toEqual(["c4", "c5"]);
  });
});

test("tells two manifests apart, files by name", () => {
  const file = (name: string, bytes: number) => ({
    name,
    content_type: "a/b",
    bytes,
    sha256: "0".repeat(64),
  });
  const a = manifestOf({ id: idOf(1), files: {}, value: 1 }, [file("x", 1), file("y", 2)]);
  const b = manifestOf({ id: idOf(1), files: {}, value: 2 }, [file("y", 2), file("x", 1), file("z", 3)]);
  expect(diffManifests(a, b).filter(({ path }) => !path.startsWith("files.z"))).toEqual([
    { path: "reasons.0.value", a: "1", b: "2" },
  ]);
  expect(diffManifests(a, b)).toContainEqual({ path: "files.z.bytes", a: undefined, b: "3" });
});
