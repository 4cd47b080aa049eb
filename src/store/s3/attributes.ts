import type { S3StoreOptions } from "../options.ts";
import type { ObjectDescription } from "../store.ts";
import type { S3Dialect } from "./presets.ts";

export const SHA256_METADATA = "sha256";

/** What goes with an object, however it is sent. */
export function attributesOf(object: ObjectDescription, options: S3StoreOptions, dialect: S3Dialect) {
  const { encryption, storage_class: storageClass, tags } = options;
  // A space as %20: Ceph takes a plus sign for itself.
  const tagging = Object.entries(tags)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  return {
    ContentType: object.contentType,
    Metadata: { ...object.metadata, [SHA256_METADATA]: object.sha256 },
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as "STANDARD" }),
    ...(encryption.kind === "s3" ? { ServerSideEncryption: "AES256" as const } : {}),
    ...(encryption.kind === "kms"
      ? {
          ServerSideEncryption: "aws:kms" as const,
          ...(encryption.key_id === undefined ? {} : { SSEKMSKeyId: encryption.key_id }),
        }
      : {}),
    ...(dialect.tags && tagging !== "" ? { Tagging: tagging } : {}),
  };
}
