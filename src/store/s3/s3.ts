import { readFile } from "node:fs/promises";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { isAbort } from "../../base/abort.ts";
import { StoreError } from "../../base/errors.ts";
import { epochMilliseconds } from "../../base/units.ts";
import { notFound } from "../filesystem.ts";
import type { S3StoreOptions } from "../options.ts";
import type { ByteRange, MultipartStore, ObjectInfo, Store, StoredObject, StoreObject } from "../store.ts";
import { makeClient, openConnections } from "./client.ts";
import { checkEtag } from "./etag.ts";
import { isCredentialsError, s3Error, statusOf } from "./errors.ts";
import { S3Multipart } from "./multipart.ts";
import { presignGet } from "./presign.ts";
import { dialectOf, type S3Dialect } from "./presets.ts";
import { attributesOf, SHA256_METADATA } from "./attributes.ts";

/**
 * S3, and servers that speak its protocol. Each call is one try: the retry loop is the uploader's, because the SDK's
 * own draws on a quota that only successes refill, which a long outage empties (as its other users found).
 */
export class S3Store implements Store {
  readonly kind = "s3";
  readonly location: string;
  readonly multipart: MultipartStore;
  readonly #options: S3StoreOptions;
  readonly #dialect: S3Dialect;
  readonly #prefix: string;
  readonly #connections = openConnections();
  #client: S3Client;
  /** How many times its idle timeout a connection is given. */
  #patience = 1;

  constructor(options: S3StoreOptions) {
    this.#options = options;
    this.#dialect = dialectOf(options);
    this.#prefix = options.prefix === "" ? "" : `${options.prefix}/`;
    this.location = `s3://${options.bucket}${options.prefix === "" ? "" : `/${options.prefix}`}`;
    this.#client = makeClient(options, this.#dialect, this.#connections, this.#patience);
    this.multipart = new S3Multipart(options, this.#dialect, this.#prefix, (what, signal, send) =>
      this.#call(what, signal, send),
    );
  }

  async put(object: StoreObject, signal: AbortSignal): Promise<void> {
    // A stream can be sent but once and goes out in chunks that some servers store as content: never hand in one.
    const body =
      object.body.kind === "bytes" ? object.body.bytes : await readFile(object.body.path, { signal });
    if (body.byteLength !== object.bytes) {
      const told = `${object.key} has ${body.byteLength} bytes, where ${object.bytes} were announced`;
      throw new StoreError("checksum_mismatch", told, { retryable: true });
    }
    const answer = await this.#call(`storing ${object.key}`, signal, (client) =>
      client.send(
        new PutObjectCommand({
          ...this.#at(object.key),
          ...attributesOf(object, this.#options, this.#dialect),
          ...(this.#dialect.sha256
            ? { ChecksumSHA256: Buffer.from(object.sha256, "hex").toString("base64") }
            : {}),
          Body: body,
          ContentLength: body.byteLength,
        }),
        { abortSignal: signal },
      ),
    );
    if (this.#dialect.md5Etags) checkEtag(object.key, answer.ETag, body);
  }

  async get(key: string, range: ByteRange | undefined, signal: AbortSignal): Promise<StoredObject> {
    const bytes = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end ?? ""}` };
    const answer = await this.#call(`reading ${key}`, signal, async (client) => {
      try {
        return await client.send(new GetObjectCommand({ ...this.#at(key), ...bytes }), {
          abortSignal: signal,
        });
      } catch (error) {
        if (statusOf(error) === 404) throw notFound(key, this.location);
        throw error;
      }
    });
    const whole = /\/(\d+)$/.exec(answer.ContentRange ?? "")?.[1] ?? answer.ContentLength;
    const info = infoOf(key, Number(whole ?? 0), answer);
    const length = answer.ContentLength;
    const body = answer.Body as AsyncIterable<Uint8Array> | undefined;
    return { info, body: exactly(key, body ?? empty(), length) };
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined> {
    const checksums = this.#dialect.sha256 ? ({ ChecksumMode: "ENABLED" } as const) : {};
    const answer = await this.#call(`looking at ${key}`, signal, async (client) => {
      try {
        return await client.send(new HeadObjectCommand({ ...this.#at(key), ...checksums }), {
          abortSignal: signal,
        });
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
    return answer === undefined ? undefined : infoOf(key, answer.ContentLength ?? 0, answer);
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo> {
    for await (const page of this.#pages(prefix, undefined, signal)) {
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        const modified = epochMilliseconds(LastModified?.getTime() ?? 0);
        yield { key: Key.slice(this.#prefix.length), bytes: Size ?? 0, modified };
      }
    }
  }

  async *folders(folder: string, signal: AbortSignal): AsyncIterable<string> {
    for await (const page of this.#pages(folder, "/", signal)) {
      for (const { Prefix } of page.CommonPrefixes ?? []) {
        if (Prefix !== undefined) yield Prefix.slice(this.#prefix.length);
      }
    }
  }

  async *#pages(prefix: string, delimiter: string | undefined, signal: AbortSignal) {
    let token: string | undefined;
    do {
      const page = await this.#call(`listing ${prefix}`, signal, (client) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: this.#options.bucket,
            Prefix: this.#prefix + prefix,
            ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          { abortSignal: signal },
        ),
      );
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    await this.#call(`deleting ${key}`, signal, (client) =>
      client.send(new DeleteObjectCommand(this.#at(key)), { abortSignal: signal }),
    );
  }

  async presign(key: string, expiresInSeconds: number, signal: AbortSignal): Promise<string> {
    return this.#call(`signing a link to ${key}`, signal, async (client) => {
      const [keys, region] = await Promise.all([client.config.credentials(), client.config.region()]);
      const { bucket, endpoint = `https://s3.${region}.amazonaws.com` } = this.#options;
      const at = new URL(endpoint);
      const base = this.#dialect.pathStyle
        ? `${at.origin}/${bucket}/`
        : `${at.protocol}//${bucket}.${at.host}/`;
      return presignGet({ base, key: this.#prefix + key, region, keys, now: new Date(), expiresInSeconds });
    });
  }

