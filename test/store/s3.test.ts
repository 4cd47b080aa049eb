import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectTaggingCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { StoreError } from "../../src/base/errors.ts";
import { createStore } from "../../src/store/create.ts";
import { storeSchema, S3_PRESETS } from "../../src/store/options.ts";
import { s3Error } from "../../src/store/s3/errors.ts";
import { dialectOf } from "../../src/store/s3/presets.ts";
import { presignGet } from "../../src/store/s3/presign.ts";
import type { Store } from "../../src/store/store.ts";
import { requireOrSkip } from "../support/require.ts";
import { S3_MAKES, s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { bytesOf, seededBytes, sha256 } from "./support/captures.ts";
import { s3Options } from "./support/s3-options.ts";

const never = new AbortController().signal;

async function put(store: Store, key: string): Promise<void> {
  const bytes = seededBytes(1000, 1);
  const object = {
    key,
    contentType: "text/x-go",
    bytes: 1000,
    sha256: sha256(bytes),
    metadata: { service: "cart" },
  };
  await store.put({ ...object, body: { kind: "bytes", bytes } }, never);
}

for (const make of S3_MAKES) {
  const skip = requireOrSkip(`S3's settings on ${make}`, await s3Unavailable(make));
  describe.skipIf(skip)(`on ${make}`, () => {
    let server: S3Server;
    beforeAll(async () => {
      server = await startS3({ make, buckets: ["captures"] });
    });
    afterAll(() => server?.stop());

    test("content type, metadata and tags go along", async () => {
      const store = await createStore(
        s3Options(server, "captures", { prefix: "p", tags: { team: "sre", "cost center": "a+b" } }),
      );
      await put(store, "tagged");
      const at = { Bucket: "captures", Key: "p/tagged" };
      const head = await server.client.send(new HeadObjectCommand(at));
      expect(head.ContentType).toBe("text/x-go");
      expect(head.Metadata).toEqual({ service: "cart", sha256: sha256(seededBytes(1000, 1)) });
      const { TagSet = [] } = await server.client.send(new GetObjectTaggingCommand(at));
      expect(TagSet.sort((a, b) => ((a.Key ?? "") < (b.Key ?? "") ? -1 : 1))).toEqual([
        { Key: "cost center", Value: "a+b" },
        { Key: "team", Value: "sre" },
      ]);
      store.close();
    });

    test("keys in a file rotate without a restart", async () => {
      const folder = await mkdtemp(join(tmpdir(), "gorewind-keys-"));
      const path = join(folder, "credentials");
      const keys = (secret: string): string =>
        `[other]\naws_access_key_id = X\n\n[agent]\naws_access_key_id = ${server.accessKeyId}\naws_secret_access_key=${secret}\n`;
      await writeFile(path, keys("revoked"));
      const credentials = { kind: "file", path, profile: "agent" };
      const store = await createStore(s3Options(server, "captures", { credentials }));
      await expect(put(store, "rotated")).rejects.toMatchObject({
        code: "signature_does_not_match",
        retryable: true,
        hint: expect.stringContaining("rotate them") as string,
      });
      await writeFile(path, keys(server.secretAccessKey));
      await put(store, "rotated");
      await writeFile(path, "[agent]\n");
      await expect(put(store, "rotated")).rejects.toMatchObject({ code: "credentials" });
      store.close();
      await rm(folder, { recursive: true });
    });

    test("a clock that is half an hour off costs a try, no more", async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 30 * 60_000 });
      try {
        const store = await createStore(s3Options(server, "captures", { prefix: "skew" }));
        const first = put(store, "x");
        await expect(first).rejects.toMatchObject({ retryable: true });
        await put(store, "x");
        expect(await store.head("x", never)).toMatchObject({ bytes: 1000 });
        store.close();
      } finally {
        vi.useRealTimers();
      }
    });

    test("a bucket that is not there, and a port that nobody listens on, say what to do", async () => {
      const nowhere = await createStore(s3Options(server, "nowhere"));
      await expect(put(nowhere, "x")).rejects.toMatchObject({
        code: "no_such_bucket",
        retryable: false,
        hint: expect.stringContaining("create the bucket") as string,
      });
      nowhere.close();
      const silent = await createStore(s3Options({ ...server, endpoint: "http://127.0.0.1:1" }, "captures"));
      await expect(put(silent, "x")).rejects.toMatchObject({ code: "econnrefused", retryable: true });
      silent.close();
    });

    test("works with the plainest protocol, which a custom endpoint gets without a preset", async () => {
      const store = await createStore(s3Options(server, "captures", { preset: "aws", prefix: "plain" }));
      await put(store, "x");
      expect(await store.head("x", never)).toMatchObject({
        bytes: 1000,
        sha256: sha256(seededBytes(1000, 1)),
      });
      expect(await bytesOf((await store.get("x", undefined, never)).body)).toEqual(seededBytes(1000, 1));
      store.close();
    });
  });
}

describe("settings", () => {
  const dialect = (over: object) =>
    dialectOf(storeSchema.parse({ kind: "s3", bucket: "b", ...over }) as Parameters<typeof dialectOf>[0]);

  test("every preset is known, AWS alone is asked for checksums by default", () => {
    for (const preset of S3_PRESETS) {
      expect(dialect({ preset }).checksums).toBe(preset === "aws" ? "when_supported" : "when_required");
    }
    expect(dialect({ endpoint: "http://127.0.0.1:9000" })).toMatchObject({
      checksums: "when_required",
      pathStyle: true,
    });
    expect(dialect({ preset: "r2", path_style: false, checksums: "when_supported" })).toMatchObject({
      pathStyle: false,
      checksums: "when_supported",
      sha256: true,
    });
    expect(dialect({ encryption: { kind: "kms", key_id: "k" } }).md5Etags).toBe(false);
  });

  test("an unknown key is refused", () => {
    expect(storeSchema.safeParse({ kind: "s3", bucket: "b", bukket: "c" }).success).toBe(false);
    expect(storeSchema.safeParse({ kind: "s3", bucket: "b", idle_timeout: "fast" }).success).toBe(false);
  });
});

test("failures are told apart by what helps", () => {
  const answer = (status: number, name: string): unknown =>
    Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });
  const retryable = (error: unknown): boolean => s3Error("x", error).retryable;
  expect(retryable(answer(503, "SlowDown"))).toBe(true);
  expect(retryable(answer(408, "RequestCanceled"))).toBe(true);
  expect(retryable(answer(400, "ExpiredToken"))).toBe(true);
  expect(retryable(answer(403, "AccessDenied"))).toBe(false);
  expect(retryable(answer(501, "NotImplemented"))).toBe(false);
  expect(retryable(answer(200, "SyntaxError"))).toBe(true);
  expect(retryable(Object.assign(new Error("x"), { code: "ECONNRESET" }))).toBe(true);
  expect(s3Error("x", answer(403, "AccessDenied")).code).toBe("access_denied");
  expect(s3Error("x", new StoreError("kept", "x", { retryable: false })).code).toBe("kept");
});

// The example of AWS for query strings, key, time and signature.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
test("a link is signed as in AWS's example", () => {
  const link = presignGet({
    base: "https://examplebucket.s3.amazonaws.com/",
    key: "test.txt",
    region: "us-east-1",
    keys: {
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    },
    now: new Date("2013-05-24T00:00:00.000Z"),
    expiresInSeconds: 86_400,
  });
  expect(link).toBe(
    "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
      "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  );
});
