import { createHash } from "node:crypto";
import { StoreError } from "../../base/errors.ts";

/** An ETag that looks like an MD5 and is not that of the body means that the server holds something else. */
export function checkEtag(key: string, etag: string | undefined, body: Uint8Array): void {
  const theirs = /^"?([0-9a-f]{32})"?$/.exec(etag ?? "")?.[1];
  if (theirs === undefined) return;
  const ours = createHash("md5").update(body).digest("hex");
  if (theirs === ours) return;
  const told = `the store's ETag of ${key} is ${theirs}, where the body's MD5 is ${ours}`;
  throw new StoreError("checksum_mismatch", told, {
    retryable: true,
    hint: "something between the agent and the store changes bodies; behind SSE-KMS set store.encryption",
  });
}
