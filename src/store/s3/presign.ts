import { createHash, createHmac } from "node:crypto";
import type { S3Keys } from "./credentials.ts";

export interface PresignRequest {
  /** Scheme, host and the path up to the key, which is not yet escaped: `https://host/bucket/`. */
  readonly base: string;
  readonly key: string;
  readonly region: string;
  readonly keys: S3Keys;
  readonly now: Date;
  /** At most a week, says S3. */
  readonly expiresInSeconds: number;
}

/**
 * A link that anyone may GET the object with: Signature Version 4 in the query, the body unsigned, the host the only
 * signed header. (The SDK's own presigner is a package of its own that is not released in step with the client.)
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presignGet(request: PresignRequest): string {
  const { base, key, region, keys, now } = request;
  const url = new URL(base);
  const path = url.pathname + key.split("/").map(escape).join("/");
  const time = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, ""); // 20260311T142502Z
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const query = [
    ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    ["X-Amz-Credential", `${keys.accessKeyId}/${scope}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", String(Math.min(request.expiresInSeconds, 604_800))],
    ...(keys.sessionToken === undefined ? [] : [["X-Amz-Security-Token", keys.sessionToken]]),
    ["X-Amz-SignedHeaders", "host"],
  ]
    .map(([name = "", value = ""]) => `${escape(name)}=${escape(value)}`)
    .join("&");
  const canonical = ["GET", path, query, `host:${url.host}`, "", "host", "UNSIGNED-PAYLOAD"].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  let signingKey: string | Buffer = `AWS4${keys.secretAccessKey}`;
  for (const part of scope.split("/")) signingKey = hmac(signingKey, part);
  const signature = hmac(signingKey, toSign).toString("hex");
  return `${url.protocol}//${url.host}${path}?${query}&X-Amz-Signature=${signature}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** RFC 3986: encodeURIComponent leaves five characters that must be escaped here. */
function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
