import { createHash } from "node:crypto";
import { StoreError } from "../../base/errors.ts";
import { MANIFEST_NAME, type Manifest } from "../../capture/manifest.ts";
import { AGE_SUFFIX, type Identities } from "../encryption.ts";
import { readObject } from "../read.ts";
import { isSignedBy, SIGNATURE_NAME } from "../signature.ts";
import type { Store } from "../store.ts";

export interface VerifiedFile {
  readonly name: string;
  /** Undefined: it is what the manifest says. */
  readonly problem: string | undefined;
}

/**
 * Reads a capture where it lies and compares every byte with its manifest; with `identities`, what is encrypted is
 * decrypted as well, which only succeeds for all of what was encrypted, unchanged.
 */
export async function verifyCapture(
  store: Store,
  { manifest, prefix }: { readonly manifest: Manifest; readonly prefix: string },
  signal: AbortSignal,
  identities?: Identities,
): Promise<readonly VerifiedFile[]> {
  const files: VerifiedFile[] = [];
  for (const { name, bytes, sha256 } of manifest.files) {
    let problem = await problemOf(store, prefix + name, { bytes, sha256 }, signal);
    if (problem === undefined && identities !== undefined && name.endsWith(AGE_SUFFIX)) {
      problem = await decryptionProblem(store, prefix + name, identities, signal);
    }
    files.push({ name, problem });
  }
  return files;
}

/** Whether the manifest beside `prefix` was signed by the holder of the key; undefined: it was. */
export async function signatureProblem(
  store: Store,
  prefix: string,
  publicKeyPem: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  let signature: Uint8Array;
  try {
    signature = await readObject(store, prefix + SIGNATURE_NAME, signal);
  } catch (error) {
    if (error instanceof StoreError && error.code === "not_found") return "is not there: it was not signed";
    throw error;
  }
  const manifest = await readObject(store, prefix + MANIFEST_NAME, signal);
  return isSignedBy(publicKeyPem, manifest, signature) ? undefined : "is not the signature of this manifest";
}

async function decryptionProblem(
  store: Store,
  key: string,
  identities: Identities,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { body } = await store.get(key, undefined, signal);
  try {
    for await (const _ of identities.decrypt(key, body)) signal.throwIfAborted();
    return undefined;
  } catch (error) {
    if (error instanceof StoreError && error.code === "decrypt") return error.message;
    throw error;
  }
}

async function problemOf(
  store: Store,
  key: string,
  expected: { readonly bytes: number; readonly sha256: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    const { body } = await store.get(key, undefined, signal);
    for await (const chunk of body) {
      hash.update(chunk);
      bytes += chunk.byteLength;
    }
  } catch (error) {
    if (error instanceof StoreError && error.code === "not_found") return "is not there";
    throw error;
  }
  if (bytes !== expected.bytes) return `has ${bytes} bytes, not ${expected.bytes}`;
  const sha256 = hash.digest("hex");
  return sha256 === expected.sha256 ? undefined : `has the SHA-256 ${sha256}, not ${expected.sha256}`;
}