  close(): void {
    this.#client.destroy();
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#options.bucket, Key: this.#prefix + key };
  }

  async #call<T>(what: string, signal: AbortSignal, send: (client: S3Client) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const client = this.#client;
    try {
      return await send(client);
    } catch (error) {
      if (isAbort(error, signal)) throw signal.reason;
      if (this.#client === client) this.#adapt(error);
      throw s3Error(`${what} in ${this.location}`, error);
    }
  }
  /** What a failure teaches is kept by a new client; the old one's requests end as they will. */
  #adapt(error: unknown): void {
    const timedOut = error instanceof Error && error.name === "TimeoutError" && this.#patience < MAX_PATIENCE;
    // On a very slow line the kernel's buffer alone takes minutes to drain, in which nothing is seen to move.
    if (timedOut) this.#patience *= 2;
    // The SDK keeps keys until they expire by its own clock; a new client asks the whole chain again.
    else if (!isCredentialsError(error)) return;
    this.#client = makeClient(this.#options, this.#dialect, this.#connections, this.#patience);
  }
}

const MAX_PATIENCE = 8;

/** What the SDK gives of an object, in GET and HEAD alike. */
interface Described {
  readonly LastModified?: Date | undefined;
  readonly ContentType?: string | undefined;
  readonly Metadata?: Record<string, string> | undefined;
  readonly ChecksumSHA256?: string | undefined;
}

/** The server's own checksum where it has one of the whole object; else the one that was stored along. */
function infoOf(key: string, bytes: number, answer: Described): ObjectInfo {
  const computed = answer.ChecksumSHA256;
  // Of a multipart object it is a checksum of checksums, `…-3`, and says nothing of ours.
  const whole = computed !== undefined && !computed.includes("-");
  const sha256 = whole ? Buffer.from(computed, "base64").toString("hex") : answer.Metadata?.[SHA256_METADATA];
  return {
    key,
    bytes,
    modified: epochMilliseconds(answer.LastModified?.getTime() ?? 0),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(answer.ContentType === undefined ? {} : { contentType: answer.ContentType }),
  };
}

/** Ends in an error when the body ends early: a cut connection must not pass for a short file. */
async function* exactly(
  key: string,
  body: AsyncIterable<Uint8Array>,
  length: number | undefined,
): AsyncIterable<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      yield chunk;
    }
  } catch (error) {
    throw s3Error(`reading ${key}`, error);
  }
  if (length !== undefined && bytes !== length) {
    const told = `${key} ended after ${bytes} of ${length} bytes`;
    throw new StoreError("truncated", told, { retryable: true });
  }
}

async function* empty(): AsyncIterable<Uint8Array> {
  // An answer without a body.
}
