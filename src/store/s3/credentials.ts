import { readFile } from "node:fs/promises";
import { assertNever, errorMessage, StoreError } from "../../base/errors.ts";
import type { S3StoreOptions } from "../options.ts";

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Where the keys come from; undefined leaves it to the SDK's default chain. */
export function credentialsOf(options: S3StoreOptions["credentials"]): (() => Promise<S3Keys>) | undefined {
  switch (options.kind) {
    case "default":
      return undefined;
    case "static":
      return () =>
        Promise.resolve({
          accessKeyId: options.access_key_id,
          secretAccessKey: options.secret_access_key,
          ...(options.session_token === undefined ? {} : { sessionToken: options.session_token }),
        });
    case "file":
      // Keys that have always just expired are read again for each request: a rotated file counts at once.
      return async () => ({ ...(await readKeys(options.path, options.profile)), expiration: new Date(0) });
    default:
      return assertNever(options);
  }
}

async function readKeys(path: string, profile: string): Promise<S3Keys> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new StoreError("credentials", `the credentials file cannot be read: ${errorMessage(error)}`, {
      retryable: false,
      cause: error,
    });
  }
  const keys = parseProfile(text, profile);
  const accessKeyId = keys.get("aws_access_key_id");
  const secretAccessKey = keys.get("aws_secret_access_key");
  const sessionToken = keys.get("aws_session_token");
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new StoreError("credentials", `${path} has no keys for the profile [${profile}]`, {
      retryable: false,
      hint: "it needs aws_access_key_id and aws_secret_access_key in that section",
    });
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** The keys of one section of an AWS credentials file. */
function parseProfile(text: string, profile: string): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(.+?)\s*\]\s*$/.exec(line);
    if (section !== null) {
      inside = section[1] === profile;
      continue;
    }
    const pair = /^\s*([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (inside && pair !== null) keys.set((pair[1] ?? "").toLowerCase(), pair[2] ?? "");
  }
  return keys;
}
