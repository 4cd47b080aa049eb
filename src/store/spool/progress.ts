import { z } from "zod";
import { assertNever } from "../../base/errors.ts";

/** How far each capture of the spool has come, as the journal tells it. */

const captureId = z.string();
const multipartPart = z.object({
  part: z.number().int().positive(),
  etag: z.string(),
  checksum: z.string().optional(),
});

const journalRecord = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("accepted"), id: captureId, at: z.string() }),
  /** An upload begins; from now on the capture keeps this place, whatever the configuration says later. */
  z.object({ kind: z.literal("uploading"), id: captureId, location: z.string(), prefix: z.string() }),
  z.object({
    kind: z.literal("multipart"),
    id: captureId,
    file: z.string(),
    upload_id: z.string(),
    part_bytes: z.number().int().positive(),
  }),
  z.object({
    kind: z.literal("part"),
    id: captureId,
    file: z.string(),
    upload_id: z.string(),
    done: multipartPart,
  }),
  /** One file is in the store, and the store's size and checksum are right. */
  z.object({ kind: z.literal("uploaded"), id: captureId, file: z.string() }),
  /** All of them and the manifest are. */
  z.object({ kind: z.literal("verified"), id: captureId, at: z.string() }),
  z.object({ kind: z.literal("failed"), id: captureId, at: z.string(), code: z.string() }),
  z.object({ kind: z.literal("pinned"), id: captureId, pinned: z.boolean() }),
  z.object({ kind: z.literal("removed"), id: captureId, reason: z.string() }),
]);

export type JournalRecord = z.infer<typeof journalRecord>;
export type DonePart = z.infer<typeof multipartPart>;

/** A record that is not known is none: a newer version may have written it. */
export function decodeRecord(json: string): JournalRecord | undefined {
  try {
    return journalRecord.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

export interface MultipartProgress {
  readonly uploadId: string;
  /** As it was begun; the configuration may say otherwise by now. */
  readonly partBytes: number;
  readonly parts: Map<number, DonePart>;
}

/** Mutable: it belongs to the spool, which changes it by `apply` alone. */
export interface Progress {
  accepted: string | undefined;
  destination: { readonly location: string; readonly prefix: string } | undefined;
  readonly multiparts: Map<string, MultipartProgress>;
  readonly uploaded: Set<string>;
  /** When the last check succeeded, ISO 8601. */
  verified: string | undefined;
  pinned: boolean;
  /** It is given up; the record stays until its folder is durably gone, lest a power cut bring it back. */
  removed: boolean;
}

export type ProgressById = Map<string, Progress>;

export function newProgress(): Progress {
  return {
    accepted: undefined,
    destination: undefined,
    multiparts: new Map(),
    uploaded: new Set(),
    verified: undefined,
    pinned: false,
    removed: false,
  };
}

/** Brings `all` up to date with one record. Applying a record twice changes nothing more. */
export function apply(all: ProgressById, record: JournalRecord): void {
  let progress = all.get(record.id);
  if (progress === undefined) {
    progress = newProgress();
    all.set(record.id, progress);
  }
  switch (record.kind) {
    case "accepted":
      progress.accepted = record.at;
      return;
    case "uploading":
      if (
        progress.destination?.location !== record.location ||
        progress.destination.prefix !== record.prefix
      ) {
        progress.multiparts.clear();
        progress.uploaded.clear();
      }
      progress.destination = { location: record.location, prefix: record.prefix };
      return;
    case "multipart":
      progress.multiparts.set(record.file, {
        uploadId: record.upload_id,
        partBytes: record.part_bytes,
        parts: new Map(),
      });
      return;
    case "part": {
      const multipart = progress.multiparts.get(record.file);
      if (multipart?.uploadId === record.upload_id) multipart.parts.set(record.done.part, record.done);
      return;
    }
    case "uploaded":
      progress.multiparts.delete(record.file);
      progress.uploaded.add(record.file);
      return;
    case "verified":
      progress.verified = record.at;
      return;
    case "failed":
      return;
    case "pinned":
      progress.pinned = record.pinned;
      return;
    case "removed":
      progress.removed = true;
      return;
    default:
      assertNever(record);
  }
}

/** The records that make `all` anew from nothing. */
export function* recordsOf(all: ProgressById): Generator<JournalRecord> {
  for (const [id, progress] of all) {
    if (progress.removed) {
      yield { kind: "removed", id, reason: "" };
      continue;
    }
    if (progress.accepted !== undefined) yield { kind: "accepted", id, at: progress.accepted };
    if (progress.pinned) yield { kind: "pinned", id, pinned: true };
    if (progress.destination !== undefined) yield { kind: "uploading", id, ...progress.destination };
    for (const [file, { uploadId, partBytes, parts }] of progress.multiparts) {
      yield { kind: "multipart", id, file, upload_id: uploadId, part_bytes: partBytes };
      for (const done of parts.values()) yield { kind: "part", id, file, upload_id: uploadId, done };
    }
    for (const file of progress.uploaded) yield { kind: "uploaded", id, file };
    if (progress.verified !== undefined) yield { kind: "verified", id, at: progress.verified };
  }
}
