import { errorMessage, StoreError } from "../../base/errors.ts";
import { errnoOf } from "../files.ts";

/** The connection's failures; the same request may get through the next time. */
const NETWORK = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPROTO",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** Answers that are about this moment, not about the request. 408 and RequestCanceled: load being shed (Tigris). */
const TRANSIENT = new Set([
  "SlowDown",
  "ServiceUnavailable",
  "InternalError",
  "RequestTimeout",
  "RequestCanceled",
  "RequestTimeTooSkewed",
  "Throttling",
  "ThrottlingException",
  "TooManyRequests",
  "OperationAborted",
  "TimeoutError",
  "IncompleteBody",
  "BadDigest",
  "XAmzContentSHA256Mismatch",
  "XAmzContentChecksumMismatch",
]);

/** The keys are not good now. They may be rotated at any time, so it is retried, but a person should know. */
const CREDENTIALS = new Set([
  "ExpiredToken",
  "ExpiredTokenException",
  "TokenRefreshRequired",
  "InvalidToken",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "CredentialsProviderError",
]);

const HINTS: Readonly<Record<string, string>> = {
  NoSuchBucket: "create the bucket, or correct store.bucket, store.region or store.endpoint",
  AccessDenied:
    "the agent's role needs s3:PutObject, s3:GetObject, s3:ListBucket and s3:AbortMultipartUpload on the prefix",
  PermanentRedirect: "the bucket is in another region: set store.region",
  AuthorizationHeaderMalformed: "the bucket is in another region: set store.region",
  RequestTimeTooSkewed: "this machine's clock is wrong by more than 15 minutes",
  NotImplemented:
    "the server refuses a feature: choose its store.preset, or set store.checksums: when_required",
  ENOTFOUND: "the store's host name does not resolve: check store.endpoint",
  ECONNREFUSED: "nothing listens at the store's address: check store.endpoint",
};

/** What a failure of the SDK means to the retry loop and to the operator. */
export function s3Error(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const name = error instanceof Error ? error.name : "unknown";
  const status = statusOf(error);
  const code = errnoOf(error) ?? codeOf(error) ?? name;
  const known = [code, name];
  const expired = known.some((each) => CREDENTIALS.has(each));
  const retryable =
    expired ||
    known.some((each) => NETWORK.has(each) || TRANSIENT.has(each)) ||
    status === undefined ||
    status >= 500 ||
    status === 408 ||
    status === 429 ||
    // A good answer that could not be understood: cut off on its way.
    (status >= 200 && status < 300);
  const hint = expired
    ? "the store refuses the agent's keys: rotate them, or check store.credentials"
    : (HINTS[code] ?? HINTS[name]);
  const told = `${what}: ${status === undefined ? "" : `HTTP ${status} `}${code}: ${errorMessage(error)}`;
  return new StoreError(snakeCase(code), told, {
    // Node and the SDK know failures that no list holds: without an answer from the server, try again.
    retryable: retryable && status !== 501,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Whether new keys may mend it, so that the SDK must forget those it has. */
export function isCredentialsError(error: unknown): boolean {
  const known = [codeOf(error), error instanceof Error ? error.name : undefined];
  return known.some((each) => each !== undefined && CREDENTIALS.has(each));
}

export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const metadata = error.$metadata as { httpStatusCode?: number } | undefined;
  return metadata?.httpStatusCode;
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("Code" in error)) return undefined;
  return typeof error.Code === "string" ? error.Code : undefined;
}

/** `NoSuchBucket` → `no_such_bucket`, `ECONNRESET` → `econnreset`: bounded in number, so fit for a label. */
function snakeCase(code: string): string {
  const words = /^[A-Z0-9_]+$/.test(code) ? code : code.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2");
  return words.toLowerCase().slice(0, 48);
}
