import { z } from "zod";
import { duration, size } from "../schema/schema.ts";
import { keyTemplateProblem, DEFAULT_KEY_TEMPLATE } from "./keys.ts";

const filesystemStore = z.strictObject({
  kind: z.literal("filesystem"),
  path: z.string().min(1).describe("The folder that captures are kept in. Made when it is not there."),
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
  bucket: z.string().min(1).describe("The bucket; it must be there."),
  prefix: z
    .string()
    .transform((prefix) => prefix.replace(/^\/+|\/+$/g, ""))
    .default("")
    .describe("Put before every key."),
  preset: z.enum(S3_PRESETS).default("aws").describe("What the server is known to need."),
  region: z.string().optional().describe("Unset: AWS_REGION or the profile's; with an endpoint, us-east-1."),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Of a server that is not AWS."),
  path_style: z.boolean().optional().describe("https://host/bucket/key instead of https://bucket.host/key."),
  checksums: z
    .enum(["when_supported", "when_required"])
    .optional()
    .describe(
      "`when_supported` adds a CRC32 or SHA-256 to each request; many S3-likes want `when_required`.",
    ),
  credentials: s3Credentials.default({ kind: "default" }).describe("Where the keys come from."),
  encryption: s3Encryption.default({ kind: "none" }).describe("Server-side encryption to ask for."),
  storage_class: z.string().optional().describe("Such as STANDARD_IA; unset: the bucket's."),
  tags: z
    .record(z.string().max(128), z.string().max(256))
    .default({})
    .describe("Sent with each object where the server takes tags."),
  connect_timeout: duration().prefault("5s").describe("How long a connection may take to be made."),
  idle_timeout: duration()
    .prefault("1m")
    .describe(
      "A connection on which nothing moves for so long is given up; after such a failure, for up to 8 times as long.",
    ),
  request_timeout: duration()
    .prefault("1h")
    .describe("The whole of one request, a part of 8 MiB on the slowest line included."),
  part_size: size().prefault("8MiB").describe("Objects larger than this go up in parts of this size."),
});

export const storeSchema = z.discriminatedUnion("kind", [filesystemStore, s3Store]);

export const SPOOL_POLICIES = ["drop_oldest", "drop_new", "keep_worst"] as const;

export const spoolSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .default("gorewind-spool")
    .describe("A folder of this agent alone, on a disk that outlives it."),
  max_bytes: size().prefault("2GiB").describe("The spool's quota, of whole captures."),
  max_captures: z.number().int().positive().default(10_000).describe("The spool's quota in captures."),
  when_full: z
    .enum(SPOOL_POLICIES)
    .default("keep_worst")
    .describe(
      "What goes when the spool is full. Pinned and manual captures never make room for automatic ones.",
    ),
  ring_max_bytes: size()
    .prefault("1GiB")
    .describe(
      "Disk for mirrored rings (`ring.persist`), over all targets and beside max_bytes; the oldest goes.",
    ),
  encrypt_to: z
    .array(z.string().regex(/^age1[0-9a-z]+$/, "an age recipient begins with age1"))
    .max(16)
    .default([])
    .describe(
      "age recipients (age1…): every file of a capture but its manifest is encrypted to them before it is written.",
    ),
  keep_uploaded: duration()
    .prefault("0s")
    .describe(
      "How long a capture stays here after it is in the store. Such copies are the first to go when room is needed.",
    ),
});

const metricsOptions = z.strictObject({
  every: duration().prefault("15m").describe("How often a file is written."),
  signals: z
    .array(z.string())
    .optional()
    .describe("Only these of the trace's signals; unset: all. See docs/triggers.md for their names."),
  max_rows: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100_000)
    .describe("Rows of one file, which wait in memory; more are dropped and counted."),
  keep: duration().prefault("30d").describe("How long this agent's files stay."),
});

export const uploadSchema = z
  .strictObject({
    key: z
      .string()
      .default(DEFAULT_KEY_TEMPLATE)
      .describe(
        "Where a capture lies in the store, made from {service}, {job}, {target}, {rule}, {severity}, {id}, {time}, {yyyy}, {mm}, {dd}, {hh}; it must hold {id}.",
      ),
    concurrency: z.number().int().min(1).max(16).default(2).describe("Captures uploaded at once."),
    max_bytes_per_second: size()
      .optional()
      .describe("Bytes a second over all uploads; without it, as fast as the line is."),
    min_delay: duration()
      .prefault("1s")
      .describe(
        "The first delay after a failure; it doubles up to `max_delay`, and a random share of it is waited.",
      ),
    max_delay: duration().prefault("5m").describe("The longest delay after a failure."),
    give_up_after: duration()
      .optional()
      .describe(
        "Unset: a capture is tried until it is in the store or the spool's quota or retention drops it.",
      ),
    verify: z
      .enum(["head", "read"])
      .default("head")
      .describe("`head`: size and checksum as the store says; `read`: the object is read back and hashed."),
    index_every: duration()
      .prefault("1m")
      .describe(
        "How often new captures are added to the index beside them (Parquet, a file a day); `0` keeps no index.",
      ),
    metrics: metricsOptions
      .optional()
      .describe("A row for each series of each generation, as Parquet beside the index. Unset: none."),
    sign_key_file: z
      .string()
      .min(1)
      .optional()
      .describe("PEM of an Ed25519 private key: each manifest is signed, in `manifest.sig` beside it."),
    abort_leftovers_after: duration()
      .prefault("7d")
      .describe("Multipart uploads under our prefix that are older than this are aborted."),
  })
  .superRefine((upload, context) => {
    const problem = keyTemplateProblem(upload.key);
    if (problem !== undefined) context.addIssue({ code: "custom", path: ["key"], message: problem });
    if (upload.max_delay < upload.min_delay) {
      context.addIssue({ code: "custom", path: ["max_delay"], message: "must be at least min_delay" });
    }
  });

const retentionLimits = z.strictObject({
  max_age: duration().optional().describe("Older ones go."),
  max_bytes: size().optional().describe("Beyond so many bytes the oldest go."),
  max_captures: z.number().int().positive().optional().describe("Beyond so many the oldest go."),
  keep_worst: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe("So many of the worst, by severity and then by age, outlive the limits above."),
});

/** Limits for each service. Pinned and manual captures always stay. */
export const retentionSchema = z.strictObject({
  store: retentionLimits
    .optional()
    .describe(
      "What the agent deletes at the destination, of its own services only. Unset: nothing in a bucket, what is beyond 10GiB of a service in a folder.",
    ),
  spool: retentionLimits
    .optional()
    .describe("What it gives up of what is not yet uploaded. Unset: only the spool's quota does."),
  every: duration().prefault("1h").describe("How often the limits are applied."),
});

export type StoreOptions = z.infer<typeof storeSchema>;
export type FilesystemStoreOptions = z.infer<typeof filesystemStore>;
export type S3StoreOptions = z.infer<typeof s3Store>;
export type S3Preset = (typeof S3_PRESETS)[number];
export type SpoolOptions = z.infer<typeof spoolSchema>;
export type SpoolPolicy = (typeof SPOOL_POLICIES)[number];
export type UploadOptions = z.infer<typeof uploadSchema>;
export type MetricsOptions = z.infer<typeof metricsOptions>;
export type RetentionLimits = z.infer<typeof retentionLimits>;
export type RetentionOptions = z.infer<typeof retentionSchema>;
