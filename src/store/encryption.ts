import { createReadStream } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Decrypter } from "age-encryption";
import { errorMessage, StoreError } from "../base/errors.ts";

/** Client-side encryption with age (age-encryption.org): what is written of a capture only holders of an identity read. */

/** Appended to an encrypted file's name. */
export const AGE_SUFFIX = ".age";
export const AGE_CONTENT_TYPE = "application/octet-stream";

export interface Encryption {
  /** Public keys, `age1…`. */
  readonly recipients: readonly string[];
  /** The chunks' bytes as one age file; nothing of it is there when reading them fails. */
  encrypt(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** @throws {StoreError} `encrypt_to`: what is no recipient. */
export async function encryptTo(recipients: readonly string[]): Promise<Encryption> {
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (error) {
      throw new StoreError(
        "encrypt_to",
        `spool.encrypt_to: ${recipient} is no recipient: ${errorMessage(error)}`,
        { retryable: false, cause: error, hint: "make one with `age-keygen`: it prints the public key" },
      );
    }
  }
  return {
    recipients,
    async *encrypt(chunks) {
      yield* through(chunks, (stream) => encrypter.encrypt(stream));
    },
  };
}

/** Who can read encrypted captures. */
export class Identities {
  readonly #decrypter: Decrypter;

  private constructor(decrypter: Decrypter) {
    this.#decrypter = decrypter;
  }

  /**
   * Reads an identity file as `age-keygen` writes it: a key a line, and comments.
   *
   * @throws {StoreError} `identity`.
   */
  static async read(path: string): Promise<Identities> {
    const { Decrypter } = await import("age-encryption");
    const decrypter = new Decrypter();
    try {
      const lines = (await readFile(path, "utf8")).split("\n").map((line) => line.trim());
      const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
      if (keys.length === 0) throw new Error("it holds no key");
      for (const key of keys) decrypter.addIdentity(key);
    } catch (error) {
      throw new StoreError("identity", `${path} is no identity file: ${errorMessage(error)}`, {
        retryable: false,
        cause: error,
        hint: "an identity file holds AGE-SECRET-KEY-1… as `age-keygen` writes it",
      });
    }
    return new Identities(decrypter);
  }

  /** @throws {StoreError} `decrypt`: it is for somebody else, or is not what was encrypted. */
  async *decrypt(name: string, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    try {
      yield* through(chunks, (stream) => this.#decrypter.decrypt(stream));
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError("decrypt", `${name} cannot be decrypted: ${errorMessage(error)}`, {
        retryable: false,
        cause: error,
        hint: "the manifest's `encryption.recipients` say whose identity is needed",
      });
    }
  }

  /** Writes `path` without its `.age`, whole or not at all; returns where. */
  async decryptFile(path: string): Promise<string> {
    const plain = path.slice(0, -AGE_SUFFIX.length);
    const partial = `${plain}.partial`;
    await rm(partial, { force: true });
    const file = await open(partial, "wx", 0o600);
    try {
      for await (const chunk of this.decrypt(path, createReadStream(path))) await file.writeFile(chunk);
      await file.close();
      await rename(partial, plain);
    } catch (error) {
      await file.close();
      await rm(partial, { force: true });
      throw error;
    }
    return plain;
  }
}

/** What `transform` makes of the chunks. However it ends, their source is closed. */
async function* through(
  chunks: AsyncIterable<Uint8Array>,
  transform: (stream: ReadableStream<Uint8Array>) => Promise<ReadableStream<Uint8Array>>,
): AsyncIterable<Uint8Array> {
  const source = Readable.from(chunks, { objectMode: true });
  try {
    yield* await transform(Readable.toWeb(source) as ReadableStream<Uint8Array>);
  } finally {
    source.destroy();
  }
}
