import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { expect, test } from "vitest";
import { epochMilliseconds } from "../../src/base/units.ts";
import { Catalog } from "../../src/store/catalog/catalog.ts";
import { greatestFirst, matches } from "../../src/store/catalog/filter.ts";
import { encodeRows, IndexFile } from "../../src/store/index/parquet.ts";
import { dayFolder, dayOf } from "../../src/store/index/reader.ts";
import { latest, rowOf, type IndexRow } from "../../src/store/index/row.ts";
import type { ObjectInfo, Store } from "../../src/store/store.ts";
import { idOf, manifestOf } from "./support/captures.ts";

const never = new AbortController().signal;

/** As much of a store as a list needs. */
function inMemory(objects: ReadonlyMap<string, Uint8Array>): Store {
  const info = (key: string): ObjectInfo => ({ key, bytes: 0, modified: epochMilliseconds(0) });
  const store: Pick<Store, "get" | "list" | "folders"> = {
    get: (key) => Promise.resolve({ info: info(key), body: each([objects.get(key) ?? Buffer.alloc(0)]) }),
    list: (prefix) => each([...objects.keys()].filter((key) => key.startsWith(prefix)).map(info)),
    folders: (folder) =>
      each(new Set([...objects.keys()].map((key) => key.slice(0, key.indexOf("/", folder.length) + 1)))),
  };
  return store as Store;
}

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

const rows = (count: number): IndexRow[] =>
  Array.from({ length: count }, (_, i) => rowOf(manifestOf({ id: idOf(i), files: {} }, []), "p/", 1));

test("a file that an older version wrote, or that is none, is read as far as that goes", async () => {
  const older = new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: "id", data: ["a", "b"], type: "STRING" },
        { name: "created", data: [new Date(5), new Date(7)], type: "TIMESTAMP" },
      ],
    }),
  );
  const file = new IndexFile("older", older);
  expect(await file.rows([1])).toMatchObject([{ id: "b", created: 7, pinned: false, removed: false }]);
  expect(await file.lines(["created", "value"])).toEqual([{ created: 5 }, { created: 7 }]);
  const damaged = encodeRows(rows(50));
  damaged.fill(255, 4, damaged.length / 2);
  for (const bytes of [Buffer.from("no parquet"), older.subarray(9), damaged]) {
    const reading = async (): Promise<unknown> => new IndexFile("k", bytes).rows();
    await expect(reading()).rejects.toMatchObject({ code: "bad_index" });
  }
});

test("a search finds what reading every line finds, in the same order", async () => {
  const [template] = rows(1) as [IndexRow];
  const start = Date.UTC(2026, 2, 1);
  const line = fc.record({
    n: fc.nat(30),
    value: fc.option(fc.nat(5), { nil: undefined }),
    stw_max_ns: fc.nat(9).map((ns) => ns * 1000),
    service: fc.constantFrom("a", "b"),
    severity: fc.constantFrom("info", "critical"),
    pinned: fc.boolean(),
    removed: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    indexed: fc.nat(20),
    agent: fc.constantFrom("x", "y", "z"),
  });
  const query = fc.record({
    filter: fc.record(
      {
        service: fc.constantFrom("a", "b"),
        severity: fc.constantFrom("info", "error"),
        since: fc.nat(6).map((days) => start + days * 86_400_000),
        until: fc.nat(6).map((days) => start + days * 86_400_000),
        minValue: fc.nat(4),
        pinned: fc.boolean(),
        labels: fc.constantFrom({ service: "a" }, {}),
      },
      { requiredKeys: [] },
    ),
    sort: fc.constantFrom("created", "value", "bytes", "stw_max_ns"),
    limit: fc.constantFrom(1, 3, 10, Infinity),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 80, size: "max" }),
      fc.array(query, { minLength: 20, maxLength: 20 }),
      async (drawn, queries) => {
        // Of two lines of the same version only one may be: which of them counts is left open.
        const lines = new Map(
          drawn.map(({ agent, n, ...over }) => {
            const created = start + n * 20_000_000;
            const labels = JSON.stringify({ service: over.service });
            const row = { ...template, ...over, id: idOf(n), created, labels, bytes: n % 4 };
            return [`${n} ${over.indexed} ${over.removed}`, { agent, row }];
          }),
        );
        const objects = new Map<string, Uint8Array>();
        const catalog = new Catalog(inMemory(objects));
        const files = new Map<string, IndexRow[]>();
        for (const { agent, row } of lines.values()) {
          const key = `${dayFolder(dayOf(row.created))}${agent}.parquet`;
          files.set(key, [...(files.get(key) ?? []), row]);
        }
        for (const [key, content] of files) objects.set(key, encodeRows(content));
        const all = latest([...lines.values()].map(({ row }) => row)).filter(({ removed }) => !removed);
        for (const { filter, sort, limit } of queries) {
          const wanted = all.filter((row) => matches(filter, row)).sort(greatestFirst(sort));
          expect(await catalog.list({ filter, sort, limit }, never)).toEqual(wanted.slice(0, limit));
        }
      },
    ),
    { numRuns: 25 },
  );
}, 120_000);
