import { z } from "zod";
import { Secret, type SecretSource } from "./secret.ts";

const inline = z.string().min(1).max(65_536);
const file = z
  .string()
  .min(1)
  .describe("Read again whenever it is used, so that it can be rotated. Relative to the configuration.");

function source(text: string | undefined, path: string | undefined): SecretSource | undefined {
  if (path !== undefined) return { kind: "file", path };
  return text === undefined ? undefined : { kind: "inline", secret: new Secret(text) };
}

/** Says that `a` and `a_file` are two ways to give one thing. */
function oneOf<T extends object>(...names: readonly (keyof T & string)[]) {
  return (raw: T, context: z.RefinementCtx): void => {
    const given = names.filter((name) => raw[name] !== undefined);
    if (given.length < 2) return;
    const message = `at most one of ${given.join(" and ")} can be given`;
    context.addIssue({ code: "custom", path: [given[1] ?? ""], message });
  };
}

type Authorization = { credentials?: string | undefined; credentials_file?: string | undefined };
const authorization = z
  .strictObject({
    type: z
      .string()
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: "expected one word, such as Bearer" })
      .refine((type) => type.toLowerCase() !== "basic", { error: "for Basic, use basic_auth" })
      .default("Bearer"),
    credentials: inline.optional(),
    credentials_file: file.optional(),
  })
  .superRefine(oneOf<Authorization>("credentials", "credentials_file"))
  .transform((raw, context) => {
    const credentials = source(raw.credentials, raw.credentials_file);
    if (credentials !== undefined) return { type: raw.type, credentials };
    context.addIssue({ code: "custom", message: "credentials or credentials_file is missing" });
    return z.NEVER;
  });

type BasicAuth = Readonly<Record<"username" | "username_file" | "password" | "password_file", unknown>>;
const basicAuth = z
  .strictObject({
    username: z
      .string()
      .max(1024)
      .refine((name) => !name.includes(":"), { error: "a user name has no colon" })
      .optional(),
    username_file: file.optional(),
    password: inline.optional(),
    password_file: file.optional(),
  })
  .superRefine(oneOf<Partial<BasicAuth>>("username", "username_file"))
  .superRefine(oneOf<Partial<BasicAuth>>("password", "password_file"))
  .transform((raw) => ({
    username: source(raw.username ?? "", raw.username_file),
    password: source(raw.password, raw.password_file),
  }));

const pem = inline.refine((text) => text.includes("-----BEGIN"), { error: "expected PEM (-----BEGIN …)" });

type TlsText = Partial<
  Readonly<Record<"ca" | "ca_file" | "cert" | "cert_file" | "key" | "key_file", unknown>>
>;
const tlsConfig = z
  .strictObject({
    ca: pem.optional(),
    ca_file: file.optional(),
    cert: pem.optional(),
    cert_file: file.optional(),
    key: pem.optional(),
    key_file: file.optional(),
    server_name: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe("The name in the server's certificate, when it is not the host of the address."),
    insecure_skip_verify: z
      .boolean()
      .default(false)
      .describe("Take any certificate: whoever is in between can read and change what comes."),
    min_version: z.enum(["TLS10", "TLS11", "TLS12", "TLS13"]).default("TLS12"),
  })
  .superRefine(oneOf<TlsText>("ca", "ca_file"))
  .superRefine(oneOf<TlsText>("cert", "cert_file"))
  .superRefine(oneOf<TlsText>("key", "key_file"))
  .transform((raw, context) => {
    const cert = source(raw.cert, raw.cert_file);
    const key = source(raw.key, raw.key_file);
    if ((cert === undefined) !== (key === undefined)) {
      context.addIssue({ code: "custom", message: "a client certificate needs both cert_file and key_file" });
    }
    return {
      ca: source(raw.ca, raw.ca_file),
      cert,
      key,
      serverName: raw.server_name,
      insecureSkipVerify: raw.insecure_skip_verify,
      minVersion: raw.min_version,
    };
  });

/** Headers that say how the exchange itself goes, or that have options of their own. */
const RESERVED = new Set(
  "accept-encoding authorization connection content-length expect host keep-alive proxy-authorization te trailer transfer-encoding upgrade".split(
    " ",
  ),
);

const headerValue = z
  .string()
  .max(8192)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: "a header's value is one line of Latin-1" });
const httpHeaders = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: "a header's name has letters, digits and hyphens" })
      .refine((name) => !RESERVED.has(name.toLowerCase()), {
        error: "this header cannot be set here: authorization and basic_auth are for credentials",
      }),
    z.strictObject({
      values: z.array(headerValue).default([]),
      secrets: z.array(headerValue).default([]).describe("As values, but shown as <secret>."),
      files: z.array(file).default([]),
    }),
  )
  .transform((raw) =>
    Object.entries(raw).map(([name, { values, secrets, files }]) => ({
      name,
      values: [
        ...[...values, ...secrets].map((text): SecretSource => ({
          kind: "inline",
          secret: new Secret(text),
        })),
        ...files.map((path): SecretSource => ({ kind: "file", path })),
      ],
    })),
  );

/** Prometheus' HTTP client options; a section that speaks HTTP spreads these among its own. */
export const clientFields = {
  authorization: authorization.optional().describe("The Authorization header."),
  basic_auth: basicAuth.optional().describe("User name and password."),
  tls_config: tlsConfig
    .prefault({})
    .describe("For scheme https. Certificates are verified unless told otherwise."),
  http_headers: httpHeaders.prefault({}).describe("More headers of every request."),
  follow_redirects: z
    .boolean()
    .default(false)
    .describe("Follow at most three redirects. Off by default: a target could send the agent elsewhere."),
};

const fields = z.object(clientFields);
type ClientFields = z.output<typeof fields>;

/** How the agent speaks HTTP to someone, as the configuration has it. */
export interface ClientOptions {
  readonly authorization: ClientFields["authorization"];
  readonly basicAuth: ClientFields["basic_auth"];
  readonly tls: ClientFields["tls_config"];
  readonly headers: ClientFields["http_headers"];
  readonly followRedirects: boolean;
}

export type TlsOptions = ClientOptions["tls"];

/** The client options among a section's. */
export function clientOf(raw: ClientFields): ClientOptions {
  return {
    authorization: raw.authorization,
    basicAuth: raw.basic_auth,
    tls: raw.tls_config,
    headers: raw.http_headers,
    followRedirects: raw.follow_redirects,
  };
}

/** For `superRefine`: only one thing can be in the Authorization header. */
export function oneCredential(
  raw: Readonly<{ authorization?: unknown; basic_auth?: unknown }>,
  context: z.RefinementCtx,
): void {
  if (raw.authorization === undefined || raw.basic_auth === undefined) return;
  context.addIssue({
    code: "custom",
    path: ["basic_auth"],
    message: "at most one of authorization and basic_auth can be given",
  });
}
