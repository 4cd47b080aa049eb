import { createHash, randomBytes } from "node:crypto";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireOrSkip } from "./require.ts";
import { S3_MAKES, s3Unavailable, startS3 } from "./s3.ts";
import type { S3Server } from "./s3.ts";

const MiB = 1024 * 1024;
const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

for (const make of S3_MAKES) {
  const skip = requireOrSkip(`a real S3 server (${make})`, await s3Unavailable(make));
  describe.skipIf(skip)(`the S3 server ${make}`, () => {
    const bucket = "captures";
    let server: S3Server;
    beforeAll(async () => {
      server = await startS3({ make, buckets: [bucket] });
    });
    afterAll(async () => server.stop());

    const fetchBack = async (key: string): Promise<Uint8Array> => {
      const answer = await server.client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      if (answer.Body === undefined) throw new Error("no body");
      return answer.Body.transformToByteArray();
    };

    it("gives back what was put, under keys with everything in them", async () => {
      const data = randomBytes(100_000);
      const key = "shop/host:8080/2026-11-23T10:00:00.000Z µ +&=?#%'()*.trace";
      await server.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: data }));
      expect(sha256(await fetchBack(key))).toBe(sha256(data));
    });

    it("puts parts together", async () => {
      const object = { Bucket: bucket, Key: "parts" };
      const parts = [randomBytes(5 * MiB), randomBytes(1 * MiB)];
      const { UploadId } = await server.client.send(new CreateMultipartUploadCommand(object));
      const done = [];
      for (const [index, Body] of parts.entries()) {
        const part = { ...object, UploadId, PartNumber: index + 1, Body };
        const { ETag } = await server.client.send(new UploadPartCommand(part));
        done.push({ ETag, PartNumber: index + 1 });
      }
      const end = { ...object, UploadId, MultipartUpload: { Parts: done } };
      await server.client.send(new CompleteMultipartUploadCommand(end));
      expect(sha256(await fetchBack("parts"))).toBe(sha256(Buffer.concat(parts)));
    });

    it("lists page by page", async () => {
      for (let i = 0; i < 5; i += 1) {
        await server.client.send(new PutObjectCommand({ Bucket: bucket, Key: `list/${i}`, Body: "x" }));
      }
      const keys: (string | undefined)[] = [];
      let token: string | undefined;
      do {
        const page = await server.client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: "list/",
            MaxKeys: 2,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        );
        keys.push(...(page.Contents ?? []).map((object) => object.Key));
        token = page.NextContinuationToken;
      } while (token !== undefined);
      expect(keys).toEqual(["list/0", "list/1", "list/2", "list/3", "list/4"]);
    });

    it("checks signatures", async () => {
      const stranger = new S3Client({
        endpoint: server.endpoint,
        region: server.region,
        forcePathStyle: true,
        credentials: { accessKeyId: server.accessKeyId, secretAccessKey: "wrong" },
      });
      await expect(stranger.send(new ListObjectsV2Command({ Bucket: bucket }))).rejects.toMatchObject({
        name: "SignatureDoesNotMatch",
      });
      stranger.destroy();
    });
  });
}
