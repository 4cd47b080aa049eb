import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createStore } from "../../src/store/create.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { seededBytes, sha256 } from "./support/captures.ts";
import { s3Options } from "./support/s3-options.ts";

const never = new AbortController().signal;
const skip = requireOrSkip("the SDK's chain of credentials", await s3Unavailable());

/** Hands out keys as ECS, as EC2's instance metadata and as STS do; without a session token, of which versitygw knows nothing. */
async function startMetadata(keys: () => Keys): Promise<Server> {
  const server = createServer((request, response) => {
    const { id, secret } = keys();
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const url = request.url ?? "";
    if (url === "/latest/api/token") return response.end("token");
    if (url === "/latest/meta-data/iam/security-credentials/") return response.end("role");
    if (request.method === "GET") {
      const body = { AccessKeyId: id, SecretAccessKey: secret, Token: "", Expiration: expires };
      return response
        .setHeader("content-type", "application/json")
        .end(JSON.stringify({ Code: "Success", ...body }));
    }
    return response.setHeader("content-type", "text/xml").end(
      `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${id}</AccessKeyId>
         <SecretAccessKey>${secret}</SecretAccessKey><SessionToken></SessionToken>
         <Expiration>${expires}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
       </AssumeRoleWithWebIdentityResponse>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

interface Keys {
  readonly id: string;
  readonly secret: string;
}

describe.skipIf(skip)("credentials of the default chain", () => {
  let s3: S3Server;
  let metadata: Server;
  let folder: string;
  let secret = "";
  beforeAll(async () => {
    s3 = await startS3({ buckets: ["captures"] });
    metadata = await startMetadata(() => ({ id: s3.accessKeyId, secret }));
    folder = await mkdtemp(join(tmpdir(), "gorewind-chain-"));
    await writeFile(join(folder, "token"), "a service account's token");
  });
  afterAll(async () => {
    metadata?.close();
    await s3?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(() => vi.unstubAllEnvs());

  const at = (path = ""): string => `http://127.0.0.1:${(metadata.address() as AddressInfo).port}${path}`;

  const SOURCES: readonly { name: string; env: () => Readonly<Record<string, string>> }[] = [
    { name: "ECS and EKS Pod Identity", env: () => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: at("/keys") }) },
    { name: "EC2's instance metadata", env: () => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: at() }) },
    {
      name: "a web identity (IRSA)",
      env: () => ({
        AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"),
        AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/captures",
        AWS_ENDPOINT_URL_STS: at(),
        AWS_REGION: "us-east-1",
      }),
    },
  ];

  test.each(SOURCES)("$name: rotated keys count without a restart", { timeout: 60_000 }, async ({ env }) => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"])
      vi.stubEnv(name, undefined);
    for (const name of ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"])
      vi.stubEnv(name, join(folder, "none"));
    for (const [name, value] of Object.entries(env())) vi.stubEnv(name, value);
    secret = "revoked";
    const store = await createStore(s3Options(s3, "captures", { credentials: { kind: "default" } }));
    const bytes = seededBytes(1000, 1);
    const object = { key: "x", contentType: "x/y", bytes: 1000, sha256: sha256(bytes) };
    const put = (): Promise<void> => store.put({ ...object, body: { kind: "bytes", bytes } }, never);
    await expect(put()).rejects.toMatchObject({ code: "signature_does_not_match", retryable: true });
    secret = s3.secretAccessKey;
    await put();
    expect(await store.head("x", never)).toMatchObject({ bytes: 1000 });
    store.close();
  });

  test("keys of the environment, and of a profile", async () => {
    const credentials = join(folder, "credentials");
    const pair = `aws_access_key_id = ${s3.accessKeyId}\naws_secret_access_key = ${s3.secretAccessKey}`;
    await writeFile(credentials, `[captures]\n${pair}\n`);
    const environments = [
      { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey },
      { AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_PROFILE: "captures" },
    ];
    for (const env of environments) {
      for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
      const store = await createStore(s3Options(s3, "captures", { credentials: { kind: "default" } }));
      expect(await store.head("nothing", never)).toBeUndefined();
      store.close();
      vi.unstubAllEnvs();
    }
  });
});
