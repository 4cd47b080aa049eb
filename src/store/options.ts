import { z } from "zod";
import { parseDuration } from "../base/duration.ts";
import { parseSize } from "../base/size.ts";
import type { Bytes, Milliseconds } from "../base/units.ts";
import { keyTemplateProblem, DEFAULT_KEY_TEMPLATE } from "./keys.ts";

const duration = z.string().transform((text, context): Milliseconds => {
  const value = parseDuration(text);
  if (value === undefined) context.addIssue(`"${text}" is not a duration: write 500ms, 30s, 5m, 12h or 7d`);
  return value ?? (0 as Milliseconds);
});

const size = z.union([z.string(), z.number()]).transform((text, context): Bytes => {
  const value = parseSize(String(text));
  if (value === undefined) context.addIssue(`"${text}" is not a size: write 512KiB, 10MiB or 1.5GiB`);
  return value ?? (0 as Bytes);
});

const filesystemStore = z.strictObject({
  kind: z.literal("filesystem"),
  /** The folder that captures are kept in. Made when it is not there. */
  path: z.string().min(1),
});

/** S3 and what speaks its protocol: a preset sets what the server is known to need; each key below overrides it. */
export const S3_PRESETS = ["aws", "r2", "gcs", "b2", "ceph", "minio", "versitygw"] as const;

const s3Credentials = z.discriminatedUnion("kind", [
  /** Environment, web identity (IRSA), pod identity, profiles, instance metadata: in the SDK's own order. */
  z.strictObject({ kind: z.literal("default") }),
  z.strictObject({
    kind: z.literal("static"),
    access_key_id: z.string().min(1),
    secret_access_key: z.string().min(1),
    session_token: z.string().optional(),
  }),
  /** An AWS credentials file; read again when it changes, so that keys rotate without a restart. */
  z.strictObject({
    kind: z.literal("file"),
    path: z.string().min(1),
    profile: z.string().default("default"),
  }),
]);

const s3Encryption = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("s3") }),
  z.strictObject({ kind: z.literal("kms"), key_id: z.string().optional() }),
]);

const s3Store = z.strictObject({
  kind: z.literal("s3"),
  bucket: z.string().min(1),
  /** Put before every key. */
  prefix: z
    .string()
    .transform((prefix) => prefix.replace(/^\/+|\/+$/g, ""))
    .default(""),
  preset: z.enum(S3_PRESETS).default("aws"),
  region: z.string().optional(),
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  path_style: z.boolean().optional(),
  /** `when_supported` adds a CRC32 or SHA-256 to each request; many S3-likes want `when_required`. */
  checksums: z.enum(["when_supported", "when_required"]).optional(),
  credentials: s3Credentials.default({ kind: "default" }),
  encryption: s3Encryption.default({ kind: "none" }),
  storage_class: z.string().optional(),
  /** Sent with each object where the server takes tags. */
  tags: z.record(z.string().max(128), z.string().max(256)).default({}),
  connect_timeout: duration.prefault("5s"),
  /** A connection on which nothing moves for so long is given up; after such a failure, for up to 8 times as long. */
  idle_timeout: duration.prefault("1m"),
  /** The whole of one request, a part of 8 MiB on the slowest line included. */
  request_timeout: duration.prefault("1h"),
  /** Objects larger than this go up in parts of this size. */
  part_size: size.prefault("8MiB"),
});

export const storeSchema = z.discriminatedUnion("kind", [filesystemStore, s3Store]);

export const SPOOL_POLICIES = ["drop_oldest", "drop_new", "keep_worst"] as const;

export const spoolSchema = z.strictObject({
  /** A folder of this agent alone, on a disk that outlives it. */
  path: z.string().min(1).default("gorewind-spool"),
  max_bytes: size.prefault("2GiB"),
  max_captures: z.number().int().positive().default(10_000),
  /** What goes when the spool is full. Pinned and manual captures never make room for automatic ones. */
  when_full: z.enum(SPOOL_POLICIES).default("keep_worst"),
  /** How long a capture stays here after it is in the store. Such copies are the first to go when room is needed. */
  keep_uploaded: duration.prefault("0s"),
});

export const uploadSchema = z
  .strictObject({
    key: z.string().default(DEFAULT_KEY_TEMPLATE),
    concurrency: z.number().int().min(1).max(16).default(2),
    /** Bytes a second over all uploads; without it, as fast as the line is. */
    max_bytes_per_second: size.optional(),
    /** The first delay after a failure; it doubles up to `max_delay`, and a random share of it is waited. */
    min_delay: duration.prefault("1s"),
    max_delay: duration.prefault("5m"),
    /** Unset: a capture is tried until it is in the store or the spool's quota or retention drops it. */
    give_up_after: duration.optional(),
    /** `head`: size and checksum as the store says; `read`: the object is read back and hashed. */
    verify: z.enum(["head", "read"]).default("head"),
    /** How often new captures are added to the index beside them (Parquet, a file a day); `0` keeps no index. */
    index_every: duration.prefault("1m"),
    /** PEM of an Ed25519 private key: each manifest is signed, in `manifest.sig` beside it. */
    sign_key_file: z.string().min(1).optional(),
    /** Multipart uploads under our prefix that are older than this are aborted. */
    abort_leftovers_after: duration.prefault("7d"),
  })
  .superRefine((upload, context) => {
    const problem = keyTemplateProblem(upload.key);
    if (problem !== undefined) context.addIssue({ code: "custom", path: ["key"], message: problem });
    if (upload.max_delay < upload.min_delay) {
      context.addIssue({ code: "custom", path: ["max_delay"], message: "must be at least min_delay" });
    }
  });

const retentionLimits = z.strictObject({
  max_age: duration.optional(),
  max_bytes: size.optional(),
  max_captures: z.number().int().positive().optional(),
  /** So many of the worst, by severity and then by age, outlive the limits above. */
  keep_worst: z.number().int().nonnegative().default(0),
});

/** Limits for each service. Pinned and manual captures always stay. */
export const retentionSchema = z.strictObject({
  /** What the agent deletes at the destination, of its own services only. Unset: nothing. */
  store: retentionLimits.optional(),
  /** What it gives up of what is not yet uploaded. Unset: only the spool's quota does. */
  spool: retentionLimits.optional(),
  every: duration.prefault("1h"),
});

export type StoreOptions = z.infer<typeof storeSchema>;
export type FilesystemStoreOptions = z.infer<typeof filesystemStore>;
export type S3StoreOptions = z.infer<typeof s3Store>;
export type S3Preset = (typeof S3_PRESETS)[number];
export type SpoolOptions = z.infer<typeof spoolSchema>;
export type SpoolPolicy = (typeof SPOOL_POLICIES)[number];
export type UploadOptions = z.infer<typeof uploadSchema>;
export type RetentionLimits = z.infer<typeof retentionLimits>;
export type RetentionOptions = z.infer<typeof retentionSchema>;
