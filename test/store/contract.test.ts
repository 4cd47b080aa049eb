import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import { createStore } from "../../src/store/create.ts";
import type { Store, StoreObject } from "../../src/store/store.ts";
import { requireOrSkip } from "../support/require.ts";
import { S3_MAKES, s3Unavailable, startS3 } from "../support/s3.ts";
import { all, bytesOf, seededBytes, sha256 } from "./support/captures.ts";
import { s3Options } from "./support/s3-options.ts";

interface Opened {
  readonly store: Store;
  close(): Promise<void>;
}

const never = new AbortController().signal;

function objectOf(key: string, content: Uint8Array): StoreObject {
  const bytes = content.byteLength;
  const body = { kind: "bytes", bytes: content } as const;
  return { key, contentType: "application/octet-stream", bytes, sha256: sha256(content), body };
}

/** What every store must do; the same for a folder and for each make of S3 server. */
function contract(name: string, open: () => Promise<Opened>, skip = false): void {
  describe.skipIf(skip)(name, () => {
    let opened: Opened;
    let store: Store;
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "gorewind-contract-"));
      opened = await open();
      store = opened.store;
    });
    afterAll(async () => {
      await opened?.close();
      await rm(folder, { recursive: true, force: true });
    });

    test("gives back what was put, whole and in ranges", async () => {
      const content = seededBytes(100_000, 1);
      await store.put(objectOf("a/one.bin", content), never);
      const { info, body } = await store.get("a/one.bin", undefined, never);
      expect(await bytesOf(body)).toEqual(content);
      expect(info.bytes).toBe(100_000);
      const middle = await store.get("a/one.bin", { start: 1000, end: 1999 }, never);
      expect(await bytesOf(middle.body)).toEqual(content.subarray(1000, 2000));
      expect(middle.info.bytes).toBe(100_000);
      const tail = await store.get("a/one.bin", { start: 99_990 }, never);
      expect(await bytesOf(tail.body)).toEqual(content.subarray(99_990));
    });

    test("puts a file from the disk, and keeps its checksum and metadata", async () => {
      const content = seededBytes(70_000, 2);
      const path = join(folder, "source");
      await writeFile(path, content);
      const metadata = { service: "checkout" };
      await store.put({ ...objectOf("a/two.bin", content), metadata, body: { kind: "file", path } }, never);
      const info = await store.head("a/two.bin", never);
      expect(info).toMatchObject({ key: "a/two.bin", bytes: 70_000, sha256: sha256(content) });
      expect(Math.abs((info?.modified ?? 0) - Date.now())).toBeLessThan(3_600_000);
    });

    test("replaces an object as a whole", async () => {
      await store.put(objectOf("a/three", seededBytes(5000, 3)), never);
      await store.put(objectOf("a/three", seededBytes(10, 4)), never);
      expect(await bytesOf((await store.get("a/three", undefined, never)).body)).toEqual(seededBytes(10, 4));
    });

    test("refuses a body that is not what was announced, and stores nothing", async () => {
      const lie = { ...objectOf("a/lie", seededBytes(100, 5)), bytes: 101 };
      await expect(store.put(lie, never)).rejects.toMatchObject({ code: "checksum_mismatch" });
      expect(await store.head("a/lie", never)).toBeUndefined();
    });

    test("says that an object is not there", async () => {
      expect(await store.head("a/none", never)).toBeUndefined();
      const missing = store.get("a/none", undefined, never);
      await expect(missing).rejects.toMatchObject({ code: "not_found", retryable: false });
      await expect(missing).rejects.toBeInstanceOf(StoreError);
      await expect(store.delete("a/none", never)).resolves.toBeUndefined();
    });

    test("deletes", async () => {
      await store.put(objectOf("b/gone", seededBytes(10, 6)), never);
      await store.delete("b/gone", never);
      expect(await store.head("b/gone", never)).toBeUndefined();
      expect(await all(store.list("b/", never))).toEqual([]);
    });

    test("lists by prefix in the order of keys, over many pages", async () => {
      const keys = Array.from(
        { length: 1050 },
        (_, i) => `many/${String(i % 7)}/${String(i).padStart(5, "0")}`,
      );
      const content = seededBytes(3, 7);
      for (let i = 0; i < keys.length; i += 50) {
        await Promise.all(keys.slice(i, i + 50).map((key) => store.put(objectOf(key, content), never)));
      }
      const listed = (await all(store.list("many/", never))).map(({ key }) => key);
      expect(listed).toEqual(keys.toSorted());
      expect((await all(store.list("many/3/0001", never))).map(({ key }) => key)).toEqual(
        keys.filter((key) => key.startsWith("many/3/0001")).sort(),
      );
      expect(await all(store.folders("many/", never))).toEqual(
        Array.from({ length: 7 }, (_, i) => `many/${i}/`),
      );
      expect(await all(store.list("nothing/", never))).toEqual([]);
      expect(await all(store.folders("nothing/", never))).toEqual([]);
    });

    test("takes an object in parts, and lists and aborts those that were not finished", async () => {
      const { multipart } = store;
      if (multipart === undefined) return; // A folder takes any size at once.
      const content = seededBytes(multipart.partBytes * 2 + 1234, 8);
      const object = objectOf("parts/whole", content);
      const upload = { key: object.key, uploadId: await multipart.begin(object, never) };
      const parts = [];
      for (const part of [3, 1, 2]) {
        const from = (part - 1) * multipart.partBytes;
        parts.push(
          await multipart.put(upload, part, content.subarray(from, from + multipart.partBytes), never),
        );
      }
      expect((await all(multipart.list("parts/", never))).map(({ key }) => key)).toEqual(["parts/whole"]);
      expect(await store.head("parts/whole", never)).toBeUndefined();
      await multipart.complete(upload, parts, never);
      expect(await store.head("parts/whole", never)).toMatchObject({
        bytes: content.byteLength,
        sha256: sha256(content),
      });
      expect(sha256(await bytesOf((await store.get("parts/whole", undefined, never)).body))).toBe(
        sha256(content),
      );

      const left = {
        key: "parts/left",
        uploadId: await multipart.begin({ ...object, key: "parts/left" }, never),
      };
      await multipart.put(left, 1, content.subarray(0, multipart.partBytes), never);
      expect(await all(multipart.list("parts/", never))).toHaveLength(1);
      await multipart.abort(left, never);
      await multipart.abort(left, never);
      expect(await all(multipart.list("parts/", never))).toEqual([]);
      const late = multipart.put(left, 2, content.subarray(0, 10), never);
      await expect(late).rejects.toMatchObject({ code: "no_such_upload" });
    });

    test("hands out links that need no keys", async () => {
      if (store.presign === undefined) return;
      const content = seededBytes(5000, 9);
      await store.put(objectOf("links/a b+c.bin", content), never);
      const link = await store.presign("links/a b+c.bin", 60, never);
      const answer = await fetch(link);
      expect(answer.status).toBe(200);
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(content);
      const forged = await fetch(link.replace("links/", "a/"));
      expect(forged.status).toBe(403);
    });

    test("an abort is passed on as it is", async () => {
      const reason = new Error("enough");
      const aborted = AbortSignal.abort(reason);
      await expect(store.put(objectOf("a/x", seededBytes(10, 1)), aborted)).rejects.toBe(reason);
      await expect(store.get("a/one.bin", undefined, aborted)).rejects.toBe(reason);
      await expect(all(store.list("a/", aborted))).rejects.toBe(reason);
    });

    test("keys with spaces, plus signs and letters of all kinds come back as they are", async () => {
      for (const key of ["odd/a b", "odd/a+b", "odd/ä", "odd/a%2Fb", "odd/a=b&c"]) {
        await store.put(objectOf(key, seededBytes(10, 1)), never);
        expect(await store.head(key, never)).toMatchObject({ bytes: 10 });
      }
      const listed = (await all(store.list("odd/", never))).map(({ key }) => key);
      expect(listed).toEqual(["odd/a b", "odd/a%2Fb", "odd/a+b", "odd/a=b&c", "odd/ä"]);
    });
  });
}

contract("a folder", async () => {
  const path = await mkdtemp(join(tmpdir(), "gorewind-folder-"));
  const store = await createStore({ kind: "filesystem", path });
  return { store, close: () => rm(path, { recursive: true, force: true }) };
});

for (const make of S3_MAKES) {
  contract(
    `S3: ${make}`,
    async () => {
      const server = await startS3({ make, buckets: ["captures"] });
      const store = await createStore(s3Options(server, "captures", { prefix: "team/a" }));
      return {
        store,
        close: async () => {
          store.close();
          await server.stop();
        },
      };
    },
    requireOrSkip(`the S3 store on ${make}`, await s3Unavailable(make)),
  );
}

test("a folder lets no key out", async () => {
  const path = await mkdtemp(join(tmpdir(), "gorewind-folder-"));
  try {
    const store = await createStore({ kind: "filesystem", path });
    for (const key of ["../x", "a/../../x", "/etc/passwd", "a/..", "x\0y"]) {
      await expect(store.put(objectOf(key, seededBytes(1, 1)), never)).rejects.toMatchObject({
        code: "bad_key",
      });
      await expect(store.get(key, undefined, never)).rejects.toMatchObject({ code: "bad_key" });
    }
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});
