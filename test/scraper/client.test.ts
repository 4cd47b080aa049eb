import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ScrapeError } from "../../src/base/errors.ts";
import { milliseconds } from "../../src/base/units.ts";
import { createClient } from "../../src/scraper/client/client.ts";
import type { AddressTrust } from "../../src/scraper/client/guard.ts";
import { clientFields, clientOf } from "../../src/scraper/client/options.ts";
import { fingerprint } from "../../src/scraper/client/secret.ts";
import { traceOptions } from "../../src/scraper/options.ts";
import { get } from "../../src/scraper/request.ts";
import { streamTrace } from "../../src/scraper/stream.ts";
import { buildGo, goUnavailable } from "../support/go.ts";
import { start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import {
  createAuthority,
  opensslUnavailable,
  type Authority,
  type Certificate,
} from "../support/certificates.ts";

const skip = requireOrSkip(
  "TLS with a real Go server",
  (await goUnavailable()) ?? (await opensslUnavailable()),
);

const options = (raw: object) => clientOf(z.strictObject(clientFields).parse(raw));
const LIMITS = { headersTimeout: milliseconds(10_000), idleTimeout: milliseconds(10_000) };

let folder: string;
const open: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-client-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function client(raw: object, address: string, trust: AddressTrust = "configured") {
  const dispatcher = createClient(options(raw), { address, trust, folder });
  open.push(() => dispatcher.destroy());
  return async (url: string): Promise<{ status: number; text: string }> => {
    const response = await get(dispatcher, new URL(url), LIMITS, new AbortController().signal);
    return { status: response.statusCode, text: await response.body.text() };
  };
}

async function serve(
  answer: (request: IncomingMessage) => { status?: number; headers?: Record<string, string>; body?: string },
): Promise<string> {
  const server: Server = createServer((request, response) => {
    const { status = 200, headers = {}, body = "" } = answer(request);
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function failureOf(work: Promise<unknown>): Promise<ScrapeError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ScrapeError)) throw new Error(`no ScrapeError: ${inspect(error)}`);
  return error;
}

describe("TLS where there is none", () => {
  it("is an error that says which scheme is meant", async () => {
    const address = await serve(() => ({}));
    const error = await failureOf(client({}, address)(`https://${address}/`));
    expect(error).toMatchObject({ kind: "tls", hint: expect.stringMatching(/scheme http meant/) as string });
  });
});

describe("credentials", () => {
  it("are sent as Prometheus sends them, and read from their files each time", async () => {
    const seen: IncomingMessage["headers"][] = [];
    const address = await serve(({ headers }) => {
      seen.push(headers);
      return {};
    });
    await writeFile(join(folder, "token"), "one\n");
    await writeFile(join(folder, "header"), "from-file\n");
    const bearer = client(
      {
        authorization: { credentials_file: "token" },
        http_headers: { "X-Tenant": { values: ["a", "b"], secrets: ["s"], files: ["header"] } },
      },
      address,
    );
    await bearer(`http://${address}/`);
    await writeFile(join(folder, "token"), "two\n");
    await bearer(`http://${address}/`);
    expect(seen.map((headers) => headers.authorization)).toEqual(["Bearer one", "Bearer two"]);
    expect(seen[0]?.["x-tenant"]).toBe("a, b, s, from-file");

    await client({ basic_auth: { username: "me", password: "pässword" } }, address)(`http://${address}/`);
    const basic = Buffer.from(seen.at(-1)?.authorization?.slice("Basic ".length) ?? "", "base64").toString();
    expect(basic).toBe("me:pässword");
    await client({ authorization: { type: "Token", credentials: "x" } }, address)(`http://${address}/`);
    expect(seen.at(-1)?.authorization).toBe("Token x");
  });

  it("that cannot be read are an error with the file's name, and nothing is sent", async () => {
    let asked = 0;
    const address = await serve(() => {
      asked++;
      return {};
    });
    const work = client({ authorization: { credentials_file: "nowhere" } }, address)(`http://${address}/`);
    const error = await failureOf(work);
    expect(error).toMatchObject({ kind: "credentials", message: `cannot use ${join(folder, "nowhere")}` });
    expect(asked).toBe(0);
  });

  it("are never shown", () => {
    const raw = {
      authorization: { credentials: "hush-hush" },
      http_headers: { X: { secrets: ["hush-hush"] } },
    };
    const parsed = options(raw);
    expect(JSON.stringify(parsed)).toContain("<secret>");
    for (const text of [JSON.stringify(parsed), inspect(parsed, { depth: 9 })]) {
      expect(text).not.toContain("hush-hush");
    }
    // Yet two of them are known apart.
    const other = options({ authorization: { credentials: "other" } });
    expect(fingerprint(options({ authorization: { credentials: "other" } }))).toBe(fingerprint(other));
    expect(fingerprint(options({ authorization: { credentials: "another" } }))).not.toBe(fingerprint(other));
  });

  it.each([
    [
      { authorization: { credentials: "a", credentials_file: "b" } },
      /at most one of credentials and credentials_file/,
    ],
    [{ authorization: {} }, /credentials or credentials_file is missing/],
    [{ authorization: { type: "Basic", credentials: "x" } }, /for Basic, use basic_auth/],
    [{ tls_config: { cert_file: "c" } }, /needs both cert_file and key_file/],
    [{ tls_config: { ca: "text" } }, /expected PEM/],
    [{ http_headers: { Host: { values: ["x"] } } }, /this header cannot be set/],
    [{ http_headers: { X: { values: ["a\r\nb"] } } }, /one line/],
  ])("refuses %j", (raw, message) => {
    expect(z.strictObject(clientFields).safeParse(raw).error?.message).toMatch(message);
  });
});

describe("redirects", () => {
  it("are not followed", async () => {
    const address = await serve(() => ({
      status: 302,
      headers: { location: "http://169.254.169.254/latest/" },
    }));
    expect(await client({}, address)(`http://${address}/`)).toMatchObject({ status: 302 });
  });

  it("that may be followed lose the credentials at another origin, and lead to no metadata or loopback", async () => {
    const seen: (string | undefined)[] = [];
    const address = await serve(({ url = "", headers }) => {
      seen.push(`${url} ${headers.authorization}`);
      const location = { "/here": "/end", "/meta": "http://169.254.169.254/latest/" }[url];
      const elsewhere = url === "/other" ? `http://localhost:${address.split(":")[1]}/end` : undefined;
      const to = location ?? elsewhere;
      return to === undefined ? { body: "end" } : { status: 302, headers: { location: to } };
    });
    const ask = client({ follow_redirects: true, authorization: { credentials: "t" } }, address);
    expect(await ask(`http://${address}/here`)).toEqual({ status: 200, text: "end" });
    expect(seen).toEqual(["/here Bearer t", "/end Bearer t"]);
    expect(await failureOf(ask(`http://${address}/meta`))).toMatchObject({ kind: "forbidden" });
    expect(await failureOf(ask(`http://${address}/other`))).toMatchObject({ kind: "forbidden" });
  });
});

describe("a trace", () => {
  const trace = traceOptions.parse({});
  const stream = async (answer: { headers: Record<string, string>; body?: string; status?: number }) => {
    const address = await serve(() => answer);
    const dispatcher = createClient(options({}), { address, trust: "configured", folder });
    open.push(() => dispatcher.destroy());
    const target = { name: "t", job: "t", address, scheme: "http", labels: {} } as const;
    let opened = false;
    const ended = streamTrace(
      dispatcher,
      target,
      trace,
      milliseconds(1000),
      () => {
        opened = true;
      },
      () => true,
      new AbortController().signal,
    );
    const error = await failureOf(ended);
    expect(opened).toBe(false);
    return error;
  };

  it("that comes packed is refused before a byte of it is unpacked", async () => {
    const body = gzipSync(Buffer.alloc(1024 * 1024)).toString("latin1");
    const error = await stream({ headers: { "content-encoding": "gzip" }, body });
    expect(error).toMatchObject({
      kind: "format",
      message: expect.stringMatching(/packs its trace as gzip/) as string,
    });
  });

  it("is not looked for where a redirect leads", async () => {
    const error = await stream({ status: 307, headers: { location: "http://169.254.169.254/" } });
    expect(error).toMatchObject({
      kind: "status",
      hint: expect.stringMatching(/Redirects are not followed/) as string,
    });
  });
});

describe("discovered addresses", () => {
  it("are not connected to when they lead to loopback, by whatever name", async () => {
    const address = await serve(() => ({ body: "secret" }));
    const port = address.split(":")[1] ?? "";
    for (const host of ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0", "[::1]"]) {
      const ask = client({}, `${host}:${port}`, "discovered");
      expect(await failureOf(ask(`http://${host}:${port}/`)), host).toMatchObject({ kind: "forbidden" });
    }
    const allowed = client({}, address, "discovered-loopback");
    expect(await allowed(`http://${address}/`)).toEqual({ status: 200, text: "secret" });
    expect(
      await failureOf(client({}, "169.254.169.254", "discovered-loopback")("http://169.254.169.254/")),
    ).toMatchObject({
      kind: "forbidden",
      code: "scrape_forbidden",
    });
  });
});

describe.skipIf(skip)("a Go server with TLS", { timeout: 240_000 }, () => {
  let binary: string;
  let authority: Authority;
  let server: Certificate;
  beforeAll(async () => {
    binary = await buildGo("test/go/tlspprof");
    authority = await createAuthority(folder);
    server = await authority.issue("server", ["DNS:shop.test", "IP:127.0.0.1", "IP:::1"]);
  });

  async function launch(...args: string[]) {
    const child = await start(binary, args);
    open.push(() => child.stop());
    const line = await child.line((text) => text.startsWith("listening "));
    return { address: line.slice("listening ".length), child };
  }
  const tls = () => ["-cert", server.cert, "-key", server.key];
  const page = "/debug/pprof/cmdline";

  it("is trusted by its authority only", async () => {
    const { address } = await launch(...tls());
    const trusted = client({ tls_config: { ca_file: "ca.crt" } }, address);
    expect((await trusted(`https://${address}${page}`)).status).toBe(200);
    const untrusted = await failureOf(client({}, address)(`https://${address}${page}`));
    expect(untrusted).toMatchObject({ kind: "tls" });
    expect(untrusted.hint).toMatch(/ca_file/);
    const anyone = client({ tls_config: { insecure_skip_verify: true } }, address);
    expect((await anyone(`https://${address}${page}`)).status).toBe(200);
  });

  it("must have the name that is asked for", async () => {
    const { address } = await launch(...tls());
    const named = (name: string) => client({ tls_config: { ca_file: "ca.crt", server_name: name } }, address);
    expect((await named("shop.test")(`https://${address}${page}`)).status).toBe(200);
    expect(await failureOf(named("other.test")(`https://${address}${page}`))).toMatchObject({ kind: "tls" });
  });

  it("gets the client's certificate, a rotated one at the next connection", async () => {
    const { address } = await launch(...tls(), "-client-ca", authority.cert);
    const none = await failureOf(
      client({ tls_config: { ca_file: "ca.crt" } }, address)(`https://${address}${page}`),
    );
    expect(none.kind).toMatch(/^(tls|truncated)$/);
    const foreign = await createAuthority(folder, "foreign");
    const bad = await foreign.issue("intruder");
    const good = await authority.issue("client");
    const files = { ca_file: "ca.crt", cert_file: "mine.crt", key_file: "mine.key" };
    const use = async ({ cert, key }: Certificate): Promise<void> => {
      await copyFile(cert, join(folder, "mine.crt"));
      await copyFile(key, join(folder, "mine.key"));
    };
    await use(bad);
    const ask = client({ tls_config: files }, address);
    expect((await failureOf(ask(`https://${address}${page}`))).kind).toMatch(/^(tls|truncated)$/);
    await use(good);
    expect((await ask(`https://${address}${page}`)).status).toBe(200);
  });

  it("can be on IPv6", async () => {
    const { address } = await launch(...tls(), "-addr", "[::1]:0");
    const ask = client({ tls_config: { ca_file: "ca.crt" } }, address);
    expect((await ask(`https://${address}${page}`)).status).toBe(200);
  });

  it("can be on a unix socket, with a token", async () => {
    const socket = join(folder, "pprof.sock");
    await writeFile(join(folder, "socket-token"), "open sesame");
    await launch("-network", "unix", "-addr", socket, "-token-file", join(folder, "socket-token"));
    const refused = client({}, `unix:${socket}`);
    expect((await refused(`http://localhost${page}`)).status).toBe(401);
    const ask = client({ authorization: { credentials_file: "socket-token" } }, `unix:${socket}`);
    expect((await ask(`http://localhost${page}`)).status).toBe(200);
    const missing = await failureOf(client({}, "unix:/nowhere.sock")(`http://localhost${page}`));
    expect(missing).toMatchObject({ kind: "connect", message: "cannot connect to /nowhere.sock (ENOENT)" });
  });

  it("is asked for TLS 1.3 when that is the least", async () => {
    const { address } = await launch(...tls());
    const ask = client({ tls_config: { ca_file: "ca.crt", min_version: "TLS13" } }, address);
    expect((await ask(`https://${address}${page}`)).status).toBe(200);
  });
});
