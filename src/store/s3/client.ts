import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client } from "@aws-sdk/client-s3";
import type { S3StoreOptions } from "../options.ts";
import { credentialsOf } from "./credentials.ts";
import type { S3Dialect } from "./presets.ts";

const MAX_SOCKETS = 16;

/** Connections outlive the client that is replaced by another. */
export interface Connections {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

export function openConnections(): Connections {
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS };
  return { http: new HttpAgent(options), https: new HttpsAgent(options) };
}

export function makeClient(
  options: S3StoreOptions,
  dialect: S3Dialect,
  connections: Connections,
  patience: number,
): S3Client {
  const credentials = credentialsOf(options.credentials);
  return new S3Client({
    maxAttempts: 1,
    ...(options.region !== undefined || options.endpoint !== undefined || dialect.region === "auto"
      ? { region: options.region ?? dialect.region }
      : {}), // Else AWS_REGION or the profile's.
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: dialect.pathStyle,
    requestChecksumCalculation: dialect.checksums === "when_supported" ? "WHEN_SUPPORTED" : "WHEN_REQUIRED",
    responseChecksumValidation: dialect.checksums === "when_supported" ? "WHEN_SUPPORTED" : "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: options.connect_timeout,
      // Without `throwOnRequestTimeout` the SDK warns on the console and waits on.
      requestTimeout: options.request_timeout,
      throwOnRequestTimeout: true,
      socketTimeout: options.idle_timeout * patience,
      httpAgent: connections.http,
      httpsAgent: connections.https,
    },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
}
