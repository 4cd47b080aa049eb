import type { S3Preset, S3StoreOptions } from "../options.ts";

/** What a server that speaks S3 is known to need. */
export interface S3Dialect {
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. */
  readonly pathStyle: boolean;
  /** `when_required`: no CRC32 headers or trailers beyond what the protocol demands; many S3-likes refuse them. */
  readonly checksums: "when_supported" | "when_required";
  /** Whether each object's SHA-256 goes along as `x-amz-checksum-sha256`, which the server then verifies and keeps. */
  readonly sha256: boolean;
  readonly tags: boolean;
  /** Whether the ETag of an unencrypted single-request object is its MD5. */
  readonly md5Etags: boolean;
  readonly region: string;
}

const LIKES: S3Dialect = {
  pathStyle: true,
  checksums: "when_required",
  sha256: false,
  tags: false,
  md5Etags: true,
  region: "us-east-1",
};

/** docs/shipping.md says which of them were run against the real server and which come from its documentation. */
const DIALECTS: Readonly<Record<S3Preset, S3Dialect>> = {
  aws: { ...LIKES, pathStyle: false, checksums: "when_supported", sha256: true, tags: true },
  r2: { ...LIKES, region: "auto" },
  gcs: { ...LIKES, region: "auto", md5Etags: false },
  b2: LIKES,
  ceph: { ...LIKES, tags: true },
  minio: { ...LIKES, sha256: true, tags: true },
  versitygw: { ...LIKES, sha256: true, tags: true },
};

/** The preset with the options' own wishes laid over it. */
export function dialectOf(options: S3StoreOptions): S3Dialect {
  const preset = DIALECTS[options.preset];
  // A custom endpoint under the default preset is not AWS: the plainest protocol is the one most likely to work.
  const base = options.preset === "aws" && options.endpoint !== undefined ? { ...LIKES, tags: true } : preset;
  const checksums = options.checksums ?? base.checksums;
  return {
    ...base,
    pathStyle: options.path_style ?? base.pathStyle,
    checksums,
    sha256: options.checksums === undefined ? base.sha256 : checksums === "when_supported",
    // KMS makes the ETag something else.
    md5Etags: base.md5Etags && options.encryption.kind !== "kms",
  };
}
