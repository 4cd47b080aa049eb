import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { createHash } from "node:crypto";
import { StoreError } from "../../base/errors.ts";
import { epochMilliseconds, type EpochMilliseconds } from "../../base/units.ts";
import type { S3StoreOptions } from "../options.ts";
import type { MultipartPart, MultipartStore, MultipartUpload, ObjectDescription } from "../store.ts";
import { attributesOf } from "./attributes.ts";
import { statusOf } from "./errors.ts";
import type { S3Dialect } from "./presets.ts";
import { checkEtag } from "./etag.ts";

/** S3 refuses smaller parts, except the last. */
const MIN_PART_BYTES = 5 * 1024 * 1024;

type Call = <T>(what: string, signal: AbortSignal, send: (client: S3Client) => Promise<T>) => Promise<T>;

export class S3Multipart implements MultipartStore {
  readonly partBytes: number;
  readonly #options: S3StoreOptions;
  readonly #dialect: S3Dialect;
  readonly #prefix: string;
  readonly #call: Call;

  constructor(options: S3StoreOptions, dialect: S3Dialect, prefix: string, call: Call) {
    this.partBytes = Math.max(MIN_PART_BYTES, options.part_size);
    this.#options = options;
    this.#dialect = dialect;
    this.#prefix = prefix;
    this.#call = call;
  }

  async begin(object: ObjectDescription, signal: AbortSignal): Promise<string> {
    const answer = await this.#call(`beginning the parts of ${object.key}`, signal, (client) =>
      client.send(
        new CreateMultipartUploadCommand({
          ...this.#at(object.key),
          ...attributesOf(object, this.#options, this.#dialect),
          ...(this.#dialect.sha256 ? { ChecksumAlgorithm: "SHA256" } : {}),
        }),
        { abortSignal: signal },
      ),
    );
    if (answer.UploadId !== undefined) return answer.UploadId;
    throw new StoreError("no_upload_id", `the store gave no upload id for ${object.key}`, {
      retryable: true,
    });
  }

  async put(
    upload: MultipartUpload,
    part: number,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<MultipartPart> {
    const checksum = this.#dialect.sha256 ? createHash("sha256").update(bytes).digest("base64") : undefined;
    const answer = await this.#call(`storing part ${part} of ${upload.key}`, signal, (client) =>
      client.send(
        new UploadPartCommand({
          ...this.#at(upload.key),
          UploadId: upload.uploadId,
          PartNumber: part,
          Body: bytes,
          ContentLength: bytes.byteLength,
          ...(checksum === undefined ? {} : { ChecksumSHA256: checksum }),
        }),
        { abortSignal: signal },
      ),
    );
    if (answer.ETag === undefined) {
      throw new StoreError("no_etag", `the store gave no ETag for part ${part}`, { retryable: true });
    }
    if (this.#dialect.md5Etags) checkEtag(`part ${part} of ${upload.key}`, answer.ETag, bytes);
    return { part, etag: answer.ETag, ...(checksum === undefined ? {} : { checksum }) };
  }

  async complete(
    upload: MultipartUpload,
    parts: readonly MultipartPart[],
    signal: AbortSignal,
  ): Promise<void> {
    const Parts = parts
      .toSorted((a, b) => a.part - b.part)
      .map(({ part, etag, checksum }) => ({
        PartNumber: part,
        ETag: etag,
        ...(checksum === undefined ? {} : { ChecksumSHA256: checksum }),
      }));
    await this.#call(`joining the parts of ${upload.key}`, signal, (client) =>
      client.send(
        new CompleteMultipartUploadCommand({
          ...this.#at(upload.key),
          UploadId: upload.uploadId,
          MultipartUpload: { Parts },
        }),
        { abortSignal: signal },
      ),
    );
  }

  async abort(upload: MultipartUpload, signal: AbortSignal): Promise<void> {
    await this.#call(`aborting the parts of ${upload.key}`, signal, async (client) => {
      try {
        const command = new AbortMultipartUploadCommand({
          ...this.#at(upload.key),
          UploadId: upload.uploadId,
        });
        await client.send(command, { abortSignal: signal });
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
    });
  }

  async *list(
    prefix: string,
    signal: AbortSignal,
  ): AsyncIterable<MultipartUpload & { readonly begun: EpochMilliseconds }> {
    let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
    while (marker !== undefined) {
      const at: { KeyMarker?: string; UploadIdMarker?: string } = marker;
      const page = await this.#call(`listing unfinished uploads under ${prefix}`, signal, (client) =>
        client.send(
          new ListMultipartUploadsCommand({
            Bucket: this.#options.bucket,
            Prefix: this.#prefix + prefix,
            ...at,
          }),
          { abortSignal: signal },
        ),
      );
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined) continue;
        const begun = epochMilliseconds(Initiated?.getTime() ?? 0);
        yield { key: Key.slice(this.#prefix.length), uploadId: UploadId, begun };
      }
      marker =
        page.IsTruncated === true && page.NextKeyMarker !== undefined
          ? {
              KeyMarker: page.NextKeyMarker,
              ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
            }
          : undefined;
    }
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#options.bucket, Key: this.#prefix + key };
  }
}
