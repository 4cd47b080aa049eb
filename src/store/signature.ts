import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { errorMessage, StoreError } from "../base/errors.ts";

/** Beside the manifest: the 64 bytes of its Ed25519 signature, as `openssl pkeyutl -verify -rawin` takes them. */
export const SIGNATURE_NAME = "manifest.sig";

export type Sign = (manifest: Uint8Array) => Uint8Array;

/** @throws {StoreError} `sign_key`: the file is no PEM of an Ed25519 private key. */
export async function loadSigner(path: string): Promise<Sign> {
  try {
    const key = createPrivateKey(await readFile(path));
    if (key.asymmetricKeyType !== "ed25519")
      throw new Error(`it is a key of the kind ${key.asymmetricKeyType}`);
    return (manifest) => sign(null, manifest, key);
  } catch (error) {
    throw new StoreError("sign_key", `upload.sign_key_file: ${path} cannot be used: ${errorMessage(error)}`, {
      retryable: false,
      cause: error,
      hint: "make one with `openssl genpkey -algorithm ed25519 -out FILE`",
    });
  }
}

/** Whether the holder of the private key signed exactly these bytes. The manifest vouches for the files in turn. */
export function isSignedBy(publicKeyPem: string, manifest: Uint8Array, signature: Uint8Array): boolean {
  return verify(null, manifest, createPublicKey(publicKeyPem), signature);
}
