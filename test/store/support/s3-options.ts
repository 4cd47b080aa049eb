import { storeSchema, type S3StoreOptions } from "../../../src/store/options.ts";
import type { S3Make, S3Server } from "../../support/s3.ts";

/** The server that the long tests run against; `GOREWIND_S3_MAKE=ceph` takes the other one. */
export const S3_MAKE: S3Make = process.env["GOREWIND_S3_MAKE"] === "ceph" ? "ceph" : "versitygw";

/** Options for a store in one of the tests' real servers; `over` lays other wishes on top, in the file's spelling. */
export function s3Options(
  server: Pick<S3Server, "make" | "endpoint" | "accessKeyId" | "secretAccessKey">,
  bucket: string,
  over: Readonly<Record<string, unknown>> = {},
): S3StoreOptions {
  const options = storeSchema.parse({
    kind: "s3",
    bucket,
    preset: server.make,
    endpoint: server.endpoint,
    credentials: {
      kind: "static",
      access_key_id: server.accessKeyId,
      secret_access_key: server.secretAccessKey,
    },
    ...over,
  });
  if (options.kind !== "s3") throw new Error("not an S3 store");
  return options;
}
