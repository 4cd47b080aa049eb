import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Catalog } from "../../src/store/catalog/catalog.ts";
import {
  checkCapture,
  diffCaptures,
  getCapture,
  linksOf,
  openCapture,
  pinCapture,
  removeCapture,
  viewerOf,
} from "../../src/store/catalog/commands.ts";
import { createStore } from "../../src/store/create.ts";
import { storeAt } from "../../src/store/location.ts";
import { spoolSchema, uploadSchema } from "../../src/store/options.ts";
import { Spool } from "../../src/store/spool/spool.ts";
import { Uploader } from "../../src/store/uploader.ts";
import { seededBytes, spoolCapture } from "./support/captures.ts";
import { realClock } from "./support/clock.ts";

const never = new AbortController().signal;
const IDS = ["20260311t142501000-aaaaaaaaaaaaa", "20260311t142502000-bbbbbbbbbbbbb"] as const;

let folder: string;
let catalog: Catalog;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-commands-"));
  const store = await createStore(storeAt(join(folder, "store")));
  const deps = { clock: realClock, emit: () => {} };
  const spool = await Spool.open(spoolSchema.parse({ path: join(folder, "spool") }), deps, never);
  for (const [i, id] of IDS.entries()) {
    const created = `2026-03-11T14:25:0${i + 1}.000Z`;
    await spoolCapture(spool, { id, created, value: i, files: { "trace.out": seededBytes(1000, i) } });
  }
  const stop = new AbortController();
  const uploader = new Uploader(uploadSchema.parse({}), { ...deps, spool, store, random: Math.random });
  const running = uploader.run(stop.signal);
  await uploader.drained(never);
  stop.abort();
  await running;
  await spool.close();
  catalog = new Catalog(store);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a capture is found by either end of its id, fetched, compared, checked, pinned and removed", async () => {
  const { folder: to, manifest } = await getCapture(catalog, "bbb", join(folder, "out"), () => {}, never);
  expect(to).toBe(join(folder, "out", IDS[1]));
  expect((await readdir(to)).sort()).toEqual(["manifest.json", "trace.out"]);
  expect(viewerOf(manifest, to)).toEqual(["go", "tool", "trace", join(to, "trace.out")]);
  const differences = await diffCaptures(catalog, IDS[0], IDS[1], never);
  expect(differences).toContainEqual({ path: "reasons.0.value", a: "0", b: "1" });
  expect(await checkCapture(catalog, IDS[0], never)).toEqual([{ name: "trace.out", problem: undefined }]);
  expect(await linksOf(catalog, await openCapture(catalog, "aaa", never), 60, never)).toBeUndefined();

  await pinCapture(catalog, "aaa", true, { now: 1, token: "a" }, never);
  const pinned = { filter: { pinned: true }, limit: 9 };
  expect((await catalog.list(pinned, never)).map(({ id }) => id)).toEqual([IDS[0]]);
  // There was no index before, and half of one would hide what is not in it.
  expect(await catalog.list({ filter: {}, limit: 9 }, never)).toHaveLength(2);
  await pinCapture(catalog, "aaa", false, { now: 2, token: "b" }, never);
  expect(await catalog.list(pinned, never)).toEqual([]);

  await removeCapture(catalog, "bbb", { now: 3, token: "c" }, never);
  await expect(catalog.find("bbb", never)).rejects.toMatchObject({ code: "not_found" });
  expect((await catalog.find("aaa", never)).id).toBe(IDS[0]);
});

test("a location says which store is meant", () => {
  expect(storeAt("./captures")).toEqual({ kind: "filesystem", path: "./captures" });
  expect(storeAt("s3://b/team/a/", { region: "eu-west-1" })).toMatchObject({
    kind: "s3",
    bucket: "b",
    prefix: "team/a",
    region: "eu-west-1",
    credentials: { kind: "default" },
  });
  expect(storeAt("s3://b?endpoint=http://127.0.0.1:9000&preset=minio")).toMatchObject({
    endpoint: "http://127.0.0.1:9000",
    preset: "minio",
  });
  expect(() => storeAt("gs://b")).toThrow("neither s3://bucket/prefix nor a folder");
  expect(() => storeAt("s3://b?presett=x")).toThrow("has ?presett");
  expect(() => storeAt("s3://b?preset=x")).toThrow("preset");
});
