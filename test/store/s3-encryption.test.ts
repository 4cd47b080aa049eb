import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createStore } from "../../src/store/create.ts";
import { CEPH_KMS_KEY, CEPH_STORAGE_CLASS } from "../support/ceph.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { bytesOf, seededBytes, sha256 } from "./support/captures.ts";
import { s3Options } from "./support/s3-options.ts";

const never = new AbortController().signal;
const MiB = 1024 * 1024;
const skip = requireOrSkip("encryption by the store (ceph)", await s3Unavailable("ceph"));

/** What Ceph can do and versitygw cannot. */
describe.skipIf(skip)("on ceph", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3({ make: "ceph", buckets: ["captures"] });
  });
  afterAll(() => server?.stop());

  const storeWith = (over: Readonly<Record<string, unknown>>) =>
    createStore(s3Options(server, "captures", over));

  /** Puts an object whole, and one in two parts. */
  async function putBoth(store: Awaited<ReturnType<typeof storeWith>>): Promise<void> {
    const content = seededBytes(6 * MiB, 3);
    const object = {
      key: "whole",
      contentType: "x/y",
      bytes: content.byteLength,
      sha256: sha256(content),
    };
    await store.put({ ...object, body: { kind: "bytes", bytes: content } }, never);
    const parts = store.multipart!;
    const upload = { key: "parts", uploadId: await parts.begin({ ...object, key: "parts" }, never) };
    const first = await parts.put(upload, 1, content.subarray(0, 5 * MiB), never);
    const second = await parts.put(upload, 2, content.subarray(5 * MiB), never);
    await parts.complete(upload, [first, second], never);
    for (const key of ["whole", "parts"]) {
      expect(await store.head(key, never)).toMatchObject({ bytes: object.bytes, sha256: object.sha256 });
      const { body } = await store.get(key, undefined, never);
      expect(sha256(await bytesOf(body)), key).toBe(object.sha256);
      const range = await store.get(key, { start: 5 * MiB - 10, end: 5 * MiB + 9 }, never);
      expect(await bytesOf(range.body)).toEqual(content.subarray(5 * MiB - 10, 5 * MiB + 10));
    }
  }

  test("objects are encrypted with the KMS key that is named", async () => {
    const encryption = { kind: "kms", key_id: CEPH_KMS_KEY };
    const store = await storeWith({ prefix: "kms", encryption });
    await putBoth(store);
    for (const key of ["whole", "parts"]) {
      const head = await server.client.send(new HeadObjectCommand({ Bucket: "captures", Key: `kms/${key}` }));
      expect(head).toMatchObject({ ServerSideEncryption: "aws:kms", SSEKMSKeyId: CEPH_KMS_KEY });
    }
    store.close();
    const unknown = await storeWith({ prefix: "kms", encryption: { kind: "kms", key_id: "no-such-key" } });
    // Ceph's word for a key that it does not find.
    await expect(putBoth(unknown)).rejects.toMatchObject({ code: "invalid_access_key_id" });
    unknown.close();
  });

  test("objects are put into the storage class that is named", async () => {
    const store = await storeWith({ prefix: "class", storage_class: CEPH_STORAGE_CLASS });
    await putBoth(store);
    for (const key of ["whole", "parts"]) {
      const head = await server.client.send(
        new HeadObjectCommand({ Bucket: "captures", Key: `class/${key}` }),
      );
      expect(head.StorageClass).toBe(CEPH_STORAGE_CLASS);
    }
    store.close();
    const unknown = await storeWith({ prefix: "class", storage_class: "NO_SUCH_CLASS" });
    await expect(putBoth(unknown)).rejects.toMatchObject({ retryable: false });
    unknown.close();
  });
});
